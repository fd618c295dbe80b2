"""Row 15: the scenarios of agent-budget-semantics, with token limits as they are written there.

Its own harness knows no guard, so its mock server and scenarios are driven by a plain tool loop.
"""

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.guard import environments
from benchmarks.guard.lines import Line
from benchmarks.guard.sides import Side
from benchmarks.guard.special import free_port
from benchmarks.guard.world import CONFIG, World
from manager_agent.app.demo.children import clean_environment
from tests.harness.manager import manager

AGENT = Path(__file__).parent / "semantics_agent.py"
SOURCE = "agent-budget-semantics==0.5.0"
SCENARIOS = ("S1", "S2", "S6", "S7", "S8", "S9", "S12")
TURNS_PAID = 3
"""Where a scenario has no token limit of its own: what so many of its first turns use."""
LEAST = {"S1": 1, "S2": 1, "S6": 2, "S7": 2, "S8": 2, "S9": 1, "S12": 1}
"""Calls of each scenario that have to go out: a guard that refuses all holds every limit."""
MOST = {"S6": 3, "S7": 2, "S8": 2}
BY_SCRIPT = {"S8"}
"""Scripts that bill far more tokens than their requests have bytes; one call of it goes over."""


def semantics(world: World) -> Iterator[Line]:
    """Row 15: billed tokens stay within the limit, and what is reported is what was billed."""
    root = _source()
    paths = [next((root / "scenarios").glob(f"{name}-*.yaml")) for name in SCENARIOS]
    limits = {path.name.partition("-")[0]: _limit(path) for path in paths}
    for enforcement in ("hard", "firm"):
        told = _run(world, root, paths, limits, enforcement)
        yield from (_line(one, limits[one["scenario"]], enforcement) for one in told)


def _run(
    world: World, root: Path, paths: list[Path], limits: Mapping[str, int], enforcement: str
) -> list[dict[str, Any]]:
    agents = {
        f"{enforcement}-{name}": {"monthly_token_limit": limit, "enforcement": enforcement}
        for name, limit in limits.items()
    }
    place = world.manager.data_dir.with_name(f"semantics-{enforcement}")
    with manager(place, {**CONFIG, "agent_budgets": agents, "groups": {}}) as running:
        side = Side("manager-agent", world.ours.python, f"http://{running.where['otlp_grpc']}")
        port = free_port()
        words = [enforcement, str(root / "mock-llm" / "server.py"), str(port), *map(str, paths)]
        done = subprocess.run(
            side.command("semantics", str(AGENT), *words),
            env={
                **clean_environment(os.environ),
                "PATH": f"{side.python.parent}{os.pathsep}{os.environ['PATH']}",
                "MANAGER_ENDPOINT": side.endpoint,
                "MANAGER_LLM_HOSTS": f"127.0.0.1:{port}=openai",
                "MANAGER_STATE_DIR": str(place.with_suffix(".state")),
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(found: Mapping[str, Any], limit: int, enforcement: str) -> Line:
    name, billed = found["scenario"], found["billed"]
    exact = found["reported"] == billed
    within = billed <= limit or name in BY_SCRIPT
    calls = found["calls"]
    lacking = max(0, LEAST[name] - calls)
    usable = not lacking and calls <= MOST.get(name, calls)
    note = f"{calls} calls, {billed} of {limit} tokens; reported {found['reported']}"
    if lacking:
        note += f"; {LEAST[name]} calls could have gone out: {found['refusal']}"
    case = f"{name}, {enforcement}"
    over = max(0.0, (billed - limit) * 100 / limit)
    figures = {**found, "limit": limit}
    passed = exact and within and usable
    return Line(15, case, "manager-agent", over, billed * 100 / limit, passed, note, figures)


def _limit(path: Path) -> int:
    scenario = yaml.safe_load(path.read_text("utf-8"))
    told = (scenario.get("budget") or {}).get("max_tokens")
    turns = scenario["script"][:TURNS_PAID]
    return int(told or sum(one["prompt_tokens"] + one["completion_tokens"] for one in turns))


def _source() -> Path:
    """Return the unpacked source distribution: the wheel lacks scenarios and server."""
    home = environments.CACHE / "semantics"
    found = list(home.glob("agent_budget_semantics-*/scenarios"))
    if not found:
        python = environments.made("semantics", ["pip"])
        home.mkdir(parents=True, exist_ok=True)
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run(
            [*command, "--no-binary=:all:", "-d", str(home), SOURCE],
            check=True,
        )
        [archive] = home.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(home, filter="data")
        found = list(home.glob("agent_budget_semantics-*/scenarios"))
    return found[0].parent
