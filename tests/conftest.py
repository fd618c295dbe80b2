"""Makes `tests.harness` importable, however pytest was started; tells how many were killed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How long an example takes says how busy the machine is, not whether it is right.
hypothesis.settings.register_profile("no_time", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("no_time")

ROOT = str(Path(__file__).parent.parent)
_ELSEWHERE: list[int] = []
"""Managers that were killed by tests in other processes."""

if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Let no test inherit how another one, running a command in this process, set up the log."""
    yield
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the process that started this one know how many managers were killed here."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["killed"] = _killed()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker told."""
    _ELSEWHERE.append(getattr(node, "workeroutput", {}).get("killed", 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often a manager was killed: the tests failed if anything was lost or doubled."""
    killed = _killed() + sum(_ELSEWHERE)
    if killed:
        failed = len(terminalreporter.stats.get("failed", []))
        terminalreporter.write_line(
            f"{killed} managers ended by kill -9, each restarted and compared with what had"
            f" been acknowledged; {failed} tests failed"
        )


def _killed() -> int:
    harness = sys.modules.get("tests.harness.manager")
    return 0 if harness is None else len(harness.KILLED)
