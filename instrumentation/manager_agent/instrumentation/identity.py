"""Who makes a call: the first of context, baggage, spans, environment and program that tells."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import PurePath
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from opentelemetry import baggage
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span, get_current_span

from manager_agent.contract.attributes import AGENT

_LONGEST = 256
"""Characters of an agent's name that are kept: baggage is a stranger's."""
_HIGHEST = 32
"""Ancestors that are asked for a name at most."""
_AGENT_NAME = "gen_ai.agent.name"
_CONVERSATION = "gen_ai.conversation.id"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose call it is; `agent` is what budgets go by.

    `told_by` says where the agent's name came from: `context`, `baggage`, `span`, `environment`,
    `service` or `default`.
    """

    agent: str
    told_by: str
    conversation_id: str | None = None
    user_id: str | None = None


class _Frame(NamedTuple):
    """One entered `agent`, and what was in force around it."""

    identity: Identity
    outer: "_Frame | None"
    around: Context


_entered: ContextVar[_Frame | None] = ContextVar("manager_agent", default=None)
_parents: WeakKeyDictionary[Span, Span] = WeakKeyDictionary()
_of_process: Identity | None = None


class agent:
    """Names the agent of all calls made inside: `with`, `async with`, or a decorator.

    Several may work side by side in one process, in threads, tasks and callbacks; threads that
    are started inside know nothing of it unless they run in a copy of the context. The name goes
    into W3C baggage, so that services that are called through the user's own propagation know it.
    A decorated function is run inside; of a generator function decorate its consumer.
    """

    def __init__(
        self, name: str, conversation_id: str | None = None, user_id: str | None = None
    ) -> None:
        name = str(name).strip()[:_LONGEST]
        if not name:
            raise ValueError("agent() needs a name, found an empty one")
        self._identity = Identity(name, "context", conversation_id, user_id)

    def __enter__(self) -> "agent":
        outer, around = _entered.get(), get_current()
        identity = self._identity
        if outer is not None:  # the same conversation goes on unless another is named
            identity = Identity(
                identity.agent,
                "context",
                identity.conversation_id or outer.identity.conversation_id,
                identity.user_id or outer.identity.user_id,
            )
        _entered.set(_Frame(identity, outer, around))
        attach(baggage.set_baggage(AGENT, identity.agent, around))
        return self

    def __exit__(self, *_: object) -> None:
        frame = _entered.get()
        if frame is None:  # left in another context than entered, as an async generator may be
            return
        # Not by tokens: those are refused in another context than the one that gave them.
        _entered.set(frame.outer)
        attach(frame.around)

    async def __aenter__(self) -> "agent":
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, each call of it made inside."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"agent() cannot decorate the generator {function.__qualname__}; write"
                " `with agent(...):` where it is consumed"
            )
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def inside_task(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast(Callable[P, R], inside_task)

        @wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return inside


def current() -> Identity:
    """Return whose a call is that is made here and now."""
    return named_in(get_current())


def named_in(context: Context) -> Identity:
    """Return whose a call is that is made here, `context` being OpenTelemetry's."""
    frame = _entered.get()
    if not context:  # as nearly always: no span, no baggage
        return of_process() if frame is None else frame.identity
    if frame is not None and frame.identity.conversation_id is not None:
        return frame.identity
    span = get_current_span(context)
    if frame is not None:
        return _conversing(frame.identity, span)
    named = baggage.get_baggage(AGENT, context)
    if isinstance(named, str) and named.strip():
        return _conversing(Identity(named.strip()[:_LONGEST], "baggage"), span)
    named = _ancestor(span, _AGENT_NAME)
    if named:
        return _conversing(Identity(named[:_LONGEST], "span"), span)
    return _conversing(of_process(), span)


def of_process() -> Identity:
    """Return whose calls are that nothing else tells of: by environment or program. Read once."""
    global _of_process
    if _of_process is None:
        _of_process = named_by(
            os.environ, sys.argv, getattr(sys.modules["__main__"], "__spec__", None)
        )
    return _of_process


def named_by(env: Mapping[str, str], argv: list[str], main: Any = None) -> Identity:
    """Return the identity that an environment gives, else the program's name.

    `main`: the import spec of the program where it was started by `python -m`.
    """
    named = env.get("MANAGER_AGENT_ID", "").strip()
    resource = resource_attributes(env)
    named = named or resource.get(AGENT, "") or resource.get(_AGENT_NAME, "")
    if named:
        return Identity(named[:_LONGEST], "environment")
    service = env.get("OTEL_SERVICE_NAME", "").strip() or resource.get("service.name", "")
    if service:
        return Identity(service[:_LONGEST], "service")
    return Identity(program(argv, main)[:_LONGEST], "default")


def program(argv: list[str], main: Any = None) -> str:
    """Return what a program is called: its module after `-m`, else its file without ending."""
    module = str(getattr(main, "name", "") or "").removesuffix(".__main__")
    if module and module != "__main__":
        return module
    path = PurePath(argv[0] if argv else "")
    if path.name == "__main__.py":
        path = path.parent
    return path.stem if path.stem not in ("", "-c", "-") else "python"


def resource_attributes(env: Mapping[str, str]) -> dict[str, str]:
    """Return what `OTEL_RESOURCE_ATTRIBUTES` says; pairs that are none are left out."""
    pairs = (part.partition("=") for part in env.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    return {key.strip(): unquote(value.strip()) for key, sign, value in pairs if sign}


def note_parent(span: Span, parent: Span) -> None:
    """Remember whose child a span is, for as long as it lives: spans do not tell by themselves."""
    _parents[span] = parent


def lineage(span: Span) -> Iterator[str]:
    """Yield the ids of a span and its known ancestors, 16 hex digits each, the nearest first."""
    seen: Span | None = span
    for _ in range(_HIGHEST):
        if seen is None:
            return
        yield f"{seen.get_span_context().span_id:016x}"
        above = _parents.get(seen)
        parent = getattr(seen, "parent", None)
        if above is None and parent is not None:  # of another process, or of another's tracer
            yield f"{parent.span_id:016x}"
        seen = above


def _ancestor(span: Span, key: str) -> str | None:
    """Return what the nearest of a span and its known ancestors says under a key."""
    seen: Span | None = span
    for _ in range(_HIGHEST):
        if seen is None:
            return None
        said = _attribute(seen, key)
        if said:
            return said
        seen = _parents.get(seen)
    return None


def _attribute(span: Span, key: str) -> str | None:
    # Only spans of the SDK can be read; those of other tracers have no such property.
    said = (getattr(span, "attributes", None) or {}).get(key)
    return said.strip() if isinstance(said, str) else None


def _conversing(identity: Identity, span: Span) -> Identity:
    """Return `identity` with the conversation that spans name, where it has none itself."""
    if identity.conversation_id is not None:
        return identity
    conversation = _ancestor(span, _CONVERSATION)
    if not conversation:
        return identity
    return Identity(identity.agent, identity.told_by, conversation, identity.user_id)
