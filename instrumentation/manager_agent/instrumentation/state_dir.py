"""Where guards of this host leave what must outlive them, and what they remember of a manager."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

_NAME_BYTES = 8


def folder(env: Mapping[str, str], manager: str) -> Path:
    """Return the directory for one manager, made for this user alone. Raises `OSError`.

    `manager`: its address; what is told to one manager is nothing to another.
    """
    errors: list[OSError] = []
    for base in _candidates(env):
        path = base / _digest(manager)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(path, os.W_OK | os.X_OK):
                return path
            errors.append(PermissionError(f"{path} cannot be written"))
        except OSError as error:
            errors.append(error)
    raise errors[0]


def boot_id() -> str:
    """Return what tells this boot of this host from others; empty where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:48]
    except OSError:
        return ""


def remembered(path: Path, agent: str) -> str | None:
    """Return what holds for an agent without this manager, as it last said; None if it never did.

    One of `static`, `closed`, `open`.
    """
    try:
        found = json.loads((path / f"{_digest(agent)}.agent").read_bytes())
    except (OSError, ValueError):
        return None
    said = found.get("unreachable") if isinstance(found, dict) else None
    return said if said in ("static", "closed", "open") else None


def remember(path: Path, agent: str, unreachable: str) -> None:
    """Keep what the manager says. Raises `OSError`."""
    kept = path / f"{_digest(agent)}.agent"
    new = kept.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps({"agent": agent, "unreachable": unreachable}), "utf-8")
    new.replace(kept)


def _candidates(env: Mapping[str, str]) -> list[Path]:
    said = env.get("MANAGER_STATE_DIR", "").strip()
    if said:
        return [Path(said)]
    home = env.get("XDG_STATE_HOME", "").strip() or env.get("HOME", "").strip()
    found = []
    if env.get("XDG_STATE_HOME", "").strip():
        found.append(Path(home) / "manager-agent")
    elif home:
        found.append(Path(home) / ".local" / "state" / "manager-agent")
    user = os.getuid() if sys.platform != "win32" else "user"
    return [*found, Path(tempfile.gettempdir()) / f"manager-agent-{user}"]


def _digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=_NAME_BYTES).hexdigest()
