"""The fleet's last eight days, as a file that `manager-agent import` reads: pure but for `write`.

What is dear today is told by what was usual, and a saving by what was done all week.
"""

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

DAYS = 8


@dataclass(frozen=True, slots=True)
class PastCall:
    """One row of the file; the names of its fields are the columns. Tokens; `timestamp`: UTC."""

    timestamp: str
    request_id: str
    agent: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Habit:
    """What an agent does all day: so many calls an hour, all alike, spread over the hour."""

    agent: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int


HABITS = (
    Habit("coding-agent", "anthropic", "claude-sonnet-4-6", 3, 3_000, 150),
    # Short questions, short answers, a dear model: what a cheaper one could do.
    Habit("triage-agent", "openai", "gpt-4o", 6, 900, 60),
)


def past(until: datetime) -> Iterator[PastCall]:
    """Yield the calls of the `DAYS` before the clock hour of `until` (UTC), oldest first."""
    end = until.replace(minute=0, second=0, microsecond=0)
    for hours in range(DAYS * 24, 0, -1):
        for habit in HABITS:
            yield from _hour(habit, end - timedelta(hours=hours))


def _hour(habit: Habit, start: datetime) -> Iterator[PastCall]:
    for number in range(habit.calls):
        at = start + timedelta(hours=1) * (number + 0.5) / habit.calls
        # Real work is never twice the same: a tenth more or less, by the hour.
        more = 1 + ((start.hour * 7 + number * 3) % 5 - 2) / 20
        yield PastCall(
            timestamp=at.isoformat(),
            request_id=f"past-{habit.agent}-{at:%Y%m%d%H%M%S}",
            agent=habit.agent,
            provider=habit.provider,
            model=habit.model,
            input_tokens=round(habit.input_tokens * more),
            output_tokens=habit.output_tokens,
        )


def write(path: Path, until: datetime) -> int:
    """Write the calls before `until` (UTC) into a CSV file; return how many there are."""
    rows = [astuple(call) for call in past(until)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(field.name for field in fields(PastCall))
        table.writerows(rows)
    return len(rows)
