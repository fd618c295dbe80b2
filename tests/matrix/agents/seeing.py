"""What an agent of the matrix does with its calls: makes them, and prints what it saw of each."""

import asyncio
import inspect
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

URL = os.environ["PROVIDER_URL"]
CALLS = int(os.environ.get("CALLS", "2"))  # the second is read from the provider's cache
KEY = "none-is-needed"
LONG = "Read this page before you answer, and quote it where it says something of use. " * 120
QUESTION = "What did region 7 earn last quarter?"

# One loop for all: frameworks keep their clients, and these are bound to the loop they met first.
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)

Mode = Callable[[str], Any]
"""(model) -> the text of the answer, or a coroutine of it."""


def see(modes: Mapping[str, tuple[str, Mode]]) -> None:
    """Make each mode's calls, with a model of its own, and print a line of JSON about them."""
    for name, (model, call) in modes.items():
        said = {"mode": name, "model": model, "chars": 0, "exception": None, "message": None}
        began = time.monotonic()
        try:
            for _ in range(CALLS):
                text = call(model)
                text = LOOP.run_until_complete(text) if inspect.iscoroutine(text) else text
                said["chars"] += len(text)
        except Exception as error:  # noqa: BLE001 - which one it is, is what is looked at
            said |= {"exception": named(error), "message": str(error)}
        print(json.dumps({**said, "seconds": time.monotonic() - began}), flush=True)


def named(error: BaseException) -> str:
    """Return what a user would write after `except`, and the HTTP status where it has one."""
    kind = type(error)
    status = getattr(error, "status_code", None) or getattr(error, "status", None)
    code = getattr(error, "code", None)
    status = status if isinstance(status, int) else code if isinstance(code, int) else None
    name = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    return f"{name} {status}" if status else name
