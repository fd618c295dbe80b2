"""The guard beside each protobuf that agent frameworks pin: one call passes, one is refused.

It lies before this environment's own on the agent's path, as if it were installed there.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.guard import environments
from benchmarks.guard.sides import AGENT, Agents, ours
from benchmarks.guard.truth import CENT, provider
from tests.harness.manager import Manager, manager

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("protobuf")]

CONFIG = {"agent_budgets": {"default": {"monthly_limit_usd": 0.02}}}
"""Of two calls that may cost 1.8 cents and do cost one, the first is paid for."""

WITH_PROTOBUF = """\
import runpy, sys
import google.protobuf
from google.protobuf import struct_pb2
wanted, agent, plan = sys.argv[1:]
assert google.protobuf.__version__.startswith(wanted), google.protobuf.__version__
struct_pb2.Struct().update({"theirs": "works"})
sys.argv = [agent, plan]
runpy.run_path(agent, run_name="__main__")
struct_pb2.Struct().update({"theirs": "still works"})
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("protobuf") / "data", CONFIG) as found:
        yield found


@pytest.mark.parametrize("version", ["5.29.5", "6.33.0", "7.35.0"])
def test_one_call_passes_and_one_is_refused(
    running: Manager, tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(f"protobuf=={version}", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    major = version.partition(".")[0]
    side = ours(f"http://{running.where['otlp_grpc']}")

    with provider(hang=0.0) as truth, Agents(side, truth, f"protobuf-{major}") as agents:
        plan = json.dumps({"url": truth.url, "attempts": 2})
        agents.start_words(["-c", WITH_PROTOBUF, f"{major}.", str(AGENT), plan])
        told = agents.wait()
        bill = truth.bill()

    assert dict(told.outcomes) == {"ok": 1, "refused": 1}, told.errors
    assert bill.nano == CENT
    assert "monthly_limit_usd" in told.refusal


def install(package: str, place: Path) -> None:
    """Install one package, without what it needs, into a directory."""
    pip = environments.made("pip", [])  # this environment may have none
    command = [str(pip), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-deps", "--no-compile", "--target", str(place), package],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
