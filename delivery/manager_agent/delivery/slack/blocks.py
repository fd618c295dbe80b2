"""A card as Slack's Block Kit, within Slack's limits, written down and not."""

import json
from collections.abc import Iterator, Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from manager_agent.delivery.facts import Field
from manager_agent.delivery.kind import Button, harmless
from manager_agent.delivery.slack.markup import code, date, escape, fit, link
from manager_agent.delivery.slack.parts import parts_within
from manager_agent.delivery.wording import Card

HEADER_LIMIT = 150
TEXT_LIMIT = 3000
FIELD_LIMIT = 2000
BUTTON_LIMIT = 75
FIELDS_A_SECTION = 10
MOST_BLOCKS = 50
TOTAL_LIMIT = 12_000
"""Characters of all blocks together as JSON. Slack says nowhere that there is such a limit, and
refuses blocks of some 13,200 with `msg_blocks_too_long`."""

MOST_FIELDS = 30
SENTENCE_LIMIT = 1500
"""Our own limits: a message longer than a screen is not read."""

FALLBACK_LIMIT = 500
"""Our own limit for the line that a phone's notification shows."""

_ORIGIN_ROOM, _FIELD_OVERHEAD = 900, 10
"""Characters of JSON that the last line, and what stands around a fact, take at most."""

_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵", "resolved": "✅"}


def blocks(card: Card, *, interactive: bool = True) -> list[Block]:
    """Return `card` as blocks: title, sentence, facts, parts, what was done and is to do, buttons.

    `interactive`: whether an answer would reach us; else there are no buttons, which would be dead.
    What does not fit is left out from the end of the facts, then of the parts, and counted.
    """
    drawn = [_markdown(_field(one), FIELD_LIMIT) for one in card.fields[:MOST_FIELDS]]
    top, end = _top(card), _end(card, interactive)
    room = TOTAL_LIMIT - _size(top) - _size(end) - _ORIGIN_ROOM
    shown = _that_fit(drawn, room)
    top += [SectionBlock(fields=row) for row in _rows(shown)]
    end.append(ContextBlock(elements=[_markdown(_origin(card, len(shown)), FIELD_LIMIT)]))
    room = TOTAL_LIMIT - _size(top) - _size(end)
    return [*top, *parts_within(card.sections, room, MOST_BLOCKS - len(top) - len(end)), *end]


def fallback(card: Card) -> str:
    """Return the one line for notifications and for readers without blocks."""
    return fit(f"{_title(card)} — {escape(card.text)}", FALLBACK_LIMIT)


def _top(card: Card) -> list[Block]:
    return [
        HeaderBlock(text=PlainTextObject(text=fit(_title(card), HEADER_LIMIT), emoji=False)),
        SectionBlock(text=_markdown(escape(card.text), SENTENCE_LIMIT)),
    ]


def _end(card: Card, interactive: bool) -> list[Block]:
    notes = (("What was done", card.done), ("What to do", card.advice))
    end: list[Block] = [
        SectionBlock(text=_markdown(f"*{title}*\n{escape(said)}", SENTENCE_LIMIT))
        for title, said in notes
        if said
    ]
    # A value that is no plain id is nothing that we asked about; cut, it would be another's.
    buttons = [_button(one) for one in card.buttons if interactive and harmless(one.value)]
    return [*end, ActionsBlock(elements=buttons)] if buttons else end


def _that_fit(drawn: Sequence[MarkdownTextObject], room: int) -> list[MarkdownTextObject]:
    shown = []
    for one in drawn:
        room -= len(json.dumps(one.to_dict(), ensure_ascii=False)) + _FIELD_OVERHEAD
        if room < 0:
            break
        shown.append(one)
    return shown


def _rows(shown: Sequence[MarkdownTextObject]) -> Iterator[Sequence[MarkdownTextObject]]:
    for start in range(0, len(shown), FIELDS_A_SECTION):
        yield shown[start : start + FIELDS_A_SECTION]


def _size(blocks: Sequence[Block]) -> int:
    return len(json.dumps([one.to_dict() for one in blocks], ensure_ascii=False))


def _title(card: Card) -> str:
    # Escaped although it is plain text: Slack keeps plain text in its escaped form too.
    return f"{card.mark or _MARKS.get(card.severity, '⚪')} {escape(card.title)}"


def _field(field: Field) -> str:
    value = escape(field.value)
    if field.at is not None:
        value = date(field.at)
    elif field.code:
        value = code(field.value)
    return f"*{escape(field.label)}*\n{value}"


def _button(button: Button) -> ButtonElement:
    return ButtonElement(
        text=PlainTextObject(text=fit(escape(button.text), BUTTON_LIMIT), emoji=False),
        action_id=button.action,
        value=button.value,
        style=button.style,
    )


def _origin(card: Card, shown: int) -> str:
    more = len(card.fields) - shown
    left_out = [f"{more} more facts in the table `alerts`"] if more else []
    name = [code(card.reference)] if card.reference else []
    where = [link(card.link, "all alerts")] if card.link else []
    parts = [escape(card.severity), escape(card.kind), date(card.ts)]
    return " · ".join(parts + name + where + left_out)


def _markdown(text: str, limit: int) -> MarkdownTextObject:
    # Verbatim: else Slack makes links of bare URLs and channel names found in agents' names.
    return MarkdownTextObject(text=fit(text, limit), verbatim=True)
