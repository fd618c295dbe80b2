"""The guard beside each protobuf that agent frameworks pin: one call passes, one is refused.

In an environment of its own with the official SDK and the light install; only protobuf changes.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.guard import environments
from benchmarks.guard.sides import AGENT, Agents, Side
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
def python() -> Path:
    return environments.made("protobuf", [environments.SDK], ours=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("protobuf") / "data", CONFIG) as found:
        yield found


@pytest.mark.parametrize("version", ["5.29.5", "6.33.0", "7.35.0"])
def test_one_call_passes_and_one_is_refused(python: Path, running: Manager, version: str) -> None:
    major = version.partition(".")[0]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-deps", f"protobuf=={version}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    side = Side("manager-agent", python, f"http://{running.where['otlp_grpc']}")

    with provider(hang=0.0) as truth, Agents(side, truth, f"protobuf-{major}") as agents:
        plan = json.dumps({"url": truth.url, "attempts": 2})
        agents.start_words(["-c", WITH_PROTOBUF, f"{major}.", str(AGENT), plan])
        told = agents.wait()
        bill = truth.bill()

    assert dict(told.outcomes) == {"ok": 1, "refused": 1}, told.errors
    assert bill.nano == CENT
    assert "monthly_limit_usd" in told.refusal
