"""A card as Slack's Block Kit, within Slack's limits."""

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from manager_agent.delivery.facts import Field
from manager_agent.delivery.slack.markup import code, date, escape, fit
from manager_agent.delivery.wording import Card

HEADER_LIMIT = 150
TEXT_LIMIT = 3000
FIELD_LIMIT = 2000
FIELDS_A_SECTION = 10
MOST_FIELDS = 30
"""Our own limit: a message longer than a screen is not read."""

FALLBACK_LIMIT = 500
"""Our own limit for the line that a phone's notification shows."""

_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵", "resolved": "✅"}


def blocks(card: Card) -> list[Block]:
    """Return `card` as blocks: title, sentence, facts, what to do, and where it comes from."""
    parts: list[Block] = [
        HeaderBlock(text=PlainTextObject(text=fit(_title(card), HEADER_LIMIT), emoji=False)),
        SectionBlock(text=_markdown(escape(card.text), TEXT_LIMIT)),
    ]
    shown = card.fields[:MOST_FIELDS]
    for start in range(0, len(shown), FIELDS_A_SECTION):
        row = shown[start : start + FIELDS_A_SECTION]
        parts.append(SectionBlock(fields=[_markdown(_field(one), FIELD_LIMIT) for one in row]))
    if card.advice:
        parts.append(SectionBlock(text=_markdown(f"*What to do*\n{_advice(card)}", TEXT_LIMIT)))
    parts.append(ContextBlock(elements=[_markdown(_origin(card), FIELD_LIMIT)]))
    return parts


def fallback(card: Card) -> str:
    """Return the one line for notifications and for readers without blocks."""
    return fit(f"{_title(card)} — {escape(card.text)}", FALLBACK_LIMIT)


def _title(card: Card) -> str:
    # Escaped although it is plain text: Slack keeps plain text in its escaped form too.
    return f"{_MARKS.get(card.severity, '⚪')} {escape(card.title)}"


def _field(field: Field) -> str:
    value = escape(field.value)
    if field.at is not None:
        value = date(field.at)
    elif field.code:
        value = code(field.value)
    return f"*{escape(field.label)}*\n{value}"


def _advice(card: Card) -> str:
    return escape(card.advice or "")


def _origin(card: Card) -> str:
    more: Sequence[Field] = card.fields[MOST_FIELDS:]
    left_out = [f"{len(more)} more facts in the table `alerts`"] if more else []
    parts = [escape(card.severity), escape(card.kind), date(card.ts), code(card.reference)]
    return " · ".join(parts + left_out)


def _markdown(text: str, limit: int) -> MarkdownTextObject:
    # Verbatim: else Slack makes links of bare URLs and channel names found in agents' names.
    return MarkdownTextObject(text=fit(text, limit), verbatim=True)
