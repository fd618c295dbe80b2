"""What the proof found, a line for each case and guard; as a table for people."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Line:
    """One case of one guard.

    `row`: of the acceptance table. `over`: percent of the limit that was billed above it, None
    where that is not what the case is about. `used`: percent of it that was billed. `passed`: None
    where nothing is asked: of a peer, of a figure for information. `note`: what else was seen, for
    people; `figures`: for machines.
    """

    row: int
    case: str
    guard: str
    over: float | None
    used: float | None
    passed: bool | None
    note: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def table(lines: Iterable[Line]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: a case each, a column for each guard."""
    cases: dict[tuple[int, str], list[Line]] = {}
    for line in lines:
        cases.setdefault((line.row, line.case), []).append(line)
    guards = list(dict.fromkeys(line.guard for each in cases.values() for line in each))
    yield f"| # | case | {' | '.join(guards)} | |"
    yield f"|--:|---|{'--:|' * len(guards)}---|"
    for (row, case), found in cases.items():
        by_guard = {line.guard: line for line in found}
        cells = [_cell(by_guard.get(guard)) for guard in guards]
        mine = next((line for line in found if line.passed is not None), found[0])
        yield f"| {row} | {case} | {' | '.join(cells)} | {mine.note} |"


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    mark = "" if line.passed is None else " ok" if line.passed else " **FAILED**"
    if line.over is None or line.used is None:
        return mark.strip() or "–"
    over = f"+{line.over:.0f} %" if line.over else "0 %"
    return f"{over} ({line.used:.0f} % used){mark}"
