"""`@track_llm_call`: what a function does is recorded as a call of a model, whatever its kind."""

import inspect
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Protocol, TypeVar, overload
from uuid import UUID, uuid4

from manager_agent.instrumentation import answer, identity, mishap, recorder, within
from manager_agent.instrumentation.answer import Answer
from manager_agent.instrumentation.client import cost_tracker as of_environment
from manager_agent.instrumentation.manager_http import ManagerError
from manager_agent.instrumentation.records import APICall

F = TypeVar("F")

_LONGEST_MESSAGE = 500
_GATE = "manager_agent.instrumentation.gate"
"""Loaded only where calls are metered as they leave."""


class Recording(Protocol):
    """Whatever records calls: a `CostTracker`, or what stands in for one in a test.

    Where `enforce` is asked for, its `check_budget_limits` and `acheck_budget_limits` are, too.
    """

    def record_api_call(self, call: APICall, /) -> object:
        """Record a call. Raises `ManagerError`."""


class BudgetExceededError(Exception):
    """A call was not made because its agent is over a limit.

    `decision`: what `check_budget_limits` answered.
    """

    def __init__(self, agent_id: str, decision: dict[str, Any]) -> None:
        self.decision = decision
        name = decision.get("limit_name") or f"a limit of agent {agent_id}"
        super().__init__(
            f"not called: {name} is used up, {decision.get('spent')} of {decision.get('limit')}"
            f" {decision.get('unit')}; wait until {decision.get('resets_at')}, or raise it with"
            " set_agent_budget"
        )


@overload
def track_llm_call(
    target: Recording | None = None, *, enforce: bool = False
) -> Callable[[F], F]: ...
@overload
def track_llm_call(target: F) -> F: ...
def track_llm_call(target: Any = None, *, enforce: bool = False) -> Any:
    """Record each call of a function as a call of a model; `@track_llm_call` or with brackets.

    Functions, coroutines, generators of both kinds and methods stay what they are, and return and
    raise what they did. The agent is `self.agent_id` where there is one, else who calls by
    `agent("name")`, MANAGER_AGENT_ID or the program's name. Usage, model and cost are read from
    what is returned or yielded (`answer.read`); what it does not tell is unknown.

    Where the calls inside are metered anyway (`manager-agent run`), the function only names the
    agent: nothing is counted twice. Otherwise a thread records them, which never holds the
    function up; while the manager is away they wait, at most 10,000. One that raises is recorded
    as a failed call. `target`: the tracker to record by; left out, that of the environment.
    `enforce`: ask `check_budget_limits` first and raise `BudgetExceededError` where it says no; a
    manager that is away lets pass.
    """
    if target is None or hasattr(target, "record_api_call"):
        tracker = of_environment if target is None else target
        return lambda function: _tracked(function, tracker, enforce)
    return _tracked(target, of_environment, enforce)


def _tracked(function: Any, tracker: Any, enforce: bool) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_tracked(function.__func__, tracker, enforce))
    if not callable(function):
        raise TypeError(
            f"track_llm_call decorates functions, found {type(function).__name__}; write"
            " @track_llm_call or @track_llm_call(cost_tracker)"
        )
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, tracker, enforce)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, tracker, enforce)
    if inspect.isgeneratorfunction(function):
        return _generator(function, tracker, enforce)
    return _function(function, tracker, enforce)


def _function(function: Callable[..., Any], tracker: Any, enforce: bool) -> Callable[..., Any]:
    @wraps(function)
    def tracked(*args: Any, **kwargs: Any) -> Any:
        call = Tracked(args, tracker, enforce)
        call.check()
        with call.told(), call.step():
            found = function(*args, **kwargs)
            call.saw(found)
        return found

    return tracked


def _coroutine(function: Callable[..., Any], tracker: Any, enforce: bool) -> Callable[..., Any]:
    @wraps(function)
    async def tracked(*args: Any, **kwargs: Any) -> Any:
        call = Tracked(args, tracker, enforce)
        await call.acheck()
        with call.told(), call.step():
            found = await function(*args, **kwargs)
            call.saw(found)
        return found

    return tracked


