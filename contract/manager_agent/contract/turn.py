"""A request's last turn: what it adds to the request before, found without reading all of it.

An agent sends its whole history each time, so that no two requests of a loop are equal, but their
last turns are: the model's last answer (the tool it called, with which arguments) and what followed
(the result). Ids that providers make anew each time are left out.
"""

import re

_ANSWERS = ('"assistant"', '"function_call"', '"model"')
_MARKS = ('"role"', '"type"')
_IDS = re.compile(
    r'"(?:id|call_id|tool_call_id|tool_use_id|toolCallId|toolUseId|response_id)"\s*:\s*"[^"]*"'
)
_LONGEST = 200_000
"""Characters of a turn that are told apart; what is longer has new content for certain."""


def last_turn(request: str) -> str | None:
    """Return the last turn of a request in JSON, None where no answer of a model is in it.

    It begins with the end of the message before the answer, since an object's keys may come in any
    order. Works on chat completions, responses, messages, contents and the GenAI conventions alike.
    """
    found = max(_last_value(request, word) for word in _ANSWERS)
    if found < 0:
        return None
    mark = max(request.rfind(each, 0, found) for each in _MARKS)
    word = '"type"' if request.startswith('"type"', mark) else '"role"'
    before = request.rfind(word, 0, max(mark, 0))
    turn = request[max(before, 0) :]
    return _IDS.sub("", turn[-_LONGEST:])


def _last_value(request: str, word: str) -> int:
    """Return where `word` is last a value and not a key, -1 where it never is."""
    at = request.rfind(word)
    while at >= 0 and request[at + len(word) : at + len(word) + 9].lstrip()[:1] == ":":
        at = request.rfind(word, 0, at)
    return at
