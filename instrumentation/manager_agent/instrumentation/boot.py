"""The start inside an agent: waits for HTTP clients and LLM libraries, and does nothing else.

Loaded at the start of every instrumented Python process, most of which never call a model: only
built-in modules are imported here, no thread is started, no handler set. What a library needs is
loaded when that library is.
"""

import os
import sys
from _thread import allocate_lock

from manager_agent.instrumentation import leaving
from manager_agent.instrumentation.import_hook import ImportHook

TYPE_CHECKING = False  # `typing` would cost each process more than all of this
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from manager_agent.instrumentation.import_hook import Found

DISABLED = "MANAGER_DISABLED"
"""Set to 1, the agent runs as if we were not installed."""
ASKED = "MANAGER_INSTRUMENT"
"""Set to 1, `manager_agent_boot.pth` in site-packages starts us."""

_HERE = "manager_agent.instrumentation"
SEAMS = {
    "httpx": "seam_httpx",
    "httpx2": "seam_httpx",
    "requests": "seam_requests",
    "aiohttp": "seam_aiohttp",
    "botocore.httpsession": "seam_botocore",
}
"""Module of a client -> which of our modules patches it."""
LIBRARIES = (
    "openai",
    "anthropic",
    "google.genai",
    "litellm",
    "mistralai",
    "groq",
    "cohere",
    "ollama",
)
"""Libraries that are there to call models: with them comes, in the same thread, all we need.

Left to the first call, it would be loaded by a thread of ours: too late in a process that ends
after that call, and a fork while it loads would leave the child with modules locked for ever.
"""
_NEEDED = "exporter"

_hook = ImportHook()
_lock = allocate_lock()
_started = False


def start() -> None:
    """Begin to watch for what is metered; once a process, and never raises."""
    global _started
    try:
        with _lock:
            if _started or is_on(os.environ.get(DISABLED)):
                return
            _started = True
        leaving.prepare()
        for wanted in _watched():
            _hook.watch(wanted)
    except Exception as error:  # noqa: BLE001 - the agent must start, whatever is wrong with us
        _note("start", error)


def start_where_asked() -> None:
    """Start if `MANAGER_INSTRUMENT` says so; what site-packages calls in every process."""
    if is_on(os.environ.get(ASKED)):
        start()


def started() -> bool:
    """Tell whether this process is instrumented."""
    return _started


def is_on(value: "str | None") -> bool:
    """Tell whether a variable's value switches something on."""
    return (value or "").strip().lower() in ("1", "true", "yes", "on")


def _watched() -> "Iterator[Mapping[str, Found]]":
    yield {name: _patching(seam) for name, seam in SEAMS.items()}
    yield {
        "multiprocessing.util": leaving.at_end_of_children,
        "billiard.util": leaving.at_end_of_children,  # Celery's multiprocessing
    }
    yield dict.fromkeys(LIBRARIES, _load)
    try:
        yield _module("official").triggers()
    except Exception as error:  # noqa: BLE001 - without the official spans there are still ours
        _note("official", error)


def _patching(seam: str) -> "Found":
    def patch(module: "ModuleType") -> None:
        _module(seam).patch(module)

    return patch


def _load(_: "ModuleType") -> None:
    leaving.at_sigterm()  # calls may come from other threads, which may not
    _module(_NEEDED)


def _module(name: str) -> "ModuleType":
    __import__(f"{_HERE}.{name}")
    return sys.modules[f"{_HERE}.{name}"]


def _note(what: str, error: Exception) -> None:
    from manager_agent.instrumentation import mishap  # loads `logging`: only where needed

    mishap.note(f"boot:{what}", f"{what} failed, the agent goes on without it", error)
