"""Makes `tests.harness` importable, however pytest was started; tells how many were killed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parent.parent)

if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Let no test inherit how another one, running a command in this process, set up the log."""
    yield
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often a manager was killed: the tests failed if anything was lost or doubled."""
    harness = sys.modules.get("tests.harness.manager")
    killed = [] if harness is None else harness.KILLED
    if killed:
        failed = len(terminalreporter.stats.get("failed", []))
        terminalreporter.write_line(
            f"{len(killed)} managers ended by kill -9, each restarted and compared with what had"
            f" been acknowledged; {failed} tests failed"
        )
