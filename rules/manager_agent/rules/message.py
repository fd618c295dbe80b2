"""What the rules tell people: facts, not wording. Delivery chooses the words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["info", "warning", "critical"]
State = Literal["firing", "resolved"]
Fact = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report below the headline and the facts.

    `title`: a few words, may be empty. `text`: sentences, one a line. `columns`: the heads of a
    table, empty where there is none; `rows`: its lines, as many cells as heads, already in words
    (`$1.20`, `1,200`); a cell that begins with a digit, `$`, `+` or `-` is a number.
    """

    title: str
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell people, at most once per `key`.

    `key`: idempotency key; the outbox keeps one row a key, whatever the number of ticks.
    `kind`: the rule's name, e.g. `budget`; `still_open` for the reminder of what is open.
    `alert_id`: the alert this is about; one alert may have several messages; empty where it is
    about several. `headline`: one sentence with the numbers that matter.
    `ts`: UTC. `facts`: numbers and names behind the headline, in the order people should read
    them; amounts of money are decimal strings in USD under keys that end in `_usd`. `sections`:
    what a report has to tell beyond them.
    """

    key: str
    alert_id: str
    kind: str
    state: State
    severity: Severity
    agent: str | None
    headline: str
    ts: datetime
    facts: Mapping[str, Fact]
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it waits in the outbox: `attempts` made so far, `queued` since when (UTC)."""

    message: Message
    attempts: int
    queued: datetime
