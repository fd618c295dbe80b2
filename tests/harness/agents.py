"""Processes as users start them under `manager-agent run`, on this machine's Python."""

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.manager import environment

BIN = Path(sys.executable).parent
SECONDS = 240.0  # on a machine with much else to do

STARTED = """\
import sys
boot = sys.modules.get("manager_agent.instrumentation.boot")
print("started" if boot and boot.started() else "not started")
"""
"""Python code that prints whether its process is instrumented."""


def agent_environment(**variables: str) -> dict[str, str]:
    """Return an environment without ours, where `python` and `manager-agent` are this one's."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return environment(**{"PATH": path, "PYTHONPATH": "", **variables})


def run(
    *words: str | Path, cwd: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in words],
        env=agent_environment(**variables),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def run_agent(
    *words: str | Path, cwd: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run `manager-agent run WORDS` to its end."""
    return run(BIN / "manager-agent", "run", *words, cwd=cwd, **variables)
