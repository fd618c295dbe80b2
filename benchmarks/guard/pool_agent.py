"""A runaway agent that works in a pool of processes: `pool_agent.py METHOD URL`."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable

from agent import Found, Plan, caller, note  # type: ignore[import-not-found]

_CALLERS: dict[int, Callable[[], None]] = {}
URL = sys.argv[2] if len(sys.argv) > 2 else ""


def attempt(number: int) -> tuple[float, float, str]:
    """Make one call; return when it began, how long it took, and what became of it."""
    found, began, raised = Found(), time.time(), None
    try:
        _caller()()
    except Exception as error:  # noqa: BLE001 - what a runaway agent does
        raised = error
    note(found, began, raised)
    [attempted] = found.attempts
    return attempted  # type: ignore[no-any-return]


def _caller() -> Callable[[], None]:
    """Return this process's own: a client that is inherited shares its parent's connections."""
    if os.getpid() not in _CALLERS:
        _CALLERS[os.getpid()] = caller(Plan(URL))
    return _CALLERS[os.getpid()]


def main() -> None:
    """Call, then let the pool make 200 attempts, then say what became of them."""
    attempts = [attempt(0)]
    with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:
        attempts += pool.map(attempt, range(200), chunksize=1)
    attempts.append(attempt(0))
    told = {"attempts": attempts, "errors": {}, "refusal": "", "refusal_seconds": []}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
