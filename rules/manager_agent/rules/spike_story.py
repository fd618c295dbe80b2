"""The story of a cost spike: which causes add up to it, since when, and who is behind it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.decompose import Parts, Used, Weights, decompose
from manager_agent.rules.message import Fact

_HOUR = timedelta(hours=1)
_SUMS = [
    "calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost",
]
_WORDS = {
    "volume": "calls",
    "mix": "choice of models",
    "input": "input tokens a call",
    "output": "output tokens a call",
    "cache": "cache hits",
    "price": "price of tokens",
}
_TOP = 3


def causes(frames: Frames, agent: str, now: datetime) -> Parts | None:
    """Return why the agent's last hour cost more than hours like it; None where none are known."""
    usual = frames.references.filter(pl.col("agent") == agent)
    if usual.is_empty():
        return None
    begin = now.replace(second=0, microsecond=0) - _HOUR
    spent = frames.minutes.filter((pl.col("agent") == agent) & (pl.col("ts") > begin))
    last = spent.group_by("provider", "model").agg(pl.col(_SUMS).fill_null(0).sum())
    weights = {(_name(row["provider"]), _name(row["model"])): _weights(row) for row in _rows(usual)}
    before = [_used(row, row["hours"]) for row in _rows(usual)]
    return decompose(before, [_used(row, 1) for row in _rows(last)], weights)


def cause_facts(parts: Parts) -> dict[str, Fact]:
    """Return each part in USD; they add up to `change_usd` exactly."""
    each: dict[str, Fact] = {
        f"from_{name}_usd": usd_text(getattr(parts, name)) for name in Parts.__slots__
    }
    return {"change_usd": usd_text(parts.total), **each}


def cause_words(parts: Parts) -> str:
    """Return the causes that explain the most, in words: `calls +$8.10, input tokens +$2.00`."""
    signed = [
        f"{_WORDS[name]} {'+' if size > 0 else ''}{dollars(size)}"
        for name, size in parts.by_size()
        if abs(size) * 10 >= abs(parts.total)
    ]
    return ", ".join(signed[:_TOP])


def since(frames: Frames, row: Mapping[str, Any], now: datetime) -> datetime:
    """Return the first bad hour: the earliest in a row of hours dearer than normal, UTC."""
    first = now.replace(minute=0, second=0, microsecond=0)
    hours = frames.hours.filter(_of(row)).group_by("ts").agg(pl.col("cost").sum())
    spent = dict(hours.iter_rows())
    half = (row["upper"] + row["expected"]) / 2
    first -= _HOUR if spent.get(first, 0) < half <= spent.get(first - _HOUR, 0) else 0 * _HOUR
    while spent.get(first - _HOUR, 0) >= half:
        first -= _HOUR
    return first


def contributors(frames: Frames, row: Mapping[str, Any]) -> dict[str, Fact]:
    """Return who spent most in the last hour: models, and conversations where calls name them."""
    calls = frames.calls.filter((pl.col("agent") == row["agent"]) & (pl.col("cost") > 0))
    facts: dict[str, Fact] = {}
    for name, column in (("top_models", "model"), ("top_conversations", "conversation_id")):
        known = calls.filter(pl.col(column).is_not_null())
        spent = known.group_by(column).agg(pl.col("cost").sum())
        top = spent.sort(["cost", column], descending=[True, False]).head(_TOP)
        if not top.is_empty():
            facts[name] = ", ".join(f"{who} {dollars(cost)}" for who, cost in top.iter_rows())
    return facts


def _of(row: Mapping[str, Any]) -> pl.Expr:
    names = ["agent"] if row["model"] is None else ["agent", "provider", "model"]
    return pl.all_horizontal(pl.col(name).eq_missing(pl.lit(row[name])) for name in names)


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return list(table.iter_rows(named=True))


def _name(text: str | None) -> str:
    return text or "unknown"


def _used(row: Mapping[str, Any], hours: int) -> Used:
    calls, fresh, answered, read, written, cost = (row[name] / hours for name in _SUMS)
    names = (_name(row["provider"]), _name(row["model"]))
    return Used(*names, calls, fresh, answered, read, written, cost)


def _weights(row: Mapping[str, Any]) -> Weights:
    names = ("input", "cache_read", "cache_write", "output")
    found = [row[f"weight_{name}"] for name in names]
    return Weights() if None in found else Weights(*found)