def _generator(function: Callable[..., Any], tracker: Any, enforce: bool) -> Callable[..., Any]:
    @wraps(function)
    def tracked(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = Tracked(args, tracker, enforce)
        call.check()
        with call.told():
            inner = function(*args, **kwargs)
            go, value = inner.send, None
            while True:
                try:
                    with call.step():
                        item = go(value)
                except StopIteration as stop:
                    call.saw(stop.value)
                    return stop.value
                call.saw(item)
                try:
                    go, value = inner.send, (yield item)
                except GeneratorExit:
                    with call.step():
                        inner.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - handed to whom it is meant for
                    go, value = inner.throw, error

    return tracked


def _async_generator(
    function: Callable[..., Any], tracker: Any, enforce: bool
) -> Callable[..., Any]:
    @wraps(function)
    async def tracked(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        call = Tracked(args, tracker, enforce)
        await call.acheck()
        with call.told():
            inner = function(*args, **kwargs)
            go, value = inner.asend, None
            while True:
                try:
                    with call.step():
                        item = await go(value)
                except StopAsyncIteration:
                    return
                call.saw(item)
                try:
                    go, value = inner.asend, (yield item)
                except GeneratorExit:
                    with call.step():
                        await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - handed to whom it is meant for
                    go, value = inner.athrow, error

    return tracked


class Tracked:
    """One call of a decorated function, from beginning to end; only `check` raises of itself."""

    def __init__(self, args: tuple[Any, ...], tracker: Any, enforce: bool) -> None:
        self._tracker = tracker
        self._enforce = enforce
        self._started = datetime.now(UTC)
        self._began = time.perf_counter()
        self._within = within.Within()
        self._answer = Answer()
        self._own_agent = _agent_of(args)
        with self._named():
            self._identity = identity.current()

    def check(self) -> None:
        """Raise `BudgetExceededError` where that is asked for, and the agent is over a limit."""
        if not self._enforce:
            return
        agent = self._identity.agent
        try:
            decision = self._tracker.check_budget_limits(agent)
        except ManagerError as error:
            mishap.warn("track.check", f"budgets are not checked: {error}")
            return
        self._refuse_unless(decision)

    async def acheck(self) -> None:
        """Do as `check` does, and leave the event loop free."""
        if not self._enforce:
            return
        agent = self._identity.agent
        try:
            decision = await self._tracker.acheck_budget_limits(agent)
        except ManagerError as error:
            mishap.warn("track.check", f"budgets are not checked: {error}")
            return
        self._refuse_unless(decision)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Record the call when the block ends, however it ends."""
        try:
            yield
        except GeneratorExit:  # who reads a stream has had enough: no failure
            self._record(None)
            raise
        except BaseException as error:
            self._record(error)
            raise
        self._record(None)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run a part of the function: its calls are the agent's, and are noted if metered."""
        with self._named(), self._within.entered():
            yield

    def saw(self, found: Any) -> None:
        """Read what the function returned or yielded."""
        try:
            told = answer.read(found)
            adds = answer.adds_up(found)
            self._answer = self._answer.plus(told) if adds else self._answer.then(told)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("track.answer", "what a function returned cannot be read", error)

    def _named(self) -> ExitStack:
        stack = ExitStack()
        if self._own_agent is not None:
            stack.enter_context(identity.agent(self._own_agent))
        return stack

    def _refuse_unless(self, decision: dict[str, Any]) -> None:
        if not decision["allowed"]:
            raise BudgetExceededError(self._identity.agent, decision)

    def _record(self, error: BaseException | None) -> None:
        if self._within.seen:
            return  # metered on its way out, or recorded by a function inside
        if _GATE in sys.modules and not self._answer.counted:
            return  # calls are metered here, and there was none
        try:
            within.note()  # functions around this one need not record it again
            recorder.of(self._tracker).put(self._call(error))
        except Exception as mistake:  # noqa: BLE001 - not the agent's concern
            mishap.note("track.record", "a call cannot be recorded", mistake)

    def _call(self, error: BaseException | None) -> APICall:
        told = self._answer
        return APICall(
            agent_id=self._identity.agent,
            timestamp=self._started,
            model=told.model,
            input_tokens=told.input_tokens,
            output_tokens=told.output_tokens,
            total_tokens=told.total_tokens,
            cost_usd=told.cost_usd,
            duration_ms=round((time.perf_counter() - self._began) * 1000, 3),
            success=error is None,
            error_message=str(error)[:_LONGEST_MESSAGE] if error else None,
            provider=told.provider,
            cache_read_tokens=told.cache_read_tokens,
            cache_write_tokens=told.cache_write_tokens,
            reasoning_tokens=told.reasoning_tokens,
            conversation_id=self._identity.conversation_id,
            user_id=self._identity.user_id,
            response_id=told.response_id,
            error_type=type(error).__name__ if error else None,
            call_id=uuid4().hex,
        )


def _agent_of(args: tuple[Any, ...]) -> str | None:
    """Return `self.agent_id` of the first argument, None where it has none that is a name."""
    if not args:
        return None
    try:
        found = getattr(args[0], "agent_id", None)
        named = str(found).strip() if isinstance(found, str | int | UUID) else ""
    except Exception as error:  # noqa: BLE001 - a property of the user's may do anything
        mishap.note("track.agent", "agent_id of an agent cannot be read", error)
        return None
    return named or None
