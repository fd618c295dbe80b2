"""Which Python a command runs, as far as can be told, and whether it will be instrumented."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PTH = "manager_agent_boot.pth"
_PYTHON = re.compile(r"(python|pypy)(w|[0-9.]+t?)?(\.exe)?", re.IGNORECASE)
_WITH_VALUE = "WX"
_PATIENCE_SECONDS = 10.0
_TRIED = "import sys; sys.exit('manager_agent.instrumentation.boot' not in sys.modules)"


def warnings_about(program: str, arguments: Sequence[str], env: Mapping[str, str]) -> Iterator[str]:
    """Yield, a line each, what would keep calls of this command in `env` from being metered."""
    named = _PYTHON.fullmatch(Path(program).name) is not None
    python = program if named else _shebang(program)
    if python is None:
        return  # a shell, a launcher: what it starts is seen when it is started
    flags = python_flags(arguments) if named else ""
    if "S" in flags:
        yield "python -S runs no start-up code: nothing is metered; leave -S out"
        return
    ours, hidden = _same_environment(python), {*"EI"} & {*flags}
    if (ours and (not hidden or pth_here())) or _starts(python, sorted(hidden), env):
        return
    if hidden and _starts(python, [], env):
        yield f"python -{''.join(sorted(hidden))} ignores PYTHONPATH: nothing is metered"
    else:
        remedy = f"{python} -m pip install manager-agent"
        yield f"{python} has no manager-agent: nothing is metered; install it there: {remedy}"


def python_flags(arguments: Sequence[str]) -> str:
    """Return the letters of Python's own options, those before a script, `-c` or `-m`."""
    letters = ""
    left = iter(arguments)
    for argument in left:
        if argument == "--check-hash-based-pycs":
            next(left, None)
            continue
        if not argument.startswith("-") or argument in ("-", "--"):
            break
        if argument.startswith("--"):
            continue
        for place, letter in enumerate(argument[1:], start=2):
            if letter in "cm":
                return letters
            letters += letter
            if letter in _WITH_VALUE:
                if len(argument) == place:
                    next(left, None)
                break
    return letters


def pth_here() -> bool:
    """Tell whether this environment has the file that reaches `python -E` and `-I`."""
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return any((Path(folder) / PTH).is_file() for folder in folders)


def _shebang(program: str) -> str | None:
    """Return the Python that a script's first line names, None where it names none."""
    try:
        with open(program, "rb") as file:
            first = file.readline(512)
    except OSError:
        return None
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    if words and Path(words[0]).name == "env":
        words = [shutil.which(words[-1]) or ""]
    if not words or _PYTHON.fullmatch(Path(words[0]).name) is None:
        return None
    return words[0]


def _same_environment(python: str) -> bool:
    # Not the resolved file: environments share one binary and differ by where its link lies.
    here, there = Path(sys.executable).parent, Path(python).parent
    return os.path.realpath(here) == os.path.realpath(there)


def _starts(python: str, flags: Sequence[str], env: Mapping[str, str]) -> bool:
    """Try whether a Python starts us; one that cannot be tried is taken to."""
    letters = [f"-{letter}" for letter in flags]
    try:
        done = subprocess.run(
            [python, *letters, "-c", _TRIED],
            env=env,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode == 0
