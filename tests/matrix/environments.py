"""Environments of the matrix, each with one SDK and the light install, as an agent's machine has.

Made under `.cache/matrix` from the pins in `envs/`, and used again while those do not change. Our
own package is installed in place: what is tested is the code as it is now.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PINS = Path(__file__).parent / "envs"
CACHE = ROOT / ".cache" / "matrix"
_STAMP = "matrix-installed"


@dataclass(frozen=True, slots=True)
class Environment:
    """One column of the matrix: the pins of `envs/NAME.txt`, and the agent that runs there.

    `shows`: the packages whose versions people want to know, the SDK first; exceptions of these
    are the SDK's own. `emitters`: instrumentors in it that make spans of their own beside ours.
    """

    name: str
    agent: str
    shows: Sequence[str]
    emitters: int = 0

    @property
    def home(self) -> Path:
        """The folder of the environment."""
        return CACHE / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    def versions(self) -> dict[str, str]:
        """Return the pinned version of each package in `shows`."""
        pinned = re.findall(r"^([\w.-]+)==(\S+)$", self._pins(), re.MULTILINE)
        return {name: version for name, version in pinned if name in self.shows}

    def _pins(self) -> str:
        return (PINS / f"{self.name}.txt").read_text("utf-8")


CORE = (
    Environment("openai-3", "openai_agent", ["openai"]),
    Environment("anthropic-2", "anthropic_agent", ["anthropic"]),
    Environment("google-genai-3", "google_genai_agent", ["google-genai"]),
    Environment("boto3", "boto3_agent", ["boto3"]),
)
ALL = (
    *CORE,
    Environment("openai-2", "openai_agent", ["openai"]),
    Environment("openai-1", "openai_agent", ["openai"]),
    Environment("anthropic-0", "anthropic_agent", ["anthropic"]),
    Environment("google-genai-2", "google_genai_agent", ["google-genai"]),
    Environment("litellm", "litellm_agent", ["litellm", "openai"]),
    Environment("langchain", "langchain_agent", ["langchain-openai", "langchain-anthropic"]),
    Environment("pydantic-ai", "pydantic_ai_agent", ["pydantic-ai-slim"]),
    Environment("openai-agents", "openai_agents_agent", ["openai-agents"]),
)


def made(wanted: Sequence[Environment]) -> None:
    """Make the environments that are not there yet, one after the other; says which."""
    ours: Path | None = None
    for environment in wanted:
        if _stamp(environment) == _wanted(environment):
            continue
        print(f"making {environment.home.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
        ours = ours or _our_wheel()
        shutil.rmtree(environment.home, ignore_errors=True)
        _make(environment, ours)
        (environment.home / _STAMP).write_text(_wanted(environment), "utf-8")


def _make(environment: Environment, ours: Path) -> None:
    borrowed = find_spec("pip") is not None  # the pip of this environment spares a second one
    bare = ["--without-pip"] if borrowed else []
    _run(sys.executable, "-m", "venv", *bare, str(environment.home))
    python = str(environment.python)
    pip = [sys.executable, "-m", "pip", "--python", python] if borrowed else [python, "-m", "pip"]
    # Pins name all there is. Bytecode of what is never imported would take most of the time.
    quick = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    _run(*pip, *quick, "--requirement", str(PINS / f"{environment.name}.txt"))
    _run(*pip, *quick, str(ours))


def _our_wheel() -> Path:
    """Return a wheel that installs this source tree in place."""
    place = CACHE / "ours"
    shutil.rmtree(place, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel:editable", "-d", str(place))
    [wheel] = place.glob("*.whl")
    return wheel


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )


def _stamp(environment: Environment) -> str:
    path = environment.home / _STAMP
    return path.read_text("utf-8") if path.exists() else ""


def _wanted(environment: Environment) -> str:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    parts = [
        sys.version.encode(),
        (PINS / f"{environment.name}.txt").read_bytes(),
        json.dumps([settings["project"], settings["tool"]["hatch"]]).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
