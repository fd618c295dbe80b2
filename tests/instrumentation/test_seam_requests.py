"""The seam in requests: whole and in pieces, refused, broken, left; with real requests."""

import gc
import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from manager_agent.instrumentation.seam_requests import patch
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
    with seam(monkeypatch, f"127.0.0.1:{server.port}=openai", (patch, requests)) as recorder:
        yield recorder


def tokens(recorder: Recorder) -> tuple[int | None, int | None]:
    usage = recorder.one().told.usage
    return (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)


def test_a_whole_answer(server: LlmServer, recorder: Recorder) -> None:
    assert requests.post(server.url + PATH, json=BODY, timeout=9).json() == OPENAI_CHAT

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ask.asked.model == "gpt-4o-mini"


def test_a_refused_call_is_answered_and_never_sent(server: LlmServer, recorder: Recorder) -> None:
    recorder.decision = REFUSE

    answer = requests.post(server.url + PATH, json=BODY, timeout=9)

    assert (answer.status_code, answer.reason, answer.ok) == (402, "Payment Required", False)
    assert REFUSE.message in answer.json()["error"]["message"]
    assert answer.headers["X-Manager-Blocked"] == "over_budget"
    with pytest.raises(requests.HTTPError, match="402"):
        answer.raise_for_status()
    assert not server.hits
    assert not recorder.settled


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda answer: list(answer.iter_content(32)), id="content"),
        pytest.param(lambda answer: list(answer.iter_lines()), id="lines"),
        pytest.param(lambda answer: answer.content, id="all"),
        pytest.param(lambda answer: answer.raw.read(), id="raw"),
        pytest.param(lambda answer: list(iter(lambda: answer.raw.read(16), b"")), id="raw pieces"),
        pytest.param(lambda answer: answer.raw.readlines(), id="raw lines"),
        pytest.param(lambda answer: list(answer.raw), id="raw iterated"),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_however_a_stream_is_read(
    server: LlmServer, recorder: Recorder, read: Callable[[Any], object], encoding: str
) -> None:
    server.reply = openai_stream()
    if encoding == "gzip":
        packed = gzip.compress(b"".join(server.reply.pieces))
        kind, said = "text/event-stream", {"content-encoding": "gzip"}
        server.reply = Reply([packed[:30], packed[30:]], content_type=kind, headers=said)

    with requests.post(server.url + PATH, json=STREAMED, stream=True, timeout=9) as answer:
        read(answer)

    assert tokens(recorder) == (11, 7)


def test_the_first_piece_is_not_held_back(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=1)

    with requests.post(server.url + PATH, json=STREAMED, stream=True, timeout=9) as answer:
        for _ in answer.iter_content(None):
            server.reply.go.set()

    assert recorder.one().ending == "whole"
    assert tokens(recorder) == (11, 7)


def test_a_stream_that_is_left(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=2)

    with requests.post(server.url + PATH, json=STREAMED, stream=True, timeout=9) as answer:
        next(answer.iter_content(None))

    assert recorder.one().ending == "abandoned"
    assert recorder.one().told.estimated


def test_a_stream_that_is_forgotten(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(hold_before=2)
    answer = requests.post(server.url + PATH, json=STREAMED, stream=True, timeout=9)
    assert not recorder.settled

    del answer
    gc.collect()

    assert recorder.one().ending == "abandoned"


def test_a_broken_stream(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream()
    server.reply.pieces, server.reply.cut = server.reply.pieces[:2], True

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.post(server.url + PATH, json=STREAMED, timeout=9)

    assert recorder.one().ending == "broken"


def test_a_time_out_of_the_caller(server: LlmServer, recorder: Recorder) -> None:
    server.reply = openai_stream(silent=True)

    with pytest.raises(requests.ReadTimeout):
        requests.post(server.url + PATH, json=STREAMED, timeout=0.2)

    assert (recorder.one().ending, recorder.one().failure) == ("cancelled", "ReadTimeout")


def test_redirects_are_one_attempt(server: LlmServer, recorder: Recorder) -> None:
    server.reply = Reply([], 308, headers={"location": PATH + "/"})

    with requests.Session() as session:
        session.max_redirects = 2
        with pytest.raises(requests.TooManyRedirects):
            session.post(server.url + PATH, json=BODY, timeout=9)

    assert len(server.hits) > 1
    assert recorder.one().failure == "TooManyRedirects"


def test_a_body_that_is_made_on_the_way_is_not_consumed(
    server: LlmServer, recorder: Recorder
) -> None:
    requests.post(server.url + PATH, data=iter([b'{"model"', b': "x"}']), timeout=9)

    assert server.hits[0].body == b'{"model": "x"}'
    assert recorder.one().ask.asked.model is None
