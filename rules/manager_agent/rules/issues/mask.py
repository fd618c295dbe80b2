"""Takes out of an error's sentence what differs from one time to the next."""

import re
from collections.abc import Callable
from functools import lru_cache

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s'\"`<>)\]},]+", re.I), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (
        re.compile(
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
            r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? \w{3} \d{4} \d\d:\d\d:\d\d(?: \w{3,4})?"
            r"|\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b"
            r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w* \d\d?,? \d{4}\b"
        ),
        "<time>",
    ),
    (
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I),
        "<id>",
    ),
    (
        re.compile(
            r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
            r"|(?<![\w:])\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\]?(?::\d+)?(?![\w:])",
            re.I,
        ),
        "<ip>",
    ),
    (
        re.compile(
            r"(?<![\w.-])(?:[\w-]+\.)+(?:com|ai|io|net|org|dev|cloud|local|internal|azure|co|app)"
            r"(?::\d+)?(?![\w.-]*\w)|\blocalhost(?::\d+)?\b",
            re.I,
        ),
        "<host>",
    ),
    (re.compile(r"\b[A-Z]:\\[^\s'\"`]+"), "<path>"),
    (re.compile(r"(?<![\w<])(?:~|\.{1,2})?/(?:[\w.@%+~=-]+/)*[\w.@%+~=-]+/?"), "<path>"),
    (re.compile(r"\barn:aws[\w-]*:[^\s'\"]+"), "<id>"),
    (re.compile(r"(?<!\w)(['\"`])(?:(?!\1).)*?\1(?!\w)"), "<str>"),
    (re.compile(r"[“‘«][^”’»]*[”’»]"), "<str>"),
    (
        re.compile(r"<(?!(?:url|email|time|id|ip|host|path|str|num|obj)>)[\w.]+(?: [^<>]*)?>"),
        "<obj>",
    ),
    (re.compile(r"\b[A-Za-z_]\w*(?:\.\w+)*\(\)"), "<str>()"),
    (re.compile(r"\{.*\}|\{[^}]*$"), "<obj>"),
    (re.compile(r"\[(?!masked\])[^\][]*\]"), "<obj>"),
    (re.compile(r"\[masked\]"), "<id>"),
    (
        re.compile(
            r"\b(?:req|request|org|proj|user|chatcmpl|resp|msg|toolu|call|file|asst|thread|run"
            r"|batch|key|sk|acct|sess|ses|conv|gen|cmpl|vs)[_-](?=\w*[\dA-Z-])[\w-]{6,}"
        ),
        "<id>",
    ),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b", re.I), "<id>"),
    (
        re.compile(
            r"(?<![\w.])[-+$€]?\d+(?:[.,_]\d+)*(?:e[+-]?\d+)?"
            r"(?:\s?(?:ms|us|ns|s|m|h|d|[kmgt]i?b|b|k|x|%|sec|secs|seconds?|minutes?|hours?|days?)"
            r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))*)?(?![\w-]|\.\d)",
            re.I,
        ),
        "<num>",
    ),
    (re.compile(r"(?<![\w<])(?=[\w.:-]*\d)[\w]+(?:[.:_@-]+\w+)*"), "<id>"),
    (re.compile(r"(?<=\w=)(?!<)[^\s,;)&]+"), "<str>"),
)
_LISTED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"<{name}>(?:\s*(?:,|;|and|or|,\s*and|,\s*or)\s*<{name}>)+"), f"<{name}>")
    for name in ("str", "num", "id", "obj", "path", "host", "url")
)
_SPACE = re.compile(r"\s+")
MASKS = frozenset(
    f"<{name}>"
    for name in ("url", "email", "time", "id", "ip", "host", "path", "str", "num", "obj", "*")
)


def masked(sentence: str) -> str:
    """Return a sentence with its numbers, ids, names in quotes, paths, addresses and times masked.

    `Limit 30000, Used 29880` becomes `Limit <num>, Used <num>`; lists of one kind become one mask.
    """
    for pattern, mask in (*_MASKS, *_LISTED):
        sentence = pattern.sub(mask, sentence)
    return _SPACE.sub(" ", sentence).strip()


def tokens_of(text: str, most: int = 32) -> tuple[str, ...]:
    """Return the words of a masked sentence, at most `most`: the end of a long one is often cut."""
    return tuple(text.split(" ")[:most]) if text else ()


@lru_cache(16_384)
def bare(token: str) -> str:
    """Return a word as it is compared: without case, marks around it, and the plural's s."""
    if mask := _mask_in(token):
        return mask
    word = token.strip(".,:;!?()[]{}\"'`-*").lower()
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _mask_in(token: str) -> str | None:
    start = token.find("<")
    if start < 0:
        return None
    mask = token[start : token.find(">", start) + 1]
    return mask if mask in MASKS and len(token) - len(mask) <= 4 else None


Masking = Callable[[str], tuple[str, ...]]
"""A version of the way from what an error says to its words."""
