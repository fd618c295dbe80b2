"""The whole demonstration, as a user starts it: the product's main job on real input."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
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
    """All that the demonstration has to tell, until somebody ends it; equal tokens although two
    emitters reported each call."""
    with start(None, tmp_path) as demo:
        before = told_until(
            demo,
            [
                r"three calls went well; its breaker",
                r"-agent goes on",
                r"Infinite loop: research-agent",
                r"Cost spike: coding-agent",
                r"Many calls fail: triage-agent",
            ],
        )
        demo.send_signal(signal.SIGINT)
        after, _ = demo.communicate(timeout=DEADLINE)
    output = before + after

    assert demo.returncode == 0, output
    assert re.search(r"first alert [0-9.]+ s after the server was up", output), output
    counts = re.search(r"served ([0-9,]+) tokens, the manager counted ([0-9,]+)", output)
    assert counts is not None, output
    served, counted = (int(one.replace(",", "")) for one in counts.groups())
    # An agent that is ended in the midst of a call tells of it; the provider may not count it.
    assert abs(served - counted) <= 0.01 * served > 0
    stopped = re.search(r"limit of \$0.40: the provider billed \$(0\.[0-9]+)", output)
    assert stopped is not None, output
    assert 0.35 < float(stopped[1]) <= 0.40
    assert re.search(r"a month  model_downgrade of triage-agent, gpt-4o", output), output
    left_nothing(tmp_path)


def told_until(demo: subprocess.Popen[str], wanted: Sequence[str]) -> str:
    """Return what a demonstration printed until all of `wanted`, patterns, were in it."""
    assert demo.stdout is not None
    watchdog = threading.Timer(DEADLINE, demo.kill)
    watchdog.start()
    output = ""
    try:
        while not all(re.search(one, output) for one in wanted):
            line = demo.stdout.readline()
            assert line, f"it ended, or took over {DEADLINE} s, before all was told:\n{output}"
            output += line
    finally:
        watchdog.cancel()
    return output


def left_nothing(place: Path) -> None:
    assert processes(place) == []
    assert list(place.iterdir()) == []


def test_it_ends_by_itself_and_sigterm_leaves_nothing_behind(tmp_path: Path) -> None:
    with start(5, tmp_path) as timed, start(None, tmp_path) as ended:
        told_until(ended, [r"\["])
        ended.send_signal(signal.SIGTERM)
        outputs = [demo.communicate(timeout=DEADLINE)[0] for demo in (timed, ended)]

    assert [timed.returncode, ended.returncode] == [0, 0], outputs
    assert all("this month" in output for output in outputs)
    left_nothing(tmp_path)
