"""What the documentation shows works: its commands and queries, run against a real manager."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from manager_agent.app import dispatch
from manager_agent.store.control import ControlStore
from manager_agent.store.digest_key import digest_key
from tests.documented.pages import ROOT, Block, Command, blocks, columns, commands
from tests.documented.world import World, docs_world, run_metered, run_under_opentelemetry
from tests.harness.facts import opened
from tests.harness.manager import environment, manager

pytestmark = pytest.mark.xdist_group("docs")

LOCK = (ROOT / "requirements.lock").read_text("utf-8")
UNPRICED_ARE_THERE = 1  # exit code of `prices check`, as its help says
QUERIES = [block for block in blocks("sql") if block.page != "CONTRIBUTING.md"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A manager that has seen a bit of everything, and a directory laid out as the pages assume."""
    with docs_world(tmp_path_factory.mktemp("docs")) as made:
        yield made


# Every kind of command in a fenced `sh` block, and how it is shown to be right.


def check_make(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert {word for word in command.words[1:] if "=" not in word} <= set(targets)


def check_pip(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    for name in command.words[2:]:
        # Its configurator is stood in for when the next line of the README is run.
        assert name == "opentelemetry-distro" or f"\n{name}==" in LOCK


def check_activate(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    assert command.words == ["source", ".venv/bin/activate"]
    assert "\nVENV := .venv\n" in (ROOT / "Makefile").read_text("utf-8")


def check_curl(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    words = [word.replace("http://127.0.0.1:5002", world.api) for word in command.words]

    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)

    answer = json.loads(done.stdout)
    assert {"rows", "call_id", "calls", "sections"} & answer.keys(), answer


def check_agent(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    if "OTEL_PYTHON_DISTRO" in command.exports:
        check_metered(command, world, patch)
        return
    run_under_opentelemetry(world, command)

    assert world.manager.sql("SELECT 1 AS one FROM llm_calls WHERE agent = 'my-agent'")


def check_metered(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    """Run it: one more call of the agent that it names."""
    words = command.words
    named = words[words.index("--agent") + 1] if "--agent" in words else ""
    agent = named or command.exports["MANAGER_AGENT_ID"]
    before = world.manager.calls_of(agent)

    run_metered(world, command)

    assert world.manager.calls_of(agent) == before + 1


def check_python(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    if command.words[1:3] != ["-m", "tests.harness.guard_load"]:
        check_metered(command, world, patch)
        return
    words = [sys.executable, *command.words[1:3], "--processes", "2", "--seconds", "1"]
    assert command.words[3::2] == words[3::2]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert "p50" in done.stdout


def check_manager_agent(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    words = command.words[1:]
    if words[0] == "serve":
        check_serve(words, world)
        return
    if words[0] == "demo":  # run below, in the slow ring
        assert words[1:] in ([], ["--seconds", "120"])
        return
    if words[0] == "run":
        check_metered(command, world, patch)
        return
    if words[0] in ("backup", "restore", "repair", "import"):
        check_upkeep(words, world.here / f"upkeep-{command.place.rpartition(':')[2]}", patch)
        return
    patch.chdir(world.here)
    patch.setenv("MANAGER_API_URL", world.api)
    patch.setenv("MANAGER_DATA_DIR", str(world.here / "data"))
    patch.delenv("MANAGER_CONFIG_PATH", raising=False)
    expected = UNPRICED_ARE_THERE if words[:2] == ["prices", "check"] else 0

    assert dispatch.main(words) == expected


def check_openssl(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    subprocess.run(command.words, cwd=world.here, capture_output=True, timeout=60, check=True)


def check_upkeep(words: list[str], here: Path, patch: pytest.MonkeyPatch) -> None:
    """Run it on data at rest; that a manager may run is shown in tests/flow."""
    (here / "data").mkdir(parents=True)
    opened(here / "data").close()
    ControlStore(here / "data" / "control.sqlite").close()
    digest_key(here / "data" / "digest.key")
    lines = "TIMESTAMP,ContextTokens,GeneratedTokens\n2026-11-01 18:17:03.9799600,4808,10\n"
    (here / "history.csv").write_text(lines, "utf-8")
    patch.chdir(here)
    patch.setenv("MANAGER_DATA_DIR", str(here / "data"))
    patch.delenv("MANAGER_CONFIG_PATH", raising=False)
    if words[0] == "restore":
        assert dispatch.main(["backup", words[1]]) == 0

    assert dispatch.main(words) == 0


def check_serve(words: list[str], world: World) -> None:
    if "open.yaml" in words:  # run in tests/flow/test_opening.py, with all that it needs
        return
    assert words[1:] in ([], ["--config", "budgets.yaml"])
    config = yaml.safe_load((world.here / words[2]).read_text("utf-8")) if words[1:] else None

    with manager(world.here / f"served-{len(words)}", config) as running:
        assert running.get("/api/v1/manager/status")["status"] == "ok"


def check_collector(command: Command, world: World, patch: pytest.MonkeyPatch) -> None:
    """It is run by a real collector in tests/faults/test_collector_docs.py, in the slow ring."""
    words = command.words[1:]

    assert set(words[::2]) == {"--config"}
    assert all((ROOT / path).exists() for path in words[1::2] if not path.startswith("/etc/"))


CHECKS: dict[str, Callable[[Command, World, pytest.MonkeyPatch], None]] = {
    "make": check_make,
    "pip": check_pip,
    "source": check_activate,
    "openssl": check_openssl,
    "curl": check_curl,
    "opentelemetry-instrument": check_agent,
    "manager-agent": check_manager_agent,
    "python": check_python,
    "otelcol-contrib": check_collector,
    "otelcol-manager": check_collector,
}


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_shown_works(
    command: Command,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A new kind of command needs a row in CHECKS that says how it is run."""
    CHECKS[command.words[0]](command, world, monkeypatch)

    said = capsys.readouterr()
    if command.words[:2] == ["manager-agent", "sql"] and "--output" not in command.words:
        assert len(said.out.splitlines()) > 1
        assert "\n0 rows" not in f"\n{said.err}"


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_shown_finds_something(query: Block, world: World) -> None:
    assert world.manager.sql(query.text)


@pytest.mark.parametrize("block", [b for b in blocks("python") if b.page == "docs/sql.md"], ids=str)
def test_python_reads_the_figures_as_shown(block: Block, world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block.text.replace("http://127.0.0.1:5002", world.api)],
        env={"HOME": str(world.here), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "research-agent" in done.stdout


BY_HAND = [block for block in blocks("python") if block.page == "docs/by-hand.md"]


@pytest.mark.parametrize("block", BY_HAND, ids=str)
def test_python_by_hand_works_as_shown(block: Block, world: World) -> None:
    run = "\nimport asyncio\nasyncio.run(Writer().ask('?'))" if "Writer" in block.text else ""
    before = world.manager.calls_of("research-agent")

    subprocess.run(
        [sys.executable, "-c", block.text + run],
        env=environment(MANAGER_API_URL=world.api),
        timeout=60,
        check=True,
        capture_output=True,
    )

    assert world.manager.calls_of("research-agent") == before + 1


def test_every_table_and_column_is_documented(world: World) -> None:
    found = world.manager.sql(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE NOT internal AND schema_name = 'main'"
    )
    documented = columns("docs/sql.md")
    text = (ROOT / "docs/sql.md").read_text("utf-8")
    there: dict[str, set[str]] = {}
    for row in found:
        there.setdefault(row["table_name"], set()).add(row["column_name"])

    assert documented == {name: there[name] for name in documented}
    assert not [name for name in there if f"`{name}`" not in text]


@pytest.mark.slow
def test_the_demo_runs_as_the_readme_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "manager-agent", "demo", "--seconds", "45"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"· Monthly budget \d+ % used: research-agent", done.stdout)
    counts = re.search(r"served ([0-9,]+) tokens, the manager counted ([0-9,]+)", done.stdout)
    assert counts is not None, done.stdout
    served, counted = (int(one.replace(",", "")) for one in counts.groups())
    # An agent that is ended in the midst of a call tells of it; the provider may not count it.
    assert abs(served - counted) <= 0.01 * served > 0
