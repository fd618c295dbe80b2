"""One error of a call or a tool, as the frames have it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import polars as pl

from manager_agent.analytics.frames import Frames

WITHIN = timedelta(hours=1)
FULL = 200_000
"""Rows at which a frame of calls or tools is full: it holds the newest."""

_TOLD = (
    *("ts", "agent", "provider", "model", "tool", "error_type", "http_status", "error_message"),
    *("cost", "call_id"),
)
"""Columns of frames that tell of an error."""

Source = Literal["call", "tool"]


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed call of a model, or one failed execution of a tool.

    `key`: which one it is, the same whenever it is seen again. `ts`: its start, UTC. `cost`:
    nano-USD, None where it is unknown; tools have none. `message`: the first line of what was said,
    secrets masked, at most 500 characters. `call_id`: of a call; empty for a tool. `print`: of all
    the rest, so that a correction is noticed; empty where nobody computed it.
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
    print: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Errors:
    """What failed in the last hour: `present`, the keys of all; `changed`, those not known so."""

    present: frozenset[str]
    changed: tuple[Failed, ...]


def failures(frames: Frames, known: Callable[[str], str | None] = lambda key: None) -> Errors:
    """Return what failed in the last hour. `known`: the print that an error was counted with."""
    present: set[str] = set()
    changed: list[Failed] = []
    for frame, keys_of, made in (
        (frames.calls, _call_keys, _call),
        (frames.tools, _tool_keys, _tool),
    ):
        failed = frame.filter(pl.col("status") == "error")
        keys = keys_of(failed)
        prints = [f"{number:x}" for number in failed.hash_rows(seed=1).to_list()]
        present.update(keys)
        new = [at for at, key in enumerate(keys) if known(key) != prints[at]]
        told = failed[new].select(each for each in _TOLD if each in failed.columns)
        for at, row in zip(new, told.iter_rows(named=True), strict=True):
            changed.append(made(keys[at], row, prints[at]))
    changed.sort(key=lambda one: (one.ts, one.key))
    return Errors(frozenset(present), tuple(changed))


def reach(frames: Frames, now: datetime) -> datetime:
    """Return since when frames hold all that failed: an hour, or less where they are full."""
    since = now - WITHIN
    for frame in (frames.calls, frames.tools):
        if frame.height >= FULL:
            since = max(since, frame["ts"][0])
    return since


def _call_keys(failed: pl.DataFrame) -> list[str]:
    return [f"call {call_id}" for call_id in failed["call_id"].to_list()]


def _call(key: str, row: dict[str, Any], print_: str) -> Failed:
    return Failed(
        key=key,
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
        print=print_,
    )


def _tool_keys(failed: pl.DataFrame) -> list[str]:
    """Return which execution each is: frames know them by no id, so equal ones are numbered."""
    numbers: dict[str, int] = {}
    keys = []
    for parts in failed.select("trace_id", "ts", "tool", "arguments_digest").iter_rows():
        of = blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        numbers[of] = numbers.get(of, 0) + 1
        keys.append(f"tool {of} {numbers[of]}")
    return keys


def _tool(key: str, row: dict[str, Any], print_: str) -> Failed:
    return Failed(
        key=key,
        ts=row["ts"],
        source="tool",
        agent=row["agent"] or "unknown",
        tool=row["tool"] or "",
        error_type=row["error_type"] or "",
        message=row["error_message"] or "",
        print=print_,
    )
