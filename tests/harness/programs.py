"""Small programs that use the agent's half, run to their end in a process of their own."""

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.harness.manager import environment

ROOT = Path(__file__).parents[2]
_BEGIN = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from manager_agent.instrumentation import provider, spans
"""


def run(
    code: str, *, python: str = sys.executable, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program. Raises `AssertionError` with what it wrote to stderr where it fails."""
    done = subprocess.run(
        [python, "-c", _BEGIN + textwrap.dedent(code)],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
