"""Decorated functions stay what they were, and each call of them is recorded as it went."""

import asyncio
import inspect
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from manager_agent.instrumentation import (
    BudgetExceededError,
    CostTracker,
    ManagerError,
    cost_tracker,
    recorder,
    track_llm_call,
    within,
)
from manager_agent.instrumentation import agent as named
from manager_agent.instrumentation.identity import current
from manager_agent.instrumentation.records import APICall

USED = {"tokens": 12, "cost": 0.25, "model": "m-1"}


class Tracker:
    """Takes calls as a `CostTracker` does; `decision` is what budgets say."""

    def __init__(self, decision: dict[str, Any] | Exception | None = None) -> None:
        self.taken: list[APICall] = []
        self.decision = decision

    def record_api_call(self, call: APICall) -> str:
        self.taken.append(call)
        return str(call.call_id)

    def check_budget_limits(self, agent_id: str, estimated_cost: object = 0) -> dict[str, Any]:
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision or {"allowed": True}

    async def acheck_budget_limits(self, agent_id: str) -> dict[str, Any]:
        return self.check_budget_limits(agent_id)

    @property
    def calls(self) -> list[APICall]:
        """What was recorded, once all of it is."""
        found = recorder.known(self)
        assert found is None or found.flush(10)
        return self.taken


