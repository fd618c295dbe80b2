"""What the users of the official SDKs see: their own answers, metered; their own error, once."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import hosts
from manager_agent.instrumentation.seam_httpx import patch
from tests.harness.llm_server import (
    ANTHROPIC_MESSAGE,
    OPENAI_CHAT,
    LlmServer,
    answering,
    anthropic_stream,
    openai_stream,
    whole,
)
from tests.harness.seam import REFUSE, Recorder, seam

HI: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": HI}
MESSAGE: dict[str, Any] = {"model": "claude-haiku-4-5", "messages": HI, "max_tokens": 50}
USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
BREAKER = Refuse("breaker_open", "The breaker of openai is open.", "Wait until it closes.")


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with answering(whole(OPENAI_CHAT)) as server:
        yield server


@pytest.fixture
def recorder(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    entries = f"127.0.0.1:{server.port}=openai,127.0.0.1:{server.port}=anthropic"
    with seam(monkeypatch, entries, (patch, httpx), (patch, httpx2)) as recorder:
        yield recorder


@pytest.fixture
def gpt(server: LlmServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        yield client


@pytest.fixture
def claude(server: LlmServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="none") as client:
        yield client


def tokens(recorder: Recorder) -> tuple[int | None, int | None]:
    usage = recorder.one().told.usage
    return (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)


def test_openai_whole(recorder: Recorder, gpt: openai.OpenAI) -> None:
    assert gpt.chat.completions.create(**CHAT).choices[0].message.content == "Hello there"

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ask.endpoint.kind == "chat_completions"


def test_openai_streamed(server: LlmServer, recorder: Recorder, gpt: openai.OpenAI) -> None:
    server.reply = openai_stream()

    chunks = list(gpt.chat.completions.create(**CHAT, stream=True, **USAGE))

    assert [chunk.choices[0].delta.content for chunk in chunks[:2]] == ["Hello", " there"]
    assert tokens(recorder) == (11, 7)
    assert recorder.one().ending == "whole"


def test_openai_stream_that_is_left(
    server: LlmServer, recorder: Recorder, gpt: openai.OpenAI
) -> None:
    server.reply = openai_stream(hold_before=2)

    with gpt.chat.completions.create(**CHAT, stream=True) as stream:
        assert next(iter(stream)).choices[0].delta.content == "Hello"

    assert recorder.one().ending == "abandoned"
    assert recorder.one().told.estimated


def test_openai_raw_and_streaming_responses(recorder: Recorder, gpt: openai.OpenAI) -> None:
    raw = gpt.chat.completions.with_raw_response.create(**CHAT)
    with gpt.chat.completions.with_streaming_response.create(**CHAT) as streaming:
        text = "".join(streaming.iter_text())

    assert raw.elapsed.total_seconds() > 0
    usage = raw.parse().usage
    assert usage
    assert usage.total_tokens == 18
    assert "Hello there" in text
    for ended in recorder.settled:
        assert ended.told.usage
        assert (ended.told.usage.input_tokens, ended.told.usage.output_tokens) == (11, 7)
    assert len(recorder.settled) == 2


def test_openai_asynchronous(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=1)

    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            stream = await client.chat.completions.create(**CHAT, stream=True, **USAGE)
            found = []
            async for chunk in stream:
                server.reply.go.set()
                found += [choice.delta.content for choice in chunk.choices]
            return found

    assert asyncio.run(ask()) == ["Hello", " there", None]
    assert tokens(recorder) == (11, 7)


def test_each_retry_of_the_sdk_is_an_attempt(
    server: LlmServer, recorder: Recorder, gpt: openai.OpenAI
) -> None:
    server.reply = whole(
        {"error": {"message": "Sorry."}}, status=500, headers={"retry-after-ms": "1"}
    )

    with pytest.raises(openai.InternalServerError):
        gpt.with_options(max_retries=2).chat.completions.create(**CHAT)

    assert len(server.hits) == len(recorder.settled) == 3
    assert len({ended.ask.call_id for ended in recorder.settled}) == 3
    assert {ended.status for ended in recorder.settled} == {500}


def test_anthropic_whole(server: LlmServer, recorder: Recorder, claude: Any) -> None:
    server.reply = whole(ANTHROPIC_MESSAGE)

    assert claude.messages.create(**MESSAGE).content[0].text == "Hello there"

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ask.endpoint.api == "anthropic"


def test_anthropic_streamed(server: LlmServer, recorder: Recorder, claude: Any) -> None:
    server.reply = anthropic_stream()

    with claude.messages.stream(**MESSAGE) as stream:
        assert "".join(stream.text_stream) == "Hello there"

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ending == "whole"


@pytest.mark.parametrize(("refuse", "status"), [(REFUSE, 402), (BREAKER, 503)])
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_one_error_of_the_sdk(
    server: LlmServer, recorder: Recorder, refuse: Refuse, status: int, stream: bool
) -> None:
    recorder.decision = refuse
    url = server.url

    async def ask() -> None:
        async with (
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as gpt,
            anthropic.AsyncAnthropic(base_url=url, api_key="none") as claude,
        ):
            with pytest.raises(openai.APIStatusError) as of_openai:
                await gpt.chat.completions.create(**CHAT, stream=stream)
            with pytest.raises(anthropic.APIStatusError) as of_anthropic:
                await claude.messages.create(**MESSAGE, stream=stream)
            seen.extend([of_openai.value, of_anthropic.value])

    seen = list[openai.APIStatusError | anthropic.APIStatusError]()
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="none") as gpt,
        anthropic.Anthropic(base_url=url, api_key="none") as claude,
    ):
        with pytest.raises(openai.APIStatusError) as of_openai:
            gpt.chat.completions.create(**CHAT, stream=stream)
        with pytest.raises(anthropic.APIStatusError) as of_anthropic:
            claude.messages.create(**MESSAGE, stream=stream)
    seen += [of_openai.value, of_anthropic.value]
    asyncio.run(ask())

    assert [error.status_code for error in seen] == [status] * 4
    for error in seen:
        assert refuse.message in str(error)
        assert refuse.remedy in str(error)
        assert error.response.headers["x-manager-blocked"] == refuse.reason
    assert not server.hits
    assert len(recorder.asks) == len(recorder.refused) == 4  # one each: nothing was retried


def test_a_client_of_the_user_s_own(server: LlmServer, recorder: Recorder) -> None:
    with (
        httpx.Client() as mine,
        contextlib.suppress(TypeError),  # openai 3 takes the old httpx too, perhaps not for ever
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=mine) as gpt,  # type: ignore[arg-type]
    ):
        gpt.chat.completions.create(**CHAT)
        assert tokens(recorder) == (11, 7)


def test_a_policy_that_breaks_does_not_break_the_agent(
    server: LlmServer, gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from manager_agent.instrumentation import gate, identity, mishap, spans

    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(httpx2.Client, "send", httpx2.Client.send)  # to be undone
    monkeypatch.setattr(httpx2.AsyncClient, "send", httpx2.AsyncClient.send)
    patch(httpx2)
    policy = Recorder()
    monkeypatch.setattr(policy, "decide", broken)
    monkeypatch.setattr(policy, "settle", broken)
    monkeypatch.setattr(spans, "emit", broken)
    monkeypatch.setattr(identity, "current", broken)
    hosts.load({"MANAGER_LLM_HOSTS": f"127.0.0.1:{server.port}=openai"})
    mishap.forget()
    gate.use(policy)
    try:
        assert gpt.chat.completions.create(**CHAT).usage
        assert gpt.chat.completions.create(**CHAT).usage
        expected = ("gate.identity", "policy.decide", "policy.settle", "spans.emit")
        assert mishap.counts() == dict.fromkeys(expected, 2)
    finally:
        gate.use(None)
        hosts.load({})
        mishap.forget()
