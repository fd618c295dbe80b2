"""A message as plain text: what `manager-agent report` prints, and what e-mail would carry."""

from collections.abc import Iterator
from datetime import UTC

from manager_agent.delivery.facts import Field
from manager_agent.delivery.table import columns_of, table
from manager_agent.delivery.text import lines, sentence
from manager_agent.delivery.wording import Card, card
from manager_agent.rules.message import Message, Section

WIDTH = 100
"""Columns that a terminal is taken to have."""


def text(message: Message, dashboard_url: str | None = None, width: int = WIDTH) -> str:
    """Return `message` as lines of plain text that end in a newline; `width`: of its tables."""
    return "\n".join(_lines(card(message, dashboard_url), width)) + "\n"


def pairs(fields: tuple[Field, ...]) -> list[str]:
    """Return a line a fact, the values below each other."""
    wide = max((columns_of(field.label) for field in fields), default=0)
    return [
        f"{field.label}{' ' * (wide - columns_of(field.label))}  {field.value}" for field in fields
    ]


def part(section: Section, width: int) -> Iterator[str]:
    """Yield the lines of a section: its title underlined, its sentences, its table."""
    title = sentence(section.title)
    if title:
        yield title
        yield "─" * columns_of(title)
    yield from lines(section.text)
    yield from table(section, width)


def _lines(shown: Card, width: int) -> Iterator[str]:
    title = shown.title if shown.severity == "info" else f"{shown.severity.upper()}: {shown.title}"
    yield title
    yield "═" * columns_of(title)
    yield shown.text
    if shown.fields:
        yield ""
        yield from (f"  {line}" for line in pairs(shown.fields))
    for section in shown.sections:
        yield ""
        yield from part(section, width)
    yield from _ending(shown)


def _ending(shown: Card) -> Iterator[str]:
    words = (("Done", shown.done), ("To do", shown.advice), ("More", shown.link))
    each = [f"{name}: {said}" for name, said in words if said]
    yield from ["", *each]
    when = f"{shown.ts.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield " · ".join(word for word in (when, shown.kind, shown.reference) if word)
