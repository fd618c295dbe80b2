"""What gunicorn serves: one call of a model for each visit; one was made before workers forked."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from agent import Plan, caller, refused  # type: ignore[import-not-found]

_CALLERS: dict[int, Callable[[], None]] = {}


def _call() -> None:
    """Call by this process's own client: an inherited one shares its parent's connections."""
    if os.getpid() not in _CALLERS:
        _CALLERS[os.getpid()] = caller(Plan(os.environ["PROVIDER"]))
    _CALLERS[os.getpid()]()


_call()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer `ok`, `refused` or `failed`."""
    try:
        _call()
        said = "ok"
    except Exception as error:  # noqa: BLE001 - what a runaway agent does
        said = "refused" if refused(error) else "failed"
    start_response("200 OK", [("content-type", "text/plain")])
    return [said.encode()]
