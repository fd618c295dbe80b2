"""Whose call it is: the first that tells, in threads, tasks, callbacks and other services."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from manager_agent.instrumentation import identity
from manager_agent.instrumentation.identity import Identity, agent, current, named_by


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_of_process", Identity("program", "default"))


def test_inside_agent_it_is_that_agent_and_after_it_the_one_before() -> None:
    with agent("boss", conversation_id="c1", user_id="u1"):
        with agent("helper"):
            assert current() == Identity("helper", "context", "c1", "u1")
        with agent("clerk", conversation_id="c2"):
            assert current() == Identity("clerk", "context", "c2", "u1")
        assert current().agent == "boss"

    assert current() == Identity("program", "default")


def test_it_is_over_after_an_exception() -> None:
    with pytest.raises(KeyError), agent("boss"):
        raise KeyError("x")

    assert current().agent == "program"


def test_decorated_functions_run_as_the_agent_however_often_at_once() -> None:
    writer = agent("writer")

    @writer
    def write(depth: int) -> list[str]:
        return [current().agent, *(write(depth - 1) if depth else [])]

    @writer
    async def write_later() -> str:
        await asyncio.sleep(0)
        return current().agent

    async def both() -> list[str]:
        return list(await asyncio.gather(write_later(), write_later(), other()))

    @agent("other")
    async def other() -> str:
        await asyncio.sleep(0)
        return current().agent

    assert write(2) == ["writer"] * 3
    assert asyncio.run(both()) == ["writer", "writer", "other"]
    assert current().agent == "program"
    assert write.__name__ == "write"


def test_a_generator_is_refused_with_what_to_do() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def later() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, later):
        with pytest.raises(TypeError, match="where it is consumed"):
            agent("a")(function)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        agent("  ")


def test_tasks_side_by_side_are_each_their_own() -> None:
    async def work(name: str) -> str:
        async with agent(name):
            await asyncio.sleep(0)
            inner = asyncio.create_task(asyncio.sleep(0, current().agent))
            return f"{current().agent} {await inner}"

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(work(f"agent-{i}") for i in range(50)))

    assert asyncio.run(all_of_them()) == [f"agent-{i} agent-{i}" for i in range(50)]


def test_a_thread_knows_it_in_a_copy_of_the_context_alone() -> None:
    told: list[str] = []

    def tell() -> None:
        told.append(current().agent)

    with agent("boss"):
        context = contextvars.copy_context()
        for target in (tell, lambda: context.run(tell)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    assert told == ["program", "boss"]


def test_left_in_another_context_than_entered_nothing_breaks() -> None:
    """As an async generator does that is closed by the event loop's end."""
    inside = agent("boss")
    contextvars.copy_context().run(inside.__enter__)

    inside.__exit__(None, None, None)

    assert current().agent == "program"


def test_the_name_travels_to_other_services_in_baggage() -> None:
    headers: dict[str, str] = {}
    with agent("boss für alle"):
        W3CBaggagePropagator().inject(headers)

    token = attach(W3CBaggagePropagator().extract(headers))
    try:
        assert current() == Identity("boss für alle", "baggage")
        with agent("own"):
            assert current().agent == "own"
    finally:
        detach(token)


def test_baggage_of_strangers_is_cut() -> None:
    token = attach(baggage.set_baggage("manager.agent.id", "x" * 5000))
    try:
        assert len(current().agent) == 256
    finally:
        detach(token)


def test_a_span_names_the_agent_of_calls_below_it() -> None:
    tracer = TracerProvider().get_tracer("framework")
    with tracer.start_as_current_span("invoke_agent") as span:
        span.set_attributes({"gen_ai.agent.name": "researcher", "gen_ai.conversation.id": "c9"})

        assert current() == Identity("researcher", "span", "c9")
        with agent("mine"):
            assert current() == Identity("mine", "context", "c9")


def test_spans_further_up_name_it_where_their_parents_are_known() -> None:
    tracer = TracerProvider().get_tracer("framework")
    with tracer.start_as_current_span("invoke_agent") as above:
        above.set_attribute("gen_ai.agent.name", "researcher")
        with tracer.start_as_current_span("chat") as below:
            assert current().agent == "program"
            identity.note_parent(below, above)
            assert current() == Identity("researcher", "span")


def test_a_span_that_cannot_be_read_says_nothing() -> None:
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True))
    token = attach(set_span_in_context(remote))
    try:
        assert current() == Identity("program", "default")
    finally:
        detach(token)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"MANAGER_AGENT_ID": " a ", "OTEL_SERVICE_NAME": "s"}, Identity("a", "environment")),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "gen_ai.agent.name=b%20c,x", "OTEL_SERVICE_NAME": "s"},
            Identity("b c", "environment"),
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "manager.agent.id=d,service.name=t"},
            Identity("d", "environment"),
        ),
        (
            {"OTEL_SERVICE_NAME": "s", "OTEL_RESOURCE_ATTRIBUTES": "service.name=t"},
            Identity("s", "service"),
        ),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=t"}, Identity("t", "service")),
        ({"MANAGER_AGENT_ID": " "}, Identity("my_agent", "default")),
    ],
)
def test_the_environment_names_the_agent(env: Mapping[str, str], expected: Identity) -> None:
    assert named_by(env, ["/srv/my_agent.py"]) == expected


@pytest.mark.parametrize(
    ("argv", "module", "name"),
    [
        (["/srv/app/my_agent.py", "x"], None, "my_agent"),
        (["/usr/bin/gunicorn"], None, "gunicorn"),
        (["/srv/app/__main__.py"], "app.__main__", "app"),
        (["/srv/app/__main__.py"], None, "app"),
        (["/x/pkg/mod.py"], "pkg.mod", "pkg.mod"),
        (["-c"], None, "python"),
        ([""], None, "python"),
        ([], None, "python"),
    ],
)
def test_a_program_is_called_by_its_name(argv: list[str], module: str | None, name: str) -> None:
    class Spec:
        def __init__(self, name: str) -> None:
            self.name = name

    assert identity.program(argv, module and Spec(module)) == name
