"""Runs one agent script of the matrix under `manager-agent run`, in a process of its own."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from manager_agent.app.demo.children import clean_environment
from tests.matrix.cells import BROKEN, Outcome, Saw
from tests.matrix.compare import REFUSAL
from tests.matrix.environments import Environment

AGENTS = Path(__file__).parent / "agents"
PATIENCE_SECONDS = 420.0
_MOST_SAID = 2000
_APIS = ("openai", "anthropic", "gemini", "bedrock")


@dataclass(frozen=True, slots=True)
class Where:
    """Addresses: the manager's, and the provider's for one outcome (`host:port`)."""

    otlp_grpc: str
    api: str
    provider: str


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that has ended."""

    environment: Environment
    outcome: Outcome
    saw: list[Saw]
    seconds: float
    stderr: str


def agent_of(environment: Environment, outcome: Outcome) -> str:
    """Return under which name the calls of one process are counted."""
    return f"{environment.name}/{outcome}"


def ran(environment: Environment, outcome: Outcome, where: Where, place: Path) -> Ran:
    """Run the agent of an environment to its end, or until patience is over."""
    command = [
        *(str(environment.home / "bin" / "manager-agent"), "run"),
        *("--agent", agent_of(environment, outcome)),
        *(str(environment.python), str(AGENTS / f"{environment.agent}.py")),
    ]
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=place,
        env=_variables(environment, outcome, where, place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    saw = [Saw(**json.loads(line)) for line in out.splitlines() if line.startswith("{")]
    seconds = time.monotonic() - began
    if process.returncode:
        how = f"exit {process.returncode}"
        saw.append(Saw(BROKEN, "", 0, how, err[-_MOST_SAID:], seconds))
    return Ran(environment, outcome, saw, seconds, err[-_MOST_SAID:])


def _variables(
    environment: Environment, outcome: Outcome, where: Where, place: Path
) -> Mapping[str, str]:
    variables = {
        "MANAGER_ENDPOINT": f"http://{where.otlp_grpc}",
        "MANAGER_API_URL": where.api,
        "MANAGER_LLM_HOSTS": ",".join(f"{where.provider}={api}" for api in _APIS),
        "PROVIDER_URL": f"http://{where.provider}/{environment.name}",
    }
    if outcome == "refused":
        variables["MANAGER_LOCAL_POLICY"] = str(_policy(place))
    return {**clean_environment(os.environ), **variables}


def _policy(place: Path) -> Path:
    path = place / "refuse_all.json"
    rule = {"match": {}, "decision": "refuse", "message": f"{REFUSAL}.", "remedy": "Leave it."}
    path.write_text(json.dumps([rule]), "utf-8")
    return path
