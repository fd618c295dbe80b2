"""The whole demonstration, as a user starts it: the product's main job on real input."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]
DEADLINE = 240.0


def start(seconds: float | None, place: Path) -> subprocess.Popen[str]:
    """Start the demo with `place` for its temporary files, by which its processes are known."""
    code = f"from manager_agent.app.demo.run import run; raise SystemExit(run({seconds}))"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(place), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes(place: Path) -> list[str]:
    """Return the command lines of all processes started with `place` in their environment."""
    mark, found = f"TMPDIR={place}".encode(), list[str]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_text("utf-8", "replace"))
        except OSError:
            continue  # it ended while we looked, or is another user's
    return found


def test_the_loop_is_stopped_and_goes_on_and_every_token_is_counted_once(tmp_path: Path) -> None:
    """Within two minutes of the server being up; equal tokens although two emitters reported."""
    with start(110, tmp_path) as demo:
        output, _ = demo.communicate(timeout=DEADLINE)

    assert demo.returncode == 0, output
    first = re.search(r"first alert ([0-9.]+) s after the server was up", output)
    assert first is not None, output
    assert float(first[1]) < 110
    counts = re.search(r"served ([0-9,]+) tokens, the manager counted ([0-9,]+)", output)
    assert counts is not None, output
    served, counted = (int(one.replace(",", "")) for one in counts.groups())
    # An agent that is ended in the midst of a call tells of it; the provider may not count it.
    assert abs(served - counted) <= 0.01 * served > 0
    assert "sync-agent: three calls went well; its breaker is closed again" in output
    stopped = re.search(r"limit of \$0.40: the provider billed \$(0\.[0-9]+)", output)
    assert stopped is not None, output
    assert 0.25 < float(stopped[1]) <= 0.40
    assert "research-agent goes on, with nothing to restart" in output
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with start(None, tmp_path) as demo:
        assert demo.stdout is not None
        deadline = time.monotonic() + DEADLINE
        while not demo.stdout.readline().startswith("["):
            assert time.monotonic() < deadline, "no line of progress came"
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=DEADLINE)

    assert demo.returncode == 0, output
    assert "this hour" in output
    assert processes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
