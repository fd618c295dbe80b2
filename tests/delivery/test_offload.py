"""Blocking work holds up neither the loop nor the exit of the process."""

import asyncio
import subprocess
import sys

import pytest

from manager_agent.delivery.offload import in_daemon_thread

EXIT_WHILE_STUCK = """
import asyncio, threading
from manager_agent.delivery.offload import in_daemon_thread
try:
    asyncio.run(in_daemon_thread(threading.Event().wait, 0.05))
except TimeoutError:
    print("left")
"""


def test_the_result_comes_back() -> None:
    assert asyncio.run(in_daemon_thread(lambda: 42, 5)) == 42


def test_what_it_raises_is_raised() -> None:
    def broken() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        asyncio.run(in_daemon_thread(broken, 5))


def test_the_process_exits_though_the_work_is_stuck() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXIT_WHILE_STUCK], capture_output=True, text=True, timeout=30
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
