"""The guard of this process: made by the first call, renewed after a fork, ended at the exit."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import RLock

from manager_agent.instrumentation import (
    absence,
    destination,
    known_rates,
    leaving,
    mishap,
    state_dir,
)
from manager_agent.instrumentation.absence import Absence
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.clock import now_ns
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.guard import Guard
from manager_agent.instrumentation.identity import resource_attributes
from manager_agent.instrumentation.loading import loaded
from manager_agent.instrumentation.peer import Channel
from manager_agent.instrumentation.settlement import Parts
from manager_agent.instrumentation.speaker import Speaker, Subjects
from manager_agent.instrumentation.word import Word

_LEAVING_SECONDS = 1.0
"""How long an exit may be held back for giving money back; spans need the rest of its grace."""

_making = RLock()
_guard: "_Running | None" = None


class _Running:
    """A guard and its speaker, as the environment asks for them."""

    def __init__(self) -> None:
        env = dict(os.environ)
        self._to = destination.manager(env)
        state = _state(env, self._to)
        self._word = Word(state, state_dir.boot_id())
        said = absence.setting(env, self._to.url)
        breakers = Breakers(self._wake, now_ns)
        parts = Parts(
            word=self._word,
            bounds=Bounds(),
            breakers=breakers,
            approvals=Approvals(lambda: known_rates.shared().digest_key),
            absence=Absence(said, lambda agent: _remembered(state, agent)),
        )
        self.guard = Guard(parts, self._start, now_ns)
        self._subjects = Subjects(
            word=self._word,
            bounds=parts.bounds,
            breakers=breakers,
            approvals=parts.approvals,
            version=_version(),
            environment=_environment(env),
            longest_ms=lambda: self.guard.longest_ms,
            expected=said.explicit,
        )
        self._renew()

    def after_fork(self) -> None:
        """Begin anew in a child."""
        self.speaker.abandon()
        self.guard.after_fork()
        self._renew()

    def _renew(self) -> None:
        self.speaker = Speaker(self._subjects, self._connected, now_ns)
        self._word.wake = self.speaker.wake
        self._word.hungers = self.speaker.hungers

    def _start(self) -> None:
        self.speaker.start()

    def _wake(self) -> None:
        self.speaker.wake()

    def _connected(self) -> Channel:
        return loaded(lambda: _channel(self._to))


def current() -> Guard:
    """Return the guard of this process, made if there is none."""
    running = _guard
    return (_made() if running is None else running).guard


def leave(seconds: float) -> None:
    """Give back what this process holds and take leave of the manager, within so many seconds."""
    if _guard is not None:
        _guard.guard.leave()
        _guard.speaker.leave(min(seconds, _LEAVING_SECONDS))


def after_fork() -> None:
    """Begin anew in a child: what its parent holds stays its parent's."""
    global _making
    _making = RLock()  # another thread of the parent may hold it for ever
    if _guard is not None:
        try:
            _guard.after_fork()
        except Exception as error:  # noqa: BLE001 - forking is the agent's
            mishap.note("guard.fork", "the guard failed to begin anew in a child", error)


def _made() -> _Running:
    global _guard
    with _making:
        if _guard is None:
            _guard = _Running()
            leaving.at_sigterm()
        return _guard


def _channel(to: Destination) -> Channel:
    # Here, in the speaker's thread: HTTP/2 takes some time to load.
    from manager_agent.instrumentation.channel import Channel

    return Channel(to)


def _state(env: dict[str, str], to: Destination) -> Path | None:
    try:
        return state_dir.folder(env, to.address)
    except OSError as error:
        mishap.note("guard.state", "no journal can be kept: set MANAGER_STATE_DIR", error)
        return None


def _remembered(state: Path | None, agent: str) -> str | None:
    return None if state is None else state_dir.remembered(state, agent)


def _version() -> str:
    try:
        return version("manager-agent")
    except PackageNotFoundError:
        return "unknown"


def _environment(env: dict[str, str]) -> str:
    said = resource_attributes(env)
    return said.get("deployment.environment.name") or said.get("deployment.environment") or ""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
