"""Environments of the proof, each under `.cache/bench-guard`, made from PyPI once."""

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench-guard"
SDK = "openai==3.54.0"
PEERS = {
    "agent-budget-guard": ["agent-budget-guard==0.2.0", SDK],
    "llm-spendguard": ["llm-spendguard==0.16.2", SDK],
}
OURS = [SDK, "anthropic==2.14.0", "google-genai==3.6.1", "gunicorn>=23"]


def made(name: str, packages: Sequence[str], ours: bool = False) -> Path:
    """Return the interpreter of an environment, made if it is not there yet.

    `ours`: the light install of this tree is in it, in place. Raises `RuntimeError` with what pip
    said where it cannot be made.
    """
    wanted = "\n".join([sys.version, *packages]).encode()
    if ours:
        wanted += (ROOT / "pyproject.toml").read_bytes()
    home = CACHE / f"{name}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if not (home / "made").exists():
        print(f"making {home.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
        venv.create(home, with_pip=True, clear=True)
        if packages:
            _pip(python, *packages)
        if ours:
            _pip(python, "--editable", str(ROOT))
        (home / "made").touch()
    return python


def _pip(python: Path, *what: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    command = [str(python), "-m", "pip", "install", *options]
    done = subprocess.run([*command, *what], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(what)} cannot be installed: {done.stderr}")
