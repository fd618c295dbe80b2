"""The demonstration's processes: started in groups of their own, and all of them ended."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})
# What would take a child to the network, to somebody's account, or off its tracks.
FOREIGN = ("ANTHROPIC_", "GRPC_", "MANAGER_", "OPENAI_", "OTEL_", "SLACK_")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` without keys, proxies and settings of other telemetry."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }
    return {**kept, "NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1"}


class Children:
    """Processes under way. Their output goes to `<name>.out` and `<name>.err` in `logs`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], variables: Mapping[str, str] = _NONE
    ) -> None:
        """Start `command` in a session of its own: Ctrl-C reaches it only through `stop`.

        `variables` are added to its clean environment.
        """
        out, err = self._logs / f"{name}.out", self._logs / f"{name}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**clean_environment(os.environ), **variables},
                start_new_session=True,
            )

    def pid(self, name: str) -> int:
        """Return the id of a process that was started."""
        return self._running[name].pid

    def exit_code(self, name: str) -> int | None:
        """Return how a process ended, None while it runs."""
        return self._running[name].poll()

    def output(self, name: str) -> str:
        """Return what a process has written to stdout."""
        return (self._logs / f"{name}.out").read_text("utf-8", "replace")

    def errors(self, name: str) -> str:
        """Return what a process has written to stderr."""
        return (self._logs / f"{name}.err").read_text("utf-8", "replace")

    def last_words(self, name: str, lines: int = 20) -> str:
        """Return the last lines a process wrote to stderr."""
        return "\n".join(self.errors(name).splitlines()[-lines:])

    def stop(self, *names: str, patience: float) -> None:
        """End processes: SIGTERM, and after `patience` seconds SIGKILL to what is left of a group.

        Names that were never started are left out.
        """
        ending = [self._running[name] for name in names if name in self._running]
        for process in ending:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + patience
        for process in ending:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            kill_group(process.pid)

    def stop_all(self, patience: float) -> None:
        """End every process."""
        self.stop(*self._running, patience=patience)


def kill_group(group: int) -> None:
    """Kill a process group whose leader is gone, workers it left behind included."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # the usual case: nobody was left, or only what is dead already (macOS)
