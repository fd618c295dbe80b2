"""`manager-agent run CMD...`: run an agent instrumented. Standard library only.

The command replaces this process, so its exit code and signals are the agent's own.
"""

import os
import shutil
import signal
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from manager_agent.instrumentation.boot import ASKED
from manager_agent.instrumentation.interpreter import warnings_about

SITE = Path(__file__).parent / "site"
"""The folder that instruments every Python which has it on PYTHONPATH."""
USAGE, NOT_EXECUTABLE, NOT_FOUND = 2, 126, 127
"""Exit codes, the last two as shells have them."""

_OPTIONS = {"--agent": "MANAGER_AGENT_ID", "--endpoint": "MANAGER_ENDPOINT"}
_HELP = """\
Usage: manager-agent run [--agent NAME] [--endpoint URL] CMD [ARGUMENT ...]
       manager-agent run --print-path

Run CMD with every LLM call of it, and of the Python processes it starts, metered.

  --agent NAME     whose calls they are (sets MANAGER_AGENT_ID)
  --endpoint URL   where the manager is, such as http://127.0.0.1:4317 (sets MANAGER_ENDPOINT)
  --print-path     print the folder that does the same when it is on PYTHONPATH, and stop
  --help           say this, and stop

  manager-agent run python my_agent.py
  manager-agent run --agent research gunicorn my_app:app
"""


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says: variables to set, then the command and its arguments."""

    variables: Mapping[str, str]
    command: Sequence[str]


class RunError(Exception):
    """The command cannot be run: the message says why and what to do, `code` is the exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] = ()) -> int:
    """Become the command, or return an exit code where that is not possible."""
    if arguments and arguments[0] in ("--help", "-h"):
        print(_HELP, end="")
        return 0
    if arguments and arguments[0] == "--print-path":
        print(SITE)
        return 0
    try:
        given = parsed(arguments)
        _become(given, dict(os.environ))
    except RunError as error:
        print(f"manager-agent run: {error}", file=sys.stderr)
        return error.code


def parsed(arguments: Sequence[str]) -> Given:
    """Take the options off the front. Raises `RunError`."""
    left, variables = list(arguments), dict[str, str]()
    while left and left[0].startswith("-"):
        option, equals, value = left.pop(0).partition("=")
        if option == "--":
            break
        if option not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise RunError(
                f"{option} is no option of it ({known}); options come before the command"
            )
        if not equals:
            value = left.pop(0) if left else ""
        if not value:
            raise RunError(f"{option} needs a value")
        variables[_OPTIONS[option]] = value
    if not left:
        raise RunError("no command; write: manager-agent run python my_agent.py")
    return Given(variables, left)


def instrumented(env: MutableMapping[str, str]) -> None:
    """Set in `env` what instruments the Python processes that get it.

    PYTHONPATH reaches every environment; the other variable also Pythons that ignore PYTHONPATH
    (`-E`, `-I`), in environments where we are installed.
    """
    rest = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    others = [part for part in rest if part != str(SITE)]
    env["PYTHONPATH"] = os.pathsep.join([str(SITE), *others])
    env[ASKED] = "1"


def _become(given: Given, env: dict[str, str]) -> NoReturn:
    env |= given.variables
    instrumented(env)
    program = _found(given.command[0], env)
    for warning in warnings_about(program, given.command[1:], env):
        print(f"manager-agent run: {warning}", file=sys.stderr)
    _undo_ignored_signals()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, list(given.command), env)
    except FileNotFoundError as error:
        remedy = "its first line (#!) names an interpreter that is not there"
        raise RunError(f"{program} cannot be run: {remedy}", NOT_EXECUTABLE) from error
    except OSError as error:
        raise RunError(f"{program} cannot be run: {error.strerror}", NOT_EXECUTABLE) from error


def _found(name: str, env: Mapping[str, str]) -> str:
    """Return the file to execute, found as a shell would. Raises `RunError`."""
    program = shutil.which(name, path=env.get("PATH"))
    if program is not None:
        return program
    path = Path(name)
    if path.is_dir():
        raise RunError(f"{name} is a folder, not a command", NOT_EXECUTABLE)
    if path.exists() and (os.sep in name or path.suffix == ".py"):
        remedy = f"python {name}" if path.suffix == ".py" else f"chmod +x {name}"
        raise RunError(f"{name} is not executable; try: {remedy}", NOT_EXECUTABLE)
    where = "" if os.sep in name else " on PATH"
    raise RunError(f"command not found{where}: {name}", NOT_FOUND)


def _undo_ignored_signals() -> None:
    """Give the command the signals that Python ignores for itself; `exec` would hand that on."""
    for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
