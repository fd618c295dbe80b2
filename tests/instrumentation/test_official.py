"""The official instrumentors: on by themselves, never in the user's way, off where asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manager_agent.instrumentation import identity, mishap, official, provider
from manager_agent.instrumentation.tracing import tracer_provider
from tests.harness.metered import Collected, collector, values
from tests.harness.programs import run

OPENAI = """
from manager_agent.instrumentation import identity, official
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}

def users_tracing():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    memory = InMemorySpanExporter()
    made = TracerProvider(ALWAYS_ON)
    made.add_span_processor(SimpleSpanProcessor(memory))
    return made, memory

def client():
    import httpx2, openai

    def answer(request):
        seen.append(identity.current().agent)
        return httpx2.Response(200, json=ANSWER)

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport))

def call(by):
    by.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "a secret"}])

seen = []

def imported(library):
    __import__(library)
    official.triggers()[library](sys.modules[library])
"""


@pytest.fixture
def got() -> Iterator[Collected]:
    with collector() as collected:
        yield collected


def program(code: str, got: Collected, **env: str) -> str:
    from textwrap import dedent

    return run(OPENAI + dedent(code), MANAGER_ENDPOINT=got.address, **env).stdout


def attributes(got: Collected) -> list[dict[str, Any]]:
    return [values(span.attributes) for span in got.spans]


def test_installed_ones_are_found_without_being_imported() -> None:
    stdout = run(
        """
        from manager_agent.instrumentation import official
        found = official.triggers()
        heavy = [name for name in sys.modules if name.startswith(("openai", "anthropic"))]
        print(sorted(found), heavy, "opentelemetry.instrumentation" in sys.modules)
        """
    ).stdout

    assert stdout == "['anthropic', 'openai'] [] False\n"


@pytest.mark.parametrize(
    ("disabled", "left"),
    [
        ("openai", ["anthropic"]),
        ("openai, anthropic", []),
        ("*", []),
        ("flask", ["anthropic", "openai"]),
    ],
)
def test_they_are_off_where_opentelemetry_says_so(
    disabled: str, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", disabled)

    assert sorted(official.triggers()) == left


def test_of_two_for_one_library_the_newer_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, module in (("openai_v2", "old"), ("genai_openai", "new"), ("google_genai", "g")):
        made = tmp_path / f"opentelemetry_instrumentation_{package}-1.0.dist-info"
        made.mkdir()
        text = f"[opentelemetry_instrumentor]\nopenai = {module}:Instrumentor\n"
        (made / "entry_points.txt").write_text(text, "utf-8")
    (tmp_path / "opentelemetry_instrumentation_genai_agno-1.0.dist-info").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path), str(tmp_path / "no.zip")])

    found = official.triggers()

    assert sorted(found) == ["google.genai", "openai"]
    with pytest.raises(ModuleNotFoundError, match="'new'"):
        found["openai"](json)


def test_calls_are_told_of_with_their_agent_whatever_the_sampler_says(got: Collected) -> None:
    code = """
    imported("openai")
    with identity.agent("writer"):
        call(client())
    call(client())
    assert provider.flush(20)
    """

    program(code, got, OTEL_TRACES_SAMPLER="always_off")

    one, other = attributes(got)
    assert (one["gen_ai.operation.name"], one["manager.agent.id"]) == ("chat", "writer")
    assert "manager.agent.id" not in other
    assert one["gen_ai.usage.input_tokens"] == 10
    assert "gen_ai.usage.cost.amount" not in one
    assert "a secret" not in str(got.requests)


@pytest.mark.slow
def test_calls_below_an_agents_span_know_their_agent(got: Collected) -> None:
    code = """
    imported("openai")
    from manager_agent.instrumentation.tracing import tracer_provider
    tracer = tracer_provider().get_tracer("official.framework")
    with tracer.start_as_current_span("invoke_agent") as span:
        span.set_attribute("gen_ai.agent.name", "researcher")  # later than its start
        call(client())
    print(seen)
    assert provider.flush(20)
    """

    assert program(code, got) == "['researcher']\n"
    assert len(got.spans) == 2
    assert got.spans[0].parent_span_id == got.spans[1].span_id


@pytest.mark.slow
def test_a_forked_childs_spans_are_its_own(got: Collected) -> None:
    code = """
    imported("openai")
    by = client()
    call(by)
    assert provider.flush(20)
    child = os.fork()
    call(by)
    flushed = provider.flush(20)
    if child == 0:
        os._exit(0 if flushed else 1)
    assert flushed and os.waitpid(child, 0)[1] == 0
    """

    program(code, got)

    assert len(got.spans) == 3
    assert len({resource["process.pid"] for resource in got.resources}) == 2
    assert len({resource["service.instance.id"] for resource in got.resources}) == 2


USERS_OWN = [
    pytest.param("", id="after us, its provider handed over"),
    pytest.param(
        "from opentelemetry import trace; trace.set_tracer_provider(made)",
        id="global",
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.parametrize("set_up", USERS_OWN)
def test_the_users_use_of_the_same_instrumentor_takes_its_place(
    set_up: str, got: Collected
) -> None:
    code = f"""
    imported("openai")
    made, memory = users_tracing()
    {set_up}
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=made)
    call(client())
    print([(span.name, span.parent) for span in memory.get_finished_spans()])
    OpenAIInstrumentor().uninstrument()
    call(client())
    print(len(memory.get_finished_spans()))
    assert provider.flush(20)
    """

    assert program(code, got) == "[('chat gpt-4o', None)]\n1\n"
    assert got.spans == []


@pytest.mark.slow
def test_an_instrumentor_that_the_user_has_in_hand_is_left_alone(got: Collected) -> None:
    code = """
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    imported("openai")
    made, memory = users_tracing()
    OpenAIInstrumentor().instrument(tracer_provider=made)
    call(client())
    print(len(memory.get_finished_spans()))
    assert provider.flush(20)
    """

    assert program(code, got) == "1\n"
    assert got.spans == []


@pytest.mark.slow
def test_no_span_of_ours_lies_between_the_users(got: Collected) -> None:
    """The user traces by hand, with a provider nobody knows of; then with a global one."""
    code = """
    imported("openai")
    made, memory = users_tracing()
    tracer = made.get_tracer("mine")
    by = client()
    with tracer.start_as_current_span("outer") as outer:
        outer.set_attribute("gen_ai.agent.name", "mine")
        call(by)
    from opentelemetry import trace
    trace.set_tracer_provider(made)
    call(by)
    print(len(memory.get_finished_spans()), seen[0])
    assert provider.flush(20)
    """

    assert program(code, got) == "1 mine\n"
    assert got.spans == []


def test_a_failure_of_ours_does_not_reach_whoever_starts_and_ends_a_span(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    mishap.forget()
    monkeypatch.setattr(provider, "put", broken)
    monkeypatch.setattr(identity, "named_in", broken)

    with tracer_provider().get_tracer("official").start_as_current_span("chat"):
        pass

    assert {record.message for record in caplog.records} == {
        "a span could not be given its agent (told once)",
        "a span could not be sent (told once)",
    }
