"""Who is held to the proof: this guard, and two peers, each as its own documentation says."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.guard import environments
from benchmarks.guard.truth import Truth
from manager_agent.app.demo.children import clean_environment

AGENT = Path(__file__).parent / "agent.py"
_SECONDS = 600.0


@dataclass(frozen=True)
class Side:
    """A guard, its interpreter, and how its agent is started.

    `endpoint`: of the manager, "" for a peer, which has none.
    """

    name: str
    python: Path
    endpoint: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is the one that has to hold."""
        return bool(self.endpoint)

    def command(self, agent: str, *words: str) -> list[str]:
        """Return what starts an agent of this name."""
        if not self.ours:
            return [str(self.python), *words]
        tool = str(self.python.parent / "manager-agent")
        return [tool, "run", "--agent", agent, str(self.python), *words]

    def environment(self, truth: Truth, sdk: str, home: Path) -> dict[str, str]:
        """Return the variables of an agent; `home`: where a peer keeps what it remembers."""
        told = {
            "MANAGER_ENDPOINT": self.endpoint,
            "MANAGER_LLM_HOSTS": f"{truth.place}={_API[sdk]}",
        }
        clean = clean_environment(os.environ)
        path = f"{self.python.parent}{os.pathsep}{clean.get('PATH', '')}"
        clean = {**clean, "PATH": path, "MANAGER_STATE_DIR": str(home / "state")}
        return {**clean, **told} if self.ours else {**clean, "SPENDGUARD_HOME": str(home)}


_API = {"openai": "openai", "anthropic": "anthropic", "google": "gemini"}


@dataclass
class Told:
    """What agents told of their attempts, all of their processes together."""

    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: list[tuple[float, float, str]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    refusal: str = ""
    refusal_seconds: list[float] = field(default_factory=list)

    def add(self, found: Mapping[str, Any]) -> None:
        """Take in what one process printed."""
        self.attempts += [(a, b, c) for a, b, c in found["attempts"]]
        self.outcomes.update(outcome for _, _, outcome in found["attempts"])
        self.errors.update(found["errors"])
        self.refusal = self.refusal or found["refusal"]
        self.refusal_seconds += found["refusal_seconds"]


class Agents:
    """Processes of one agent on one provider: started, waited for, killed."""

    def __init__(self, side: Side, truth: Truth, agent: str, sdk: str = "openai") -> None:
        self.side = side
        self.truth = truth
        self.agent = agent
        self.sdk = sdk
        self.running: list[subprocess.Popen[str]] = []
        self.told = Told()
        self._home = tempfile.TemporaryDirectory(prefix="manager-guard-")
        caps = {"budget": {"backend": "sqlite"}, "caps": {"llm": {"daily": 1.0}}}
        self._stop = Path(self._home.name) / "stop"
        (Path(self._home.name) / "config.json").write_text(json.dumps(caps), "utf-8")

    def __enter__(self) -> "Agents":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self._home.cleanup()

    def start(self, processes: int = 1, endless: bool = False, **plan: Any) -> None:
        """Start so many processes of a plan; a peer is put around the client.

        `endless`: they go on until `stop`.
        """
        told = {"url": self.truth.url, "sdk": self.sdk, **plan}
        if endless:
            told |= {"attempts": 10**9, "stop": str(self._stop)}
        if not self.side.ours:
            told["guard"] = self.side.name
        self.start_words([str(AGENT), json.dumps(told)], processes)

    def start_words(self, words: Sequence[str], processes: int = 1) -> None:
        """Start so many processes of any Python command."""
        for _ in range(processes):
            self.running.append(
                subprocess.Popen(
                    self.side.command(self.agent, *words),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env=self.side.environment(self.truth, self.sdk, Path(self._home.name)),
                    start_new_session=True,
                )
            )

    def stop(self) -> Told:
        """Let those that are endless end; return what they told."""
        self._stop.touch()
        return self.wait()

    def wait(self, seconds: float = _SECONDS) -> Told:
        """Wait for all; return what they told, those that were killed not included."""
        deadline = time.monotonic() + seconds
        for process in self.running:
            out, err = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
            if process.returncode == 0:
                self.told.add(json.loads(out.splitlines()[-1]))
            elif process.returncode != -signal.SIGKILL:
                raise RuntimeError(f"an agent ended with {process.returncode}: {err[-3000:]}")
        self.running = []
        return self.told

    def run(self, processes: int = 1, **plan: Any) -> Told:
        """Start processes of a plan and wait for them."""
        self.start(processes, **plan)
        return self.wait()


def ours(endpoint: str) -> Side:
    """Return this guard, on a manager at `endpoint`, in the environment that this runs in."""
    return Side("manager-agent", Path(sys.executable), endpoint)


def peers() -> list[Side]:
    """Return the peers, each in an environment of its own."""
    return [
        Side(name, environments.made(name, packages))
        for name, packages in environments.PEERS.items()
    ]
