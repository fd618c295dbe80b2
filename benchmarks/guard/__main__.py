"""`make bench-guard`: does a hard limit hold, whatever happens? By real processes, beside peers.

    python -m benchmarks.guard [--quick] [--no-peers] [--rows 1,2,9] [--json FILE]

Every case is a real agent with a real SDK under `manager-agent run`, a real manager, and a fake
provider whose own ledger is the truth: what it billed beyond the limit is what a guard let through.
Exit code 1 where a case of ours did not hold.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.guard import outages, overheads, semantics, sides, special, spending
from benchmarks.guard.lines import Line, table
from benchmarks.guard.world import World, world
from benchmarks.ingest import machine

ROWS: dict[int, Callable[[World], Iterator[Line]]] = {
    1: spending.concurrency,
    2: spending.processes,
    3: spending.restarts,
    4: spending.killed,
    5: spending.without_limit,
    6: spending.streams,
    7: spending.retries,
    8: spending.hangs,
    9: outages.absence,
    10: overheads.overhead,
    11: special.refusal,
    12: special.roll_over,
    13: special.priorities,
    14: special.forks,
    15: semantics.semantics,
    16: special.messages,
    17: special.pause,
    18: special.crowd,
}
"""Rows 1 to 15 are those of the acceptance table; 16 to 18 the targets beside it."""
RESULTS = Path(__file__).parents[2] / ".cache" / "bench-guard" / "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows, print the table, write the figures; return 0 where all of ours held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter cases")
    parser.add_argument("--no-peers", action="store_true", help="only this guard")
    parser.add_argument("--rows", default="", help="such as 1,2,9; all where none is named")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where figures are written")
    given = parser.parse_args(arguments)
    wanted = [int(row) for row in given.rows.split(",")] if given.rows else list(ROWS)
    peers = [] if given.no_peers else sides.peers()
    lines: list[Line] = []
    with world(given.quick, peers) as found:
        for row in wanted:
            lines += _row(row, found)
    print("\n".join(table(lines)))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    told = {"machine": machine(), "lines": [asdict(line) for line in lines]}
    given.json.write_text(json.dumps(told, indent=1), "utf-8")
    failed = [line for line in lines if line.passed is False]
    for line in failed:
        print(f"did not hold: {line.row} {line.case}: {line.note}", file=sys.stderr)
    return 1 if failed else 0


def _row(row: int, found: World) -> list[Line]:
    lines: list[Line] = []
    began = time.monotonic()
    try:
        for line in ROWS[row](found):
            taken, began = time.monotonic() - began, time.monotonic()
            mark = {None: "", True: "ok", False: "FAILED"}[line.passed]
            over = "" if line.over is None else f"+{line.over:.1f} % over, {line.used:.0f} % used"
            head = f"{row:2d} {line.case}, {line.guard}: {over} {mark}"
            print(f"{head} [{taken:.0f} s] {line.note}", file=sys.stderr, flush=True)
            lines.append(line)
    except Exception as error:  # noqa: BLE001 - a row that cannot be run has failed, and is told
        told = f"{type(error).__name__}: {error}"
        print(f"{row:2d} FAILED {told}", file=sys.stderr, flush=True)
        lines.append(Line(row, "could not be run", "manager-agent", None, None, False, told))
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
