"""The matrix as people read it: a line for each cell, JSON, and the tables of docs/matrix.md."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tests.matrix.cells import KINDS, OUTCOMES, UNKNOWABLE, Attempt, Cell
from tests.matrix.compare import differences

_NANO = 10**9


def lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the printed table, a line for each cell and below it what is wrong with it."""
    head = f"{'SDK':<15} {'mode':<23} {'outcome':<12} wire rows spans  "
    yield head + f"{'in/out/read/write/reason':<27} {'USD':>11}  {'exception':<38} seconds"
    for cell in cells:
        counted = f"{len(cell.served):>4} {len(cell.counted):>4} {cell.told:>5}"
        yield (
            f"{cell.environment:<15} {cell.saw.mode:<23} {cell.outcome:<12} {counted}  "
            f"{_tokens(cell.counted):<27} {_usd(cell.counted):>11}  "
            f"{cell.saw.exception or '-':<38} {cell.saw.seconds:6.2f}"
        )
        yield from (f"    DIFFERENT: {what}" for what in differences(cell))


def as_json(
    cells: Sequence[Cell], versions: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return every cell with all its figures and differences; `versions`: of each environment."""
    return [
        {
            "environment": cell.environment,
            "versions": versions[cell.environment],
            "mode": cell.saw.mode,
            "model": cell.saw.model,
            "outcome": cell.outcome,
            "wire": len(cell.served),
            "rows": len(cell.counted),
            "spans": cell.told,
            "refusals": cell.decisions,
            "statuses": [each.http_status for each in cell.served],
            "served": [_attempt(each) for each in cell.served],
            "counted": [_attempt(each) for each in cell.counted],
            "exception": cell.saw.exception,
            "message": cell.saw.message,
            "seconds": round(cell.saw.seconds, 3),
            "differences": differences(cell),
        }
        for cell in cells
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of one table, from what `as_json` gave: modes down, outcomes across."""
    yield "| SDK | mode | allowed | refused | 500, then ok | always 500 |"
    yield "|---|---|---|---|---|---|"
    for (_, mode), group in groupby(_ordered(rows), lambda r: (r["environment"], r["mode"])):
        by = {row["outcome"]: row for row in group}
        versions = next(iter(by.values()))["versions"]
        shown = ", ".join(f"{package} {version}" for package, version in versions.items())
        found = " | ".join(_summary(by[outcome]) if outcome in by else "" for outcome in OUTCOMES)
        yield f"| {shown} | {mode} | {found} |"


def _ordered(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of one mode beside each other, else in their order."""
    place = {(r["environment"], r["mode"]): n for n, r in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: place[row["environment"], row["mode"]])


def _summary(row: Mapping[str, Any]) -> str:
    if row["differences"]:
        return f"**{'; '.join(row['differences'])}**"
    if row["outcome"] == "refused":
        return f"nothing sent; `{row['exception']}`"
    sent = f"{row['wire']} sent, {row['rows']} counted"
    if row["mode"] in UNKNOWABLE and row["outcome"] != "always 500":
        return f"{sent}, usage estimated and flagged"
    if row["exception"]:
        return f"{sent}; `{row['exception']}`"
    nano = sum(each["cost_nano"] or 0 for each in row["counted"])
    return f"{sent}, {nano / _NANO:.6f} USD"


def _tokens(attempts: Sequence[Attempt]) -> str:
    found = [
        [each.tokens[kind] for each in attempts if each.tokens and each.tokens[kind] is not None]
        for kind in KINDS
    ]
    return "/".join(str(sum(n or 0 for n in each)) if each else "-" for each in found)


def _usd(attempts: Sequence[Attempt]) -> str:
    known = [each.cost_nano for each in attempts if each.cost_nano is not None]
    return f"{sum(known) / _NANO:.9f}" if known else "-"


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "http_status": attempt.http_status,
        "tokens": attempt.tokens,
        "cost_nano": attempt.cost_nano,
        "cost_source": attempt.source,
    }
