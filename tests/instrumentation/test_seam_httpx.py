"""The seam in httpx and httpx2: both clients, sync and async, whole and in pieces, whatever ends
the call, with real requests to a local server.
"""

import asyncio
import gc
import gzip
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import trio

from manager_agent.contract.decision import Allow, Hold
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.seam_httpx import patch
from tests.harness.llm_server import OPENAI_CHAT, LlmServer, Reply, answering, openai_stream, whole
from tests.harness.seam import REFUSE, Recorder, seam

PATH = "/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
STREAMED = BODY | {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with answering(whole(OPENAI_CHAT)) as server:
        yield server


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def module(request: pytest.FixtureRequest) -> ModuleType:
    found: ModuleType = request.param
    return found


@pytest.fixture
def recorder(
    server: LlmServer, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recorder]:
    with seam(monkeypatch, f"127.0.0.1:{server.port}=openai", (patch, module)) as recorder:
        yield recorder


def tokens(usage: Usage | None) -> tuple[int | None, int | None]:
    return (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)


def test_a_whole_answer_is_metered_once(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    with module.Client(verify=False) as client:
        answer = client.post(server.url + PATH, json=BODY)

    ended = recorder.one()
    assert answer.json() == OPENAI_CHAT
    assert (ended.ending, ended.status, ended.failure) == ("whole", 200, None)
    assert ended.told.response_model == "gpt-4o-mini-2024-07-18"
    assert tokens(ended.told.usage) == (11, 7)
    assert ended.ask.asked.model == "gpt-4o-mini"
    assert ended.ask.endpoint.port == server.port
    assert len(ended.ask.call_id) == 32
    assert ended.ask.call_id[12] == "7"
    assert ended.ask.started_ns < ended.ended_ns


def test_an_asynchronous_one_too(server: LlmServer, module: ModuleType, recorder: Recorder) -> None:
    async def ask() -> Any:
        async with module.AsyncClient(verify=False) as client:
            return (await client.post(server.url + PATH, json=BODY)).json()

    assert asyncio.run(ask()) == OPENAI_CHAT
    assert tokens(recorder.one().told.usage) == (11, 7)


def test_a_refused_call_is_answered_and_never_sent(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    recorder.decision = REFUSE

    async def ask() -> Any:
        async with module.AsyncClient(verify=False) as client:
            return await client.post(server.url + PATH, json=BODY)

    with module.Client(verify=False) as client:
        answers = [client.post(server.url + PATH, json=BODY), asyncio.run(ask())]

    for answer in answers:
        assert answer.status_code == 402
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["x-manager-blocked"] == "over_budget"
        assert REFUSE.message in answer.json()["error"]["message"]
        assert answer.elapsed.total_seconds() == 0
    assert not server.hits
    assert not recorder.settled
    assert [refuse for _, refuse in recorder.refused] == [REFUSE, REFUSE]


def test_the_first_piece_is_not_held_back(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    server.reply = openai_stream(hold_before=1)
    pieces = []

    with (
        module.Client(verify=False) as client,
        client.stream("POST", server.url + PATH, json=STREAMED) as answer,
    ):
        for piece in answer.iter_bytes():
            assert not recorder.settled
            pieces.append(piece)
            server.reply.go.set()  # the rest is sent only when the first has arrived

    assert b"".join(pieces) == b"".join(server.reply.pieces)
    ended = recorder.one()
    assert (ended.ending, tokens(ended.told.usage), ended.told.complete) == ("whole", (11, 7), True)
    assert ended.first_chunk_ns
    assert ended.ask.started_ns < ended.first_chunk_ns < ended.ended_ns


def _sync(module: ModuleType, url: str, read: Callable[[Any], object]) -> None:
    with module.Client(verify=False) as client, client.stream("POST", url, json=STREAMED) as answer:
        read(answer)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda answer: list(answer.iter_raw()), id="raw"),
        pytest.param(lambda answer: list(answer.iter_bytes()), id="bytes"),
        pytest.param(lambda answer: list(answer.iter_text()), id="text"),
        pytest.param(lambda answer: list(answer.iter_lines()), id="lines"),
        pytest.param(lambda answer: answer.read(), id="read"),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_however_it_is_read(
    server: LlmServer,
    module: ModuleType,
    recorder: Recorder,
    read: Callable[[Any], object],
    encoding: str,
) -> None:
    server.reply = openai_stream()
    if encoding == "gzip":
        packed = gzip.compress(b"".join(server.reply.pieces))
        pieces = [packed[at : at + 40] for at in range(0, len(packed), 40)]
        server.reply = Reply(
            pieces, content_type="text/event-stream", headers={"content-encoding": "gzip"}
        )

    _sync(module, server.url + PATH, read)

    assert tokens(recorder.one().told.usage) == (11, 7)


def test_an_answer_of_one_piece_that_is_read_as_a_stream(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    with (
        module.Client(verify=False) as client,
        client.stream("POST", server.url + PATH, json=BODY) as answer,
    ):
        answer.read()

    assert tokens(recorder.one().told.usage) == (11, 7)
    assert answer.elapsed.total_seconds() > 0


def test_a_stream_that_is_left_is_settled_as_left(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    server.reply = openai_stream(hold_before=2)

    _sync(module, server.url + PATH, lambda answer: next(answer.iter_bytes()))

    ended = recorder.one()
    assert (ended.ending, ended.failure) == ("abandoned", None)
    assert ended.told.delivered_bytes
    assert ended.told.estimated


def test_a_stream_that_is_forgotten_is_settled_when_it_is_collected(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    server.reply = openai_stream(hold_before=2)
    with module.Client(verify=False) as client:
        answer = client.send(
            client.build_request("POST", server.url + PATH, json=STREAMED), stream=True
        )
        assert not recorder.settled

        del answer
        gc.collect()

        assert recorder.one().ending == "abandoned"


def test_a_broken_stream(server: LlmServer, module: ModuleType, recorder: Recorder) -> None:
    server.reply = openai_stream()
    server.reply.pieces, server.reply.cut = server.reply.pieces[:2], True

    with pytest.raises(module.RemoteProtocolError):
        _sync(module, server.url + PATH, lambda answer: answer.read())

    ended = recorder.one()
    assert (ended.ending, ended.failure) == ("broken", "RemoteProtocolError")
    assert ended.told.estimated


@pytest.mark.parametrize("silent", [True, False], ids=["before the answer", "within"])
def test_a_time_out_of_the_caller(
    server: LlmServer, module: ModuleType, recorder: Recorder, silent: bool
) -> None:
    server.reply = openai_stream(hold_before=2, silent=silent)

    with module.Client(verify=False, timeout=0.2) as client, pytest.raises(module.ReadTimeout):
        client.post(server.url + PATH, json=STREAMED)

    ended = recorder.one()
    assert (ended.ending, ended.failure) == ("cancelled", "ReadTimeout")
    assert ended.status is None


def test_nobody_listens(server: LlmServer, module: ModuleType, recorder: Recorder) -> None:
    from manager_agent.instrumentation import hosts

    hosts.load({"MANAGER_LLM_HOSTS": "127.0.0.1:9=openai"})

    with module.Client(verify=False) as client, pytest.raises(module.ConnectError):
        client.post("http://127.0.0.1:9" + PATH, json=BODY)

    ended = recorder.one()
    assert (ended.ending, ended.failure, ended.status) == ("broken", "ConnectError", None)


@pytest.mark.parametrize("silent", [True, False], ids=["before the answer", "within"])
def test_a_cancelled_task(
    server: LlmServer, module: ModuleType, recorder: Recorder, silent: bool
) -> None:
    server.reply = openai_stream(hold_before=2, silent=silent)

    async def ask() -> None:
        began = asyncio.Event()

        async def stream() -> None:
            async with (
                module.AsyncClient(verify=False) as client,
                client.stream("POST", server.url + PATH, json=STREAMED) as answer,
            ):
                async for _ in answer.aiter_bytes():
                    began.set()

        task = asyncio.create_task(stream())
        if silent:
            while not server.hits:
                await asyncio.sleep(0.01)
        else:
            await asyncio.wait_for(began.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())

    ended = recorder.one()
    assert (ended.ending, ended.failure) == ("cancelled", "CancelledError")
    assert ended.told.estimated is not silent


def test_an_asynchronous_stream_read_and_left(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    async def ask(pieces: int) -> None:
        async with (
            module.AsyncClient(verify=False) as client,
            client.stream("POST", server.url + PATH, json=STREAMED) as answer,
        ):
            async for _ in answer.aiter_raw():
                pieces -= 1
                if not pieces:
                    break

    server.reply = openai_stream(hold_before=1)
    asyncio.run(ask(1))
    server.reply.go.set()
    server.reply = openai_stream()
    asyncio.run(ask(99))

    left, read = recorder.settled
    assert (left.ending, left.told.estimated) == ("abandoned", True)
    assert (read.ending, tokens(read.told.usage)) == ("whole", (11, 7))


def test_a_request_that_is_made_on_the_way_is_not_consumed(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"model": '
        yield b'"gpt-4o"}'

    with module.Client(verify=False) as client:
        client.post(server.url + PATH, content=pieces())

    assert server.hits[0].body == b'{"model": "gpt-4o"}'
    assert recorder.one().ask.asked.model is None


def test_an_asynchronous_one_neither(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"model": "gpt-4o"}'

    async def ask() -> None:
        async with module.AsyncClient(verify=False) as client:
            await client.post(server.url + PATH, content=pieces())

    asyncio.run(ask())

    assert server.hits[0].body == b'{"model": "gpt-4o"}'
    assert recorder.one().ask.asked.model is None


def test_a_form_tells_its_model_and_keeps_its_file(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    with module.Client(verify=False) as client:
        client.post(
            server.url + "/v1/audio/transcriptions",
            data={"model": "gpt-4o-transcribe"},
            files={"file": ("a.wav", b"sound")},
        )

    assert b"sound" in server.hits[0].body
    assert recorder.one().ask.asked.model == "gpt-4o-transcribe"


def test_an_error_of_the_provider(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    error = {"error": {"message": "Slow down.", "type": "rate_limit", "code": None}}
    server.reply = whole(error, status=429)

    with module.Client(verify=False) as client:
        whole_answer = client.post(server.url + PATH, json=BODY)
    _sync(module, server.url + PATH, lambda answer: answer.read())

    assert whole_answer.json() == error
    for ended in recorder.settled:
        assert (ended.status, ended.told.error_message) == (429, "Slow down.")
        assert ended.told.usage is None
    assert len(recorder.settled) == 2


def test_transports_and_hooks_of_the_user_stay(module: ModuleType, recorder: Recorder) -> None:
    seen: list[str] = []

    def answer(request: Any) -> Any:
        return module.Response(200, json=OPENAI_CHAT)

    with module.Client(
        transport=module.MockTransport(answer),
        event_hooks={"response": [lambda response: seen.append(response.read().decode())]},
    ) as client:
        client.post("https://api.openai.com/v1/chat/completions", json=BODY)
        with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=BODY):
            pass

    assert len(seen) == 2
    assert [tokens(ended.told.usage) for ended in recorder.settled] == [(11, 7), (11, 7)]


def test_redirects_are_one_attempt(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    def answer(request: Any) -> Any:
        if request.url.path == PATH:
            return module.Response(307, headers={"location": "/v1/v1/chat/completions"})
        return module.Response(200, json=OPENAI_CHAT)

    with module.Client(transport=module.MockTransport(answer), follow_redirects=True) as client:
        client.post(server.url + PATH, json=BODY)

    assert tokens(recorder.one().told.usage) == (11, 7)


def test_a_subclass_and_a_second_patch(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    class Mine(module.Client):  # type: ignore[name-defined,misc]
        def send(self, request: Any, **kwargs: Any) -> Any:
            request.headers["x-mine"] = "yes"
            return super().send(request, **kwargs)

    patch(module)
    with Mine(verify=False) as client:
        client.post(server.url + PATH, json=BODY)

    assert server.hits[0].headers["x-mine"] == "yes"
    assert recorder.one().status == 200


def test_what_is_no_call_passes_unseen(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    with module.Client(verify=False) as client:
        client.get(server.url + "/v1/models")
        client.post(server.url + "/v1/moderations", json={})
        client.post(server.url + "/v1/files", json={})

    assert len(server.hits) == 3
    assert not recorder.asks


def test_a_host_that_is_not_listed_is_told_once(
    server: LlmServer,
    module: ModuleType,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = f"http://localhost:{server.port}{PATH}"

    with module.Client(verify=False, headers={"x-stainless-lang": "python"}) as client:
        client.post(url, json=BODY)
        client.post(url, json=BODY)

    host = f"localhost:{server.port}"
    assert not recorder.asks
    assert len(server.hits) == 2
    assert mishap.counts() == {f"unmetered:{host}": 2}
    assert [record.getMessage() for record in caplog.records if record.name == "manager_agent"] == [
        f"calls to {host} are not metered; add MANAGER_LLM_HOSTS={host}=openai"
        " to this process's environment"
    ]


def test_a_held_call_goes_out_when_it_is_allowed(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    recorder.decision = Hold("1", "May it?", 5)

    async def ask() -> int:
        async with module.AsyncClient(verify=False) as client:
            status: int = (await client.post(server.url + PATH, json=BODY)).status_code
            return status

    with module.Client(verify=False) as client:
        assert client.post(server.url + PATH, json=BODY).status_code == 200
    recorder.answer = REFUSE
    assert asyncio.run(ask()) == 402

    assert recorder.one().decision == Allow("approved")
    assert len(server.hits) == 1


def test_time_of_refusals(server: LlmServer, module: ModuleType, recorder: Recorder) -> None:
    recorder.decision = REFUSE
    began = time.monotonic()

    with module.Client(verify=False) as client:
        for _ in range(100):
            client.post(server.url + PATH, json=BODY)

    assert time.monotonic() - began < 5
    assert not server.hits


@pytest.mark.filterwarnings("ignore:Async generator")  # httpx closes none of its own
def test_trio_reads_leaves_and_cancels(
    server: LlmServer, module: ModuleType, recorder: Recorder
) -> None:
    async def ask(seconds: float, pieces: int) -> None:
        with trio.move_on_after(seconds):
            async with (
                module.AsyncClient(verify=False) as client,
                client.stream("POST", server.url + PATH, json=STREAMED) as answer,
                aclosing(answer.aiter_raw()) as raw,
            ):
                async for _ in raw:
                    pieces -= 1
                    if not pieces:
                        break

    server.reply = openai_stream()
    trio.run(ask, 20, 99)
    server.reply = openai_stream(hold_before=1)
    trio.run(ask, 20, 1)
    trio.run(ask, 0.2, 99)
    server.reply.go.set()

    read, left, cancelled = recorder.settled
    assert (read.ending, tokens(read.told.usage)) == ("whole", (11, 7))
    assert left.ending == "abandoned"
    assert cancelled.ending == "cancelled"
