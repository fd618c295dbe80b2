"""Sees to it that what was metered leaves the process before the process is gone.

Exits, SIGTERM, forks, and children of multiprocessing, which leave without running exit handlers.
What nobody can catch stays uncaught: `os._exit`, SIGKILL, a second of two impatient signals.

Loaded at the start of every instrumented process: built-in modules only, and the functions of
`_thread` as they are then, before gevent may replace them.
"""

import _signal  # type: ignore[import-not-found] # `signal` itself loads `enum`
import atexit
import os
import sys
from _thread import allocate_lock, start_new_thread
from time import monotonic

TYPE_CHECKING = False  # `typing` would cost each process more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

PROVIDER = "manager_agent.instrumentation.provider"
"""Who holds what has not been sent: `flush(seconds)`, `after_fork()`. Asked only if loaded."""
RECORDER = "manager_agent.instrumentation.recorder"
"""Who holds what was recorded by hand: `flush(seconds)`. Asked only if loaded."""
METER = "manager_agent.instrumentation.meter"
"""Who knows the calls that are open: `close_open()`. Asked only if loaded."""
GUARD = "manager_agent.instrumentation.guarding"
"""Who holds money of the manager's: `leave(seconds)`. Asked only if loaded."""
REENTRY = "manager_agent.instrumentation.reentry"
"""Who knows whether a thread is in code of ours: `put_off(work)`. Asked only if loaded."""
GRACE_SECONDS = 2.5
"""How long a process that was told to end may be held back; who told it may be counting."""
EXIT_SECONDS = 5.0
"""How long one that ends by itself may be."""
EXIT_VARIABLE = "MANAGER_EXIT_SECONDS"
"""Says how long either may be, in seconds, where neither default fits."""
_LONGEST_SECONDS = 3600.0
_LAST = -1000  # of the finalizers of multiprocessing, which run from the highest number down

_handling = False


def prepare() -> None:
    """Be called when the process exits or forks. Changes nothing that the agent could see."""
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def flush(seconds: float = EXIT_SECONDS) -> None:
    """Send what waits, within so many seconds, if anything was metered; never raises."""
    until = monotonic() + seconds
    _ask("flush", seconds)
    _ask("flush", max(0.0, until - monotonic()), of=RECORDER)


def at_sigterm() -> None:
    """Flush at SIGTERM, where it would otherwise end the process at once. Called once there may be
    something to flush, from the main thread if it can be.

    A handler that the agent has, or sets later, stays as it is: an orderly exit follows from it.
    """
    if _signal.getsignal(_signal.SIGTERM) != _signal.SIG_DFL:
        return
    try:
        _signal.signal(_signal.SIGTERM, _on_sigterm)
    except ValueError:
        return  # only the main thread may; this is another one


def at_end_of_children(util: "ModuleType") -> None:
    """Flush in children of multiprocessing (or billiard) when they are done.

    They forget inherited finalizers and leave by `os._exit`: each needs one of its own.
    """
    finalize: Any = util.Finalize

    def child(_: "Any") -> None:
        finalize(None, _at_exit, exitpriority=_LAST)

    _KEPT.append(child)  # multiprocessing holds on to it weakly
    util.register_after_fork(child, child)


_KEPT: "list[Any]" = []


def _on_sigterm(number: int, frame: "Any") -> None:
    global _handling
    if _handling:
        return  # `timeout` and others send it twice
    if _ask("put_off", _strike_again, of=REENTRY):
        return  # or a flush would wait for a lock that is held by what was interrupted here
    _handling = True
    try:
        ours = _signal.getsignal(number) is _on_sigterm
        _aside(_leave if ours else flush, _held_back(GRACE_SECONDS))
        if not ours:
            return  # the agent's own handler called us, and decides
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Still here: the first process of a container, which the kernel spares.
        _signal.signal(number, _on_sigterm)
    finally:
        _handling = False


def _strike_again() -> None:
    os.kill(os.getpid(), _signal.SIGTERM)


def _aside(act: "Callable[[float], None]", seconds: float) -> None:
    """Act in a thread: what was interrupted here may hold a lock that a flush needs."""
    done = allocate_lock()
    done.acquire()

    def work() -> None:
        try:
            act(seconds)
        finally:
            done.release()

    try:
        start_new_thread(work, ())
    except RuntimeError:
        return  # the interpreter is past starting threads: exit handlers have run
    done.acquire(timeout=seconds)


def _after_fork() -> None:
    global _handling
    _handling = False
    _ask("after_fork")


def _at_exit() -> None:
    _leave(_held_back(EXIT_SECONDS))


def _leave(seconds: float) -> None:
    """Settle the streams that nobody closed, give money back, flush: this process is over."""
    until = monotonic() + seconds
    _ask("close_open", of=METER)
    _ask("flush", 0.0)  # begins to send, while the money is given back
    _ask("leave", seconds, of=GUARD)
    flush(max(0.0, until - monotonic()))


def _held_back(default: float) -> float:
    """Return for how many seconds this process may be held back; nonsense is not heeded."""
    try:
        said = float(os.environ.get(EXIT_VARIABLE, "") or default)
    except ValueError:
        return default
    return said if 0 <= said <= _LONGEST_SECONDS else default


def _ask(what: str, *arguments: "Any", of: str = PROVIDER) -> "Any":
    """Return what a module answers; None where it is not loaded, and where it fails."""
    act = getattr(sys.modules.get(of), what, None)
    if act is None:
        return None
    try:
        return act(*arguments)
    except Exception as error:  # noqa: BLE001 - ending and forking are the agent's
        from manager_agent.instrumentation import mishap  # loads `logging`: only where needed

        mishap.note(f"leaving:{what}", f"{what} failed; calls may be missing", error)
        return None
