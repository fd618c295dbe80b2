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


def as_json(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return every cell with all its figures and differences."""
    return [
        {
            "environment": cell.environment,
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


def markdown(cells: Sequence[Cell], versions: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of one table: SDK and mode down, outcomes across."""
    yield "| SDK | mode | allowed | refused | 500, then ok | always 500 |"
    yield "|---|---|---|---|---|---|"
    for (name, mode), group in groupby(_ordered(cells), lambda c: (c.environment, c.saw.mode)):
        by = {cell.outcome: cell for cell in group}
        shown = ", ".join(f"{package} {version}" for package, version in versions[name].items())
        found = " | ".join(_summary(by[outcome]) if outcome in by else "" for outcome in OUTCOMES)
        yield f"| {shown} | {mode} | {found} |"


def _ordered(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of one mode beside each other, else in their order."""
    place = {(c.environment, c.saw.mode): n for n, c in reversed(list(enumerate(cells)))}
    return sorted(cells, key=lambda cell: place[cell.environment, cell.saw.mode])


def _summary(cell: Cell) -> str:
    wrong = differences(cell)
    if wrong:
        return f"**{'; '.join(wrong)}**"
    if cell.outcome == "refused":
        return f"nothing sent; `{cell.saw.exception}`"
    sent = f"{len(cell.served)} sent, {len(cell.counted)} counted"
    if cell.saw.mode in UNKNOWABLE and cell.outcome != "always 500":
        return f"{sent}, usage estimated and flagged"
    if cell.saw.exception:
        return f"{sent}; `{cell.saw.exception}`"
    return f"{sent}, {_usd(cell.counted)} USD"


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
