"""Run by Python at its start when this folder is on PYTHONPATH; `manager-agent run` puts it there.

Starts the instrumentation, then runs the `sitecustomize` that this file hides, as Python would
have. It must be harmless to any Python it meets, older ones and those of other environments
included: hence the plain language, and nothing is said where we are not installed.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401 - in the comments below

_HERE = os.path.dirname(os.path.abspath(__file__))
_OURS = os.path.join("manager_agent", "instrumentation", "site")


def _start():
    # type: () -> None
    try:
        _find_packages()
        from manager_agent.instrumentation.boot import start
    except Exception:  # noqa: BLE001 - not installed here, or not for this Python
        return
    start()


def _find_packages():
    # type: () -> None
    """Add the folder of `pip install --target`, made to be shared, last: the agent's own win."""
    folder = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))
    if folder in sys.path or os.path.basename(folder) in ("site-packages", "dist-packages"):
        return
    if any(name.startswith("manager_agent-") for name in os.listdir(folder)):
        sys.path.append(folder)


def _is_ours(entry):
    # type: (str) -> bool
    path = os.path.abspath(entry or os.curdir)
    return path == _HERE or path.endswith(os.sep + _OURS)


def _hidden():
    # type: () -> Any
    """Return the spec of the next `sitecustomize` on the path, None where there is none."""
    paths = [entry for entry in sys.path if not _is_ours(entry)]
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        on_path = getattr(finder, "__name__", "") == "PathFinder"
        spec = find and find("sitecustomize", paths if on_path else None)
        if spec is not None and spec.loader is not None:
            return spec
    return None


def _go_on():
    # type: () -> None
    spec = _hidden()
    if spec is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module  # it finds itself there; so will who imports it later
    spec.loader.exec_module(module)


_start()
_go_on()
