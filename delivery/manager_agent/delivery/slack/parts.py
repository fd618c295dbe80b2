"""The parts of a report as blocks: a title, sentences, and a table in a block of code.

Not Slack's own `table` block: a message may hold one of them only, below all else, and older
clients show nothing in its place (docs/messages.md).
"""

import json
from collections.abc import Iterator, Sequence

from slack_sdk.models.blocks import Block, ContextBlock, MarkdownTextObject, SectionBlock

from manager_agent.delivery.slack.markup import escape, fit
from manager_agent.delivery.table import table
from manager_agent.delivery.text import lines, sentence
from manager_agent.rules.message import Section

TEXT_LIMIT = 3000
PART_LIMIT = 2800
"""Characters of a part's words or table, so that one part leaves room for the others."""

_LEAST = 400
"""Room below which a part is left out rather than begun."""

_NOTE = 200
"""Room for the line that counts what was left out, as JSON."""


def parts_within(sections: Sequence[Section], room: int, most: int) -> list[Block]:
    """Return the blocks of `sections` in their order, at most `most`, of `room` characters of JSON.

    Tables lose rows at their end; parts that do not fit at all are counted in a line.
    """
    blocks: list[Block] = []
    room -= _NOTE
    for number, section in enumerate(sections):
        new = list(_part(section, min(room, PART_LIMIT))) if room >= _LEAST else []
        size = _size(new)
        if not new and _empty(section):
            continue
        if not new or size > room or len(blocks) + len(new) >= most:
            blocks.append(_left_out(len(sections) - number))
            break
        room -= size
        blocks += new
    return blocks


def _part(section: Section, room: int) -> Iterator[Block]:
    title, said = escape(sentence(section.title)), [escape(line) for line in lines(section.text)]
    dot = "• " if len(said) > 1 else ""
    words = [f"*{title}*"] if title else []
    words += [f"{dot}{line}" for line in said]
    if words:
        text = fit("\n".join(words), min(room // 2 if section.columns else room, TEXT_LIMIT))
        yield _expanded(text)
        room -= len(text)
    drawn = table(section, length=max(room - _NOTE, 0), weight=_weight)
    if drawn:
        lined = escape("\n".join(drawn))
        yield _expanded(f"```\n{lined}\n```")


def _weight(line: str) -> int:
    """Return the characters of a line as JSON: an `&` takes five, a quote two, its end two."""
    return len(json.dumps(escape(line), ensure_ascii=False))


def _empty(section: Section) -> bool:
    return not (section.columns or lines(section.text) or sentence(section.title))


def _left_out(count: int) -> Block:
    words = "1 more part" if count == 1 else f"{count} more parts"
    note = f"{words}: `manager-agent report` prints all of it."
    return ContextBlock(elements=[MarkdownTextObject(text=note, verbatim=True)])


def _expanded(text: str) -> Block:
    # Else Slack folds a long one behind "See more", in the middle of a table.
    return SectionBlock(text=MarkdownTextObject(text=text, verbatim=True), expand=True)


def _size(blocks: Sequence[Block]) -> int:
    return sum(len(json.dumps(one.to_dict(), ensure_ascii=False)) + 2 for one in blocks)
