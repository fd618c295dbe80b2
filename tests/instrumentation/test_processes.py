"""Calls made and calls told of, for each way in which agents multiply and end: the real thing.

`manager-agent run`, the official SDK, a provider that counts, and a manager.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from tests.harness.agents import run_agent
from tests.harness.forking_agent import WAYS
from tests.harness.manager import Manager, manager

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

ROOT = Path(__file__).parent.parent.parent
ENDS = {"SIGTERM": -15}
LONG = "120"  # what is tried is that nothing is forgotten, not how fast this machine is
NOT_TOLD = {"os._exit"}  # nothing in a process can see that coming


@dataclass(frozen=True, slots=True)
class World:
    manager: Manager
    provider: Provider

    def run(self, agent: str, way: str, *flags: str) -> int:
        """Run the agent in its way; return its exit code."""
        module = ["-m", "tests.harness.forking_agent", way, self.provider.url]
        done = run_agent(
            *("--agent", agent, "python", *flags, *module),
            cwd=ROOT,
            MANAGER_ENDPOINT=f"http://{self.manager.where['otlp_grpc']}",
            MANAGER_EXIT_SECONDS=LONG,
            MANAGER_LLM_HOSTS=f"{self.provider.url.removeprefix('http://')}=openai",
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = ProviderSettings(pace=0, rate_429=0, rate_500=0)
    with ExitStack() as stack:
        provider = stack.enter_context(serving(settings))
        yield World(stack.enter_context(manager(tmp_path_factory.mktemp("p") / "data")), provider)


@pytest.mark.parametrize("way", WAYS)
def test_each_call_is_told_of(world: World, way: str) -> None:
    before = len(world.provider.served)

    assert world.run(way, way) == ENDS.get(way, 0)

    made = WAYS[way][1]
    assert len(world.provider.served) - before == made
    assert world.manager.calls_of(way) == (0 if way in NOT_TOLD else made)


def test_a_python_that_ignores_the_path(world: World) -> None:
    assert world.run("python -E", "single", "-E") == 0

    assert world.manager.calls_of("python -E") == 1
