"""The seam in aiohttp, which cannot be answered: whole, in pieces, refused, left; real requests."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from manager_agent.instrumentation import seam_httpx
from manager_agent.instrumentation.seam_aiohttp import patch
from tests.harness.llm_server import OPENAI_CHAT, LlmServer, Reply, answering, openai_stream, whole
from tests.harness.seam import REFUSE, Recorder, seam

PATH = "/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
STREAMED = BODY | {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with answering(whole(OPENAI_CHAT)) as server:
        yield server


@pytest.fixture
def recorder(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with seam(monkeypatch, f"127.0.0.1:{server.port}=openai", (patch, aiohttp)) as recorder:
        yield recorder


def tokens(recorder: Recorder) -> tuple[int | None, int | None]:
    usage = recorder.one().told.usage
    return (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)


def posted(url: str, body: Any, read: Callable[[Any], Awaitable[Any]], **said: Any) -> Any:
    async def ask() -> Any:
        async with aiohttp.ClientSession() as session, session.post(url, json=body, **said) as got:
            return await read(got)

    return asyncio.run(ask())


def test_a_whole_answer(server: LlmServer, recorder: Recorder) -> None:
    assert posted(server.url + PATH, BODY, lambda answer: answer.json()) == OPENAI_CHAT

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ending == "whole"
    assert recorder.one().ask.asked.model == "gpt-4o-mini"


def test_a_refusal_is_an_error_of_aiohttp_s_own(server: LlmServer, recorder: Recorder) -> None:
    recorder.decision = REFUSE

    with pytest.raises(aiohttp.ClientResponseError) as refused:
        posted(server.url + PATH, BODY, lambda answer: answer.json())

    assert refused.value.status == 402
    assert REFUSE.message in str(refused.value)
    assert refused.value.headers
    assert refused.value.headers["x-manager-blocked"] == "over_budget"
    assert not server.hits
    assert len(recorder.refused) == 1


async def _chunked(answer: Any) -> Any:
    return [piece async for piece in answer.content.iter_chunked(16)]


async def _any(answer: Any) -> Any:
    return [piece async for piece in answer.content.iter_any()]


async def _chunks(answer: Any) -> Any:
    return [piece async for piece in answer.content.iter_chunks()]


async def _lines(answer: Any) -> Any:
    return [line async for line in answer.content]


async def _exactly(answer: Any) -> Any:
    await answer.content.wait_eof()  # before it, `at_eof` cannot know that there is no more
    while not answer.content.at_eof():
        await answer.content.readexactly(1)


@pytest.mark.parametrize(
    "read",
    [_chunked, _any, _chunks, _lines, _exactly, lambda answer: answer.read()],
    ids=["chunked", "any", "chunks", "lines", "exactly", "read"],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip left as it is"])
def test_however_a_stream_is_read(
    server: LlmServer, recorder: Recorder, read: Callable[[Any], Awaitable[Any]], encoding: str
) -> None:
    server.reply = openai_stream()
    if encoding != "identity":
        packed = gzip.compress(b"".join(server.reply.pieces))
        kind, said = "text/event-stream", {"content-encoding": "gzip"}
        server.reply = Reply([packed[:30], packed[30:]], content_type=kind, headers=said)

    decoded = encoding != "gzip left as it is"
    posted(server.url + PATH, STREAMED, read, auto_decompress=decoded)

    assert tokens(recorder) == (11, 7)


def test_the_first_piece_is_not_held_back(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=1)

    async def read(answer: Any) -> None:
        async for _ in answer.content.iter_any():
            server.reply.go.set()

    posted(server.url + PATH, STREAMED, read)

    assert tokens(recorder) == (11, 7)


def test_a_stream_that_is_left(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=2)

    posted(server.url + PATH, STREAMED, lambda answer: answer.content.readany())

    assert recorder.one().ending == "abandoned"
    assert recorder.one().told.estimated


def test_a_stream_that_is_cancelled(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=2)

    async def read(answer: Any) -> None:
        await answer.content.readany()
        await asyncio.wait_for(answer.content.read(), 0.2)

    with pytest.raises(TimeoutError):
        posted(server.url + PATH, STREAMED, read)

    assert recorder.one().ending == "cancelled"
    assert recorder.one().told.estimated


def test_a_time_out_and_a_broken_stream(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(silent=True)
    with pytest.raises(TimeoutError):
        posted(server.url + PATH, STREAMED, lambda a: a.read(), timeout=aiohttp.ClientTimeout(0.2))
    server.reply.go.set()
    server.reply = openai_stream()
    server.reply.pieces, server.reply.cut = server.reply.pieces[:2], True
    with pytest.raises(aiohttp.ClientPayloadError):
        posted(server.url + PATH, STREAMED, lambda answer: answer.read())

    late, broken = recorder.settled
    assert late.ending == "cancelled"
    assert (broken.ending, broken.failure) == ("broken", "ClientPayloadError")


def test_an_error_that_aiohttp_raises_is_an_answer(server: LlmServer, recorder: Recorder) -> None:
    server.reply = whole({"error": {"message": "Sorry."}}, status=500)

    with pytest.raises(aiohttp.ClientResponseError):
        posted(server.url + PATH, BODY, lambda answer: answer.read(), raise_for_status=True)

    assert (recorder.one().status, recorder.one().ending) == (500, "whole")


def test_a_session_with_a_base_address(server: LlmServer, recorder: Recorder) -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession(server.url) as session, session.post(PATH, json=BODY):
            pass

    asyncio.run(ask())

    assert recorder.one().ask.endpoint.kind == "chat_completions"


def test_a_client_in_a_client_is_metered_once(
    server: LlmServer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As litellm does: httpx above, aiohttp below it."""
    import httpx

    class OverAiohttp(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            async with (
                aiohttp.ClientSession() as session,
                session.post(str(request.url), data=await request.aread()) as answer,
            ):
                return httpx.Response(answer.status, content=await answer.read())

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=OverAiohttp()) as client:
            return (await client.post(server.url + PATH, json=BODY)).json()

    for owner in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(owner, "send", owner.send)  # to be undone
    seam_httpx.patch(httpx)

    assert asyncio.run(ask()) == OPENAI_CHAT
    assert tokens(recorder) == (11, 7)
    assert len(recorder.asks) == 1
