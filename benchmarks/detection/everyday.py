"""`python -m benchmarks.detection.everyday`: what every rule tells of fleets that only work.

Weeks of ordinary work, hard negatives included (`work.py`: pollers, batches, file movers, retries,
people who talk for hours), and no loop, are stored as a manager stores them. Then `manager-agent
rules replay` runs all rules, or those of `--rule`, with their defaults, over all but the first
week. Nothing is wrong there by the generator's making, so each alert is false, or says what the
fleet does at its ordinary worst (a call that fails, a conversation far dearer than others): the
table names them all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.detection.held_out import HELD_OUT
from benchmarks.detection.loop_world import BEGIN, LoopWorld, loop_world
from benchmarks.detection.shapes import TUNED_ON, Shape
from benchmarks.detection.sizes import CHAT, CODE
from manager_agent.receiver.call import Call
from manager_agent.receiver.fact import ToolFact
from manager_agent.receiver.tool import ToolCall, tool_name
from manager_agent.rules.registry import catalog
from manager_agent.store.snapshot import Snapshots
from tests.harness.facts import added, call, opened, tool_call

HISTORY_DAYS = 7
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Everyday:
    """What came of one fleet: alerts by rule, over so many weeks of an agent."""

    fleet: str
    seed: int
    calls: int
    agent_weeks: float
    alerts: dict[str, int]


def everyday(
    shape: Shape, seed: int, days: int, folder: Path, rules: Sequence[str] = ()
) -> tuple[Everyday, list[dict[str, Any]]]:
    """Return what `rules` (all, where none are named) tell in `days` of a fleet of this shape that
    only works; the alerts."""
    world = loop_world(replace(shape, loops=0), seed, HISTORY_DAYS + days, (CODE, CHAT))
    _store(world, folder)
    command = (sys.executable, "-m", "manager_agent.app.dispatch", "rules", "replay", "--json")
    window = ("--since", f"{days}d", "--data-dir", str(folder))
    only = [part for rule in rules for part in ("--rule", rule)]
    done = subprocess.run(
        [*command, *window, *only], check=True, stdout=subprocess.PIPE, env=os.environ
    )
    said = json.loads(done.stdout)
    if said["failed"]:
        raise RuntimeError(f"rules that broke: {said['failed']}")
    alerts = Counter(alert["rule"] for alert in said["alerts"])
    agent_weeks = shape.agents * days / 7
    told = Everyday(shape.name, seed, said["calls"], agent_weeks, dict(alerts))
    return told, said["alerts"]


def _store(world: LoopWorld, folder: Path) -> None:
    end = BEGIN + timedelta(days=world.days)
    facts = opened(folder)
    try:
        for part in _started(world.calls).iter_slices(_AT_ONCE):
            facts.append(added([_call(row) for row in part.iter_rows(named=True)]))
        for part in _started(world.tools).with_row_index().iter_slices(_AT_ONCE):
            facts.append(added(tools=[_tool(row) for row in part.iter_rows(named=True)]))
        Snapshots(folder / "snapshot", facts.cursor, lambda: end, lambda: 1).publish(end)
    finally:
        facts.close()


def _started(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("ts").dt.epoch("ns").alias("start_ns"))


def _call(row: dict[str, Any]) -> Call:
    same = {name: row[name] for name in row.keys() & set(Call._fields)}
    return call(
        **same,
        service=row["agent"],
        request_model=row["model"],
        response_model=row["model"],
        error=row["status"] == "error",
        cost_nano=row["cost"],
        cost_source="local",
    )


def _tool(row: dict[str, Any]) -> ToolCall:
    told = ("error_type", "error_message", "arguments_digest", "result_digest")
    same = {name: row[name] for name in row.keys() & set(ToolCall._fields)}
    span_id = f"{row['index']:016x}"
    return tool_call(
        span_id,
        **same,
        key=tool_name((row["trace_id"], span_id)),
        service=row["agent"],
        fact=ToolFact(
            row["tool"], error=row["status"] == "error", **{name: row[name] for name in told}
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the alerts where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.everyday")
    parser.add_argument("--days", type=int, default=7, help="days that are judged")
    parser.add_argument(
        "--rule", action="append", default=[], choices=sorted(catalog()), help="only this rule"
    )
    parser.add_argument("--json", type=Path, help="file for all figures and alerts")
    asked = parser.parse_args(arguments)
    found: list[tuple[Everyday, list[dict[str, Any]]]] = []
    for shape, seed in (*TUNED_ON[:1], *HELD_OUT):
        with tempfile.TemporaryDirectory() as folder:
            found.append(everyday(shape, seed, asked.days, Path(folder), asked.rule))
        told = found[-1][0]
        print(f"{told.fleet} ({seed}): {told.calls} calls, {told.alerts}", file=sys.stderr)
    if asked.json:
        rows = [{"fleet": told.fleet, "seed": told.seed, "alerts": each} for told, each in found]
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    _print([told for told, _ in found], asked.rule or sorted(catalog()))
    return 0


def _print(found: Sequence[Everyday], rules: Sequence[str]) -> None:
    weeks = sum(one.agent_weeks for one in found)
    print(f"alerts of {len(found)} fleets in {weeks:.0f} weeks of an agent\n")
    fleets = " | ".join(one.fleet for one in found)
    print(f"| rule | {fleets} | alerts a week of an agent |\n|---|{'---|' * (len(found) + 1)}")
    for rule in rules:
        counts = [one.alerts.get(rule, 0) for one in found]
        print(f"| {rule} | {' | '.join(map(str, counts))} | {sum(counts) / weeks:.3f} |")


if __name__ == "__main__":
    sys.exit(main())
