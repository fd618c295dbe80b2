"""Runs one agent script of the matrix under `manager-agent run`, in a process of its own."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from manager_agent.app.demo.children import clean_environment
from tests.matrix.cells import Outcome, Saw
from tests.matrix.compare import REFUSAL
from tests.matrix.environments import Environment

AGENTS = Path(__file__).parent / "agents"
PATIENCE_SECONDS = 180.0
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
    """Run the agent of an environment to its end. Raises `RuntimeError` where it breaks."""
    command = [
        *(str(environment.home / "bin" / "manager-agent"), "run"),
        *("--agent", agent_of(environment, outcome)),
        *(str(environment.python), str(AGENTS / f"{environment.agent}.py")),
    ]
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=place,
        env=_variables(environment, outcome, where, place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{environment.name}, {outcome}: exit {done.returncode}\n{done.stderr}")
    saw = [Saw(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    return Ran(environment, outcome, saw, time.monotonic() - began, done.stderr)


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
