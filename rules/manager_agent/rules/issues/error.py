"""One error of a call or a tool, as the frames have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import polars as pl

from manager_agent.analytics.frames import Frames

WITHIN = timedelta(hours=1)
FULL = 200_000
"""Rows at which a frame of calls or tools is full: it holds the newest."""

Source = Literal["call", "tool"]


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed call of a model, or one failed execution of a tool.

    `key`: which one it is, the same whenever it is seen again. `ts`: its start, UTC. `cost`:
    nano-USD, None where it is unknown; tools have none. `message`: the first line of what was said,
    secrets masked, at most 500 characters. `call_id`: of a call; empty for a tool.
    """

    key: str
    ts: datetime
    source: Source
    agent: str
    provider: str = ""
    model: str = ""
    tool: str = ""
    error_type: str = ""
    http_status: int | None = None
    message: str = ""
    cost: int | None = None
    call_id: str = ""


def failures(frames: Frames) -> list[Failed]:
    """Return what failed in the last hour, in order of `ts`."""
    found = [*_calls(frames.calls), *_tools(frames.tools)]
    return sorted(found, key=lambda one: (one.ts, one.key))


def reach(frames: Frames, now: datetime) -> datetime:
    """Return since when frames hold all that failed: an hour, or less where they are full."""
    since = now - WITHIN
    for frame in (frames.calls, frames.tools):
        if frame.height >= FULL:
            since = max(since, frame["ts"][0])
    return since


def _calls(frame: pl.DataFrame) -> Iterator[Failed]:
    for row in frame.filter(pl.col("status") == "error").iter_rows(named=True):
        yield Failed(
            key=f"call {row['call_id']}",
            ts=row["ts"],
            source="call",
            agent=row["agent"] or "unknown",
            provider=row["provider"] or "",
            model=row["model"] or "",
            error_type=row["error_type"] or "",
            http_status=row["http_status"],
            message=row["error_message"] or "",
            cost=row["cost"],
            call_id=row["call_id"],
        )


def _tools(frame: pl.DataFrame) -> Iterator[Failed]:
    """Yield failed executions; frames know them by no id, so equal ones are numbered."""
    numbers: dict[str, int] = {}
    for row in frame.filter(pl.col("status") == "error").iter_rows(named=True):
        print_ = _print(row)
        numbers[print_] = number = numbers.get(print_, 0) + 1
        yield Failed(
            key=f"tool {print_} {number}",
            ts=row["ts"],
            source="tool",
            agent=row["agent"] or "unknown",
            tool=row["tool"] or "",
            error_type=row["error_type"] or "",
            message=row["error_message"] or "",
        )


def _print(row: dict[str, Any]) -> str:
    """Return what makes an execution itself; not what a late span may still correct."""
    parts = (row["trace_id"], row["ts"].isoformat(), row["tool"], row["arguments_digest"])
    return blake2b(repr(parts).encode(), digest_size=12).hexdigest()
