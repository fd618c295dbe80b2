"""The `manager-agent` command: what an agent's machine can do alone, else the server's commands.

Standard library only: in a light install it is all there is, and it says what is missing.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

_LIGHT = {
    "doctor": "manager_agent.instrumentation.doctor",
    "run": "manager_agent.instrumentation.run",
}
_AT_ONCE = ("run",)  # also where the server is installed: an agent must not wait for its imports
_SERVER = ("typer", "duckdb", "polars", "pyarrow", "pydantic", "genai_prices", "starlette")

_INSTALL = """\
manager-agent {command}: this is a light install, for an agent's machine; it can run: {light}.
The manager itself needs more ({missing}). Install it with:

    pip install "manager-agent[server]"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. `arguments`: without the program's name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given[0] if given else ""
    missing = [] if command in _AT_ONCE else [n for n in _SERVER if find_spec(n) is None]
    if command in _LIGHT and (missing or command in _AT_ONCE):
        return int(import_module(_LIGHT[command]).main(given[1:]))
    if missing:
        text = _INSTALL.format(
            command=command or "--help", light=", ".join(_LIGHT), missing=", ".join(missing)
        )
        print(text, file=sys.stderr, end="")
        return 2
    return int(import_module("manager_agent.app.cli").main(given))


if __name__ == "__main__":
    sys.exit(main())