@pytest.fixture(autouse=True)
def _without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have loaded it; with it see test_track_seam.py."""
    monkeypatch.delitem(sys.modules, "manager_agent.instrumentation.gate", raising=False)


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


def test_what_a_function_is_stays_so(tracker: Tracker) -> None:
    @track_llm_call(tracker)
    def plain(a: int, *, b: str = "x") -> str:
        """Say it."""
        return f"{a}{b}"

    @track_llm_call(tracker)
    async def coroutine() -> None: ...

    @track_llm_call(tracker)
    def generator() -> Iterator[int]:
        yield 1

    @track_llm_call(tracker)
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert (plain.__name__, plain.__doc__) == ("plain", "Say it.")
    assert str(inspect.signature(plain)) == "(a: int, *, b: str = 'x') -> str"
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)
    assert plain(1, b="y") == "1y"


@pytest.mark.parametrize("decorate", [track_llm_call, track_llm_call()], ids=["bare", "brackets"])
def test_without_a_tracker_it_is_that_of_the_environment(
    decorate: Any, monkeypatch: pytest.MonkeyPatch, tracker: Tracker
) -> None:
    taken = tracker.taken
    monkeypatch.setattr(CostTracker, "record_api_calls", lambda _, calls: taken.extend(calls))
    function = decorate(lambda: USED)

    assert function() == USED
    assert cost_tracker.flush(10)
    assert [call.model for call in taken] == ["m-1"]


class Agent:
    """An agent as people write them; every kind of method calls a model."""

    def __init__(self, agent_id: Any) -> None:
        self.agent_id = agent_id


def methods_of(tracker: Tracker) -> Any:
    class Calling(Agent):
        agent_id = "of the class"

        @track_llm_call(tracker)
        def plain(self) -> Any:
            return USED

        @track_llm_call(tracker)
        async def coroutine(self) -> Any:
            await asyncio.sleep(0)
            return USED

        @track_llm_call(tracker)
        def generator(self) -> Iterator[Any]:
            yield "text"
            yield USED

        @track_llm_call(tracker)
        async def async_generator(self) -> AsyncIterator[Any]:
            yield "text"
            await asyncio.sleep(0)
            yield USED

        @classmethod
        @track_llm_call(tracker)
        def inner_class_method(cls) -> Any:
            return USED

        @track_llm_call(tracker)
        @classmethod
        def outer_class_method(cls) -> Any:
            return USED

        @track_llm_call(tracker)
        @staticmethod
        def static(agent: Agent) -> Any:
            return USED

    return Calling


def drive(found: Any) -> Any:
    """Run what a method returned to its end."""
    if inspect.isgenerator(found):
        return list(found)
    if inspect.isasyncgen(found):

        async def read() -> list[Any]:
            return [item async for item in found]

        return asyncio.run(read())
    return asyncio.run(found) if inspect.iscoroutine(found) else found


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator", "async_generator", "static"])
def test_the_agent_is_that_of_self(kind: str, tracker: Tracker) -> None:
    agent = methods_of(tracker)("planner")
    argument = [agent] if kind == "static" else []

    found = drive(getattr(agent, kind)(*argument))

    assert found in (USED, ["text", USED])
    [call] = tracker.calls
    assert (call.agent_id, call.model, call.success) == ("planner", "m-1", True)
    assert (call.total_tokens, str(call.cost_usd)) == (12, "0.25")
    assert call.timestamp is not None
    assert call.timestamp.utcoffset() is not None
    assert call.duration_ms is not None
    assert call.duration_ms >= 0
    assert call.call_id


@pytest.mark.parametrize("kind", ["inner_class_method", "outer_class_method"])
def test_class_methods_work_in_either_order(kind: str, tracker: Tracker) -> None:
    assert getattr(methods_of(tracker), kind)() == USED
    assert [call.agent_id for call in tracker.calls] == ["of the class"]


@pytest.mark.parametrize("agent_id", [None, "", "  ", ["a"]])
def test_a_self_without_a_name_leaves_it_to_the_context(agent_id: Any, tracker: Tracker) -> None:
    agent = methods_of(tracker)(agent_id)

    with named("of the context", conversation_id="c-1", user_id="u-1"):
        agent.plain()

    [call] = tracker.calls
    assert (call.agent_id, call.conversation_id, call.user_id) == ("of the context", "c-1", "u-1")


def test_an_agent_id_that_raises_does_not_matter(tracker: Tracker) -> None:
    class Broken:
        @property
        def agent_id(self) -> str:
            raise RuntimeError("not yet")

        @track_llm_call(tracker)
        def call(self) -> int:
            return 7

    assert Broken().call() == 7
    assert len(tracker.calls) == 1


class OddError(Exception):
    """An exception whose identity matters."""


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async_generator"])
def test_an_exception_passes_unchanged_and_is_recorded(kind: str, tracker: Tracker) -> None:
    error = OddError("no luck")

    @track_llm_call(tracker)
    def function() -> None:
        raise error

    @track_llm_call(tracker)
    async def coroutine() -> None:
        raise error

    @track_llm_call(tracker)
    def generator() -> Iterator[int]:
        yield 1
        raise error

    @track_llm_call(tracker)
    async def async_generator() -> AsyncIterator[int]:
        yield 1
        raise error

    with pytest.raises(OddError) as caught:
        drive(locals()[kind]())

    assert caught.value is error
    [call] = tracker.calls
    assert (call.success, call.error_type, call.error_message) == (False, "OddError", "no luck")
    assert call.total_tokens is None


def test_stop_iteration_of_a_function_is_its_own_affair(tracker: Tracker) -> None:
    @track_llm_call(tracker)
    def first(items: Iterator[int]) -> int:
        return next(items)

    with pytest.raises(StopIteration):
        first(iter(()))
    assert [call.error_type for call in tracker.calls] == ["StopIteration"]


def test_a_cancelled_call_is_a_failed_one(tracker: Tracker) -> None:
    @track_llm_call(tracker)
    async def forever() -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert [call.error_type for call in tracker.calls] == ["CancelledError"]


def test_a_generator_is_sent_to_thrown_into_and_returns(tracker: Tracker) -> None:
    heard: list[Any] = []

    @track_llm_call(tracker)
    def talk() -> Any:
        heard.append((yield "one"))
        try:
            yield "two"
        except OddError as error:
            heard.append(error)
        yield "three"
        return USED

    found = talk()
    error = OddError()

    assert next(found) == "one"
    assert found.send("hello") == "two"
    assert found.throw(error) == "three"
    with pytest.raises(StopIteration) as stop:
        next(found)
    assert stop.value.value == USED
    assert heard == ["hello", error]
    assert [call.model for call in tracker.calls] == ["m-1"]


def test_an_async_generator_is_sent_to_and_thrown_into(tracker: Tracker) -> None:
    heard: list[Any] = []

    @track_llm_call(tracker)
    async def talk() -> Any:
        heard.append((yield "one"))
        try:
            yield "two"
        except OddError as error:
            heard.append(error)
        yield USED

    async def run() -> list[Any]:
        found, error = talk(), OddError()
        said = [await anext(found), await found.asend("hello"), await found.athrow(error)]
        assert heard == ["hello", error]
        with pytest.raises(StopAsyncIteration):
            await anext(found)
        return said

    assert asyncio.run(run()) == ["one", "two", USED]
    assert [call.model for call in tracker.calls] == ["m-1"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stream_that_is_left_is_closed_and_no_failure(kind: str, tracker: Tracker) -> None:
    closed: list[str] = []

    @track_llm_call(tracker)
    def stream() -> Iterator[Any]:
        try:
            yield {"usage": {"input_tokens": 5, "output_tokens": 1}, "model": "m"}
            yield "never"
        finally:
            closed.append("sync")

    @track_llm_call(tracker)
    async def async_stream() -> AsyncIterator[Any]:
        try:
            yield {"usage": {"input_tokens": 5, "output_tokens": 1}, "model": "m"}
            yield "never"
        finally:
            await asyncio.sleep(0)
            closed.append("async")

    async def leave() -> None:
        found: Any = async_stream()
        await anext(found)
        await found.aclose()

    if kind == "sync":
        found: Any = stream()
        next(found)
        found.close()
    else:
        asyncio.run(leave())

    assert closed == [kind]
    [call] = tracker.calls
    assert (call.success, call.input_tokens, call.output_tokens) == (True, 5, 1)


def test_between_two_pieces_of_a_stream_the_consumer_is_itself(tracker: Tracker) -> None:
    """What the consumer calls meanwhile is neither the stream's agent's nor part of its call."""
    agent = methods_of(tracker)("streamer")
    with named("consumer"):
        for _ in agent.generator():
            assert current().agent == "consumer"
            within.note()

    assert [call.agent_id for call in tracker.calls] == ["streamer"]


def test_a_call_that_the_gate_has_seen_is_not_recorded_again(tracker: Tracker) -> None:
    @track_llm_call(tracker)
    def metered() -> Any:
        within.note()  # as the gate does when a request leaves or is refused
        return USED

    @track_llm_call(tracker)
    async def metered_in_a_thread() -> Any:
        await asyncio.to_thread(within.note)
        return USED

    metered()
    asyncio.run(metered_in_a_thread())
    assert tracker.calls == []


def test_of_decorated_functions_in_one_another_the_inner_one_is_recorded(tracker: Tracker) -> None:
    agent = methods_of(tracker)("inner")

    @track_llm_call(tracker)
    async def outer() -> Any:
        return await agent.coroutine(), list(agent.generator())

    asyncio.run(outer())

    assert [call.agent_id for call in tracker.calls] == ["inner", "inner"]


def test_tasks_side_by_side_are_apart(tracker: Tracker) -> None:
    kind = methods_of(tracker)

    async def run() -> None:
        await asyncio.gather(*(kind(f"agent-{n}").coroutine() for n in range(20)))

    asyncio.run(run())
    assert sorted(call.agent_id for call in tracker.calls) == sorted(
        f"agent-{n}" for n in range(20)
    )


OVER = {
    "allowed": False,
    "limit_name": "daily_limit_usd of agent a",
    "limit": 1.0,
    "spent": 1.5,
    "unit": "usd",
    "resets_at": "2026-11-27T00:00:00Z",
}


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async_generator"])
def test_who_asks_for_it_is_stopped_by_a_used_up_budget(kind: str) -> None:
    tracker, ran = Tracker(OVER), []

    @track_llm_call(tracker, enforce=True)
    def function() -> None:
        ran.append(1)

    @track_llm_call(tracker, enforce=True)
    async def coroutine() -> None:
        ran.append(1)

    @track_llm_call(tracker, enforce=True)
    def generator() -> Iterator[int]:
        ran.append(1)
        yield 1

    @track_llm_call(tracker, enforce=True)
    async def async_generator() -> AsyncIterator[int]:
        ran.append(1)
        yield 1

    with pytest.raises(BudgetExceededError, match=r"daily_limit_usd of agent a is used up, 1.5 of"):
        drive(locals()[kind]())

    assert (ran, tracker.calls) == ([], [])


def test_nobody_is_stopped_who_did_not_ask_or_whose_manager_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    over, away = Tracker(OVER), Tracker(ManagerError("no manager answers"))

    assert track_llm_call(over)(lambda: 1)() == 1
    with caplog.at_level(logging.WARNING, "manager_agent"):
        assert track_llm_call(away, enforce=True)(lambda: 1)() == 1
    assert len(over.calls) == len(away.calls) == 1


def test_only_functions_can_be_decorated() -> None:
    with pytest.raises(TypeError, match="decorates functions, found int"):
        track_llm_call(7)


def test_an_answer_that_raises_when_read_does_not_matter(tracker: Tracker) -> None:
    class Mean:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    mean = Mean()

    assert track_llm_call(tracker)(lambda: mean)() is mean
    assert len(tracker.calls) == 1
