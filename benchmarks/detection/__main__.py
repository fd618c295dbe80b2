"""`python -m benchmarks.detection`: how well the rules find loops and spikes, beside simple ways.

The fleets that settings were tuned on and those held out are reported apart. `--json` writes every
figure; the exit code is 1 where a default detector misses a target on the fleets held out.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from benchmarks.detection.label_score import interval
from benchmarks.detection.sizes import CHAT, CODE, from_trace
from benchmarks.detection.suite import (
    DEFAULTS,
    Figures,
    creeping,
    failures,
    loops,
    real_spikes,
    spikes,
)

LEAST_RECALL, MOST_FALSE = 0.95, 0.1
_TARGETED = ("loops", "spikes")
_HEAD = (
    *("group", "detector", "count", "recall", "95 %", "in 60 s", "precision", "false/agent-week"),
    *("minutes p50", "p95", "leaked USD"),
)


def main() -> int:
    """Measure, print a table, write the JSON; return the exit code."""
    asked = _arguments()
    sizes = from_trace(asked.trace) if asked.trace else (CODE, CHAT)
    found = []
    days = max(2, round(asked.days))
    real = real_spikes(asked.trace, days) if asked.trace else ()
    for one in chain(loops(asked.days, sizes), spikes(days), real, failures(), creeping()):
        found.append(one)
        print(f"{one['what']}, {one['fleet']} ({one['seed']}): {one['detector']}", file=sys.stderr)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    summary = summed(found)
    _print(summary)
    missed = [row for row in summary if not row["met"]]
    for row in missed:
        print(f"target missed: {row['what']}, {row['group']}, {row['detector']}")
    return 1 if any(row["group"] == "held out" for row in missed) else 0


def summed(found: Sequence[Figures]) -> list[Figures]:
    """Return one row a detector and group of fleets; `met`: no target of its is missed."""
    rows = []
    keys = dict.fromkeys((one["what"], one["group"], one["detector"]) for one in found)
    for what, group, detector in keys:
        mine = [
            one
            for one in found
            if (one["what"], one["group"], one["detector"]) == (what, group, detector)
        ]
        rows.append(_row(what, group, detector, mine))
    return rows


def _row(what: str, group: str, detector: str, mine: Sequence[Figures]) -> Figures:
    """Return the row of a detector; times to detect are the worst of its fleets' medians, p95s."""
    number = what if what in _TARGETED else "spikes" if what.startswith("spikes") else "count"
    count = sum(one[number] for one in mine)
    recall = sum(one["recall"] * one[number] for one in mine) / count
    soon = sum(one.get("in_60_s", 0) * one[number] for one in mine) / count
    false = sum(one["false_alerts"] for one in mine)
    a_week = false / sum(one["agent_weeks"] for one in mine)
    met = recall >= LEAST_RECALL and a_week <= MOST_FALSE
    met = met and (what != "loops" or soon >= LEAST_RECALL)
    told = sum(one["recall"] * one[number] for one in mine) + false
    return {
        "what": what, "group": group, "detector": detector, "count": count, "recall": recall,
        "interval": interval(recall, count), "in_60_s": soon if what == "loops" else None,
        "precision": 1 - false / told if told else None, "false_a_week": a_week,
        "minutes_median": _worst(mine, "median"), "minutes_p95": _worst(mine, "p95"),
        "leaked_usd": sum(one["leaked_usd"] for one in mine),
        "met": met or detector not in DEFAULTS or what not in _TARGETED,
    }  # fmt: skip


def _worst(mine: Sequence[Figures], which: str) -> float | None:
    minutes = [
        one[f"minutes_{which}"] if f"minutes_{which}" in one else _in_minutes(one, which)
        for one in mine
    ]
    return max((each for each in minutes if each is not None), default=None)


def _in_minutes(one: Figures, which: str) -> float | None:
    seconds = one[f"seconds_{which}"]
    return None if seconds is None else float(seconds) / 60


def _print(rows: Iterable[Figures]) -> None:
    what = None
    for row in rows:
        if row["what"] != what:
            what = row["what"]
            print(f"\n{what}\n| {' | '.join(_HEAD)} |\n|{'---|' * len(_HEAD)}")
        low, high = row["interval"]
        shown = (row["in_60_s"], row["precision"], row["false_a_week"])
        figures = ["-" if each is None else f"{each:.3f}" for each in shown]
        waits = (row["minutes_median"], row["minutes_p95"])
        times = ["-" if each is None else f"{each:.1f}" for each in waits]
        cells = (
            *(row["group"], row["detector"], str(row["count"]), f"{row['recall']:.3f}"),
            *(f"{low:.3f} to {high:.3f}", *figures, *times, f"{row['leaked_usd']:.2f}"),
        )
        print(f"| {' | '.join(cells)} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--days", type=float, default=4, help="days judged of each fleet")
    parser.add_argument("--trace", type=Path, help="directory of the Azure LLM trace's CSV files")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
