"""Forks while a thread talks to the manager: what gRPC's own library makes one in ten children die
of, and what it writes into the agent's stderr."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.talking_server import Served, serving

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as found:
        yield found


@pytest.mark.parametrize("forks", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_every_child_lives_and_the_parent_goes_on(served: Served, forks: int) -> None:
    # The warning is Python's own, of every fork beside a thread.
    python = [sys.executable, "-W", "ignore::DeprecationWarning"]
    done = subprocess.run(
        [*python, "-m", "tests.harness.streaming_forker", str(served.port), str(forks)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= forks
