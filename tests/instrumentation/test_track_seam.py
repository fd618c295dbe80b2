"""Where the gate meters, a decorated function names the agent and nothing is counted twice."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest

from manager_agent.instrumentation import gate, recorder, track_llm_call
from manager_agent.instrumentation.records import APICall
from manager_agent.instrumentation.seam_httpx import patch
from tests.harness.llm_server import OPENAI_CHAT, LlmServer, answering, openai_stream, whole
from tests.harness.seam import REFUSE, Recorder, seam

CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


class Tracker:
    """Takes what decorated functions record."""

    def __init__(self) -> None:
        self.taken: list[APICall] = []

    def record_api_call(self, call: APICall) -> None:
        self.taken.append(call)


class Planner:
    """An agent that names itself; each method makes one call, or says that it did."""

    agent_id = "planner"
    tracker = Tracker()

    def __init__(self, url: str) -> None:
        self.tracker.taken.clear()
        self.here = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        self.aside = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

    @track_llm_call(tracker)
    def whole(self) -> Any:
        return self.here.chat.completions.create(**CHAT)

    @track_llm_call(tracker)
    async def aside_whole(self) -> Any:
        return await self.aside.chat.completions.create(**CHAT)

    @track_llm_call(tracker)
    def stream(self) -> Any:
        return self.here.chat.completions.create(**CHAT, stream=True)

    @track_llm_call(tracker)
    def pieces(self) -> Iterator[Any]:
        yield from self.here.chat.completions.create(**CHAT, stream=True)

    @track_llm_call(tracker)
    def unseen(self) -> Any:
        return {"tokens": 5, "model": "m"}

    @track_llm_call(tracker)
    def nothing(self) -> str:
        return "from the cache"

    @property
    def recorded(self) -> list[APICall]:
        """What was recorded by hand."""
        found = recorder.known(self.tracker)
        assert found is None or found.flush(10)
        return self.tracker.taken


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with answering(whole(OPENAI_CHAT)) as server:
        yield server


@pytest.fixture
def metered(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    entries = f"127.0.0.1:{server.port}=openai"
    with seam(monkeypatch, entries, (patch, httpx), (patch, httpx2)) as found:
        yield found


@pytest.fixture
def planner(server: LlmServer, metered: Recorder) -> Iterator[Planner]:
    planner = Planner(server.url)
    yield planner
    planner.here.close()


def test_a_metered_call_is_the_agents_and_counted_once(planner: Planner, metered: Recorder) -> None:
    assert planner.whole().usage.total_tokens == 18

    assert metered.one().ask.identity.agent == "planner"
    assert planner.recorded == []


async def _aside(planner: Planner) -> None:
    await planner.aside_whole()
    await planner.aside.close()


def test_so_it_is_in_a_task(planner: Planner, metered: Recorder) -> None:
    asyncio.run(_aside(planner))

    assert metered.one().ask.identity.agent == "planner"
    assert planner.recorded == []


@pytest.mark.parametrize("kind", ["stream", "pieces"])
def test_so_is_a_stream_that_is_read_later(
    kind: str, planner: Planner, metered: Recorder, server: LlmServer
) -> None:
    server.reply = openai_stream()

    list(getattr(planner, kind)())

    assert metered.one().ask.identity.agent == "planner"
    assert planner.recorded == []


def test_a_refused_call_is_no_failed_one(planner: Planner, metered: Recorder) -> None:
    metered.decision = REFUSE

    with pytest.raises(openai.APIStatusError):
        planner.whole()

    assert planner.recorded == []


def test_what_the_gate_cannot_see_is_recorded_where_it_tells_of_usage(
    planner: Planner, metered: Recorder
) -> None:
    assert gate  # it is loaded: calls are metered in this process

    planner.nothing()
    planner.unseen()

    assert [call.total_tokens for call in planner.recorded] == [5]
