"""An agent as a user has it, that multiplies or ends in the way that is named.

Run as `manager-agent run python -m tests.harness.forking_agent WAY PROVIDER_URL`.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

URL = sys.argv[2] if len(sys.argv) > 2 else ""


def call(number: int = 0) -> None:
    """Make one call."""
    from openai import OpenAI

    said = f"{os.getpid()} {number}"
    with OpenAI(base_url=f"{URL}/v1", api_key="none") as client:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": said}]
        )


def fork() -> None:
    """Call before, and in both processes after."""
    call()
    child = os.fork()
    call()
    if child:
        os.waitpid(child, 0)


def start(method: str) -> Callable[[], None]:
    """Return what calls here and in two children of multiprocessing."""

    def started() -> None:
        call()
        context: Any = multiprocessing.get_context(method)
        children = [context.Process(target=call) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()

    return started


def pool() -> None:
    """Call in a pool, which is ended by `terminate` as it usually is, and here."""
    with multiprocessing.get_context("fork").Pool(2) as workers:
        workers.map(call, range(4), chunksize=1)
    call()


def executor() -> None:
    """Call in an executor's processes."""
    with ProcessPoolExecutor(2) as workers:
        list(workers.map(call, range(4)))


def terminated() -> None:
    """Call, and be ended by SIGTERM."""
    call()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)  # until the signal strikes


def gone() -> None:
    """Call, and leave where nothing can be done about it."""
    call()
    os._exit(0)


WAYS: dict[str, tuple[Callable[[], None], int]] = {
    "single": (call, 1),
    "os.fork": (fork, 3),
    "multiprocessing fork": (start("fork"), 3),
    "multiprocessing forkserver": (start("forkserver"), 3),
    "multiprocessing spawn": (start("spawn"), 3),
    "Pool": (pool, 5),
    "ProcessPoolExecutor": (executor, 4),
    "SIGTERM": (terminated, 1),
    "os._exit": (gone, 1),
}
"""Each way, and how many calls it makes."""

if __name__ == "__main__":
    WAYS[sys.argv[1]][0]()
