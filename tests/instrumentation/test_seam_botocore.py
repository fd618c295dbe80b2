"""The seam in botocore: boto3 as its users have it, against a local server in Bedrock's place."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

import boto3
import botocore.httpsession
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ReadTimeoutError,
)

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import hosts
from manager_agent.instrumentation.seam_botocore import patch
from tests.harness.llm_server import ANTHROPIC_MESSAGE, LlmServer, Reply, answering, whole
from tests.harness.seam import REFUSE, Recorder, seam

MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"
ASKED: dict[str, Any] = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
}
INVOKED: dict[str, Any] = {"modelId": MODEL, "body": b'{"max_tokens": 5, "messages": []}'}
USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
CONVERSED: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello there"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 1},
}
EVENTS = "application/vnd.amazon.eventstream"


def frame(kind: str, payload: Mapping[str, Any]) -> bytes:
    """Write one event as AWS does."""
    said = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + struct.pack(">BH", 7, len(text)) + text.encode()
        for name, text in said.items()
    )
    body = json.dumps(payload).encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = lengths + struct.pack(">I", crc32(lengths)) + headers + body
    return message + struct.pack(">I", crc32(message))


def streamed(**said: Any) -> Reply:
    """Answer a conversation in five events, its usage in the last."""
    text = {"contentBlockIndex": 0, "delta": {"text": "Hello there"}}
    pieces = [
        frame("messageStart", {"role": "assistant"}),
        frame("contentBlockDelta", text),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": "end_turn"}),
        frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    ]
    return Reply(pieces, content_type=EVENTS, **said)


@pytest.fixture(scope="module")
def serving() -> Iterator[LlmServer]:
    with answering(whole(CONVERSED)) as server:
        yield server


@pytest.fixture(scope="module")
def bedrock(serving: LlmServer) -> Any:
    """A client that was made before the seam, as others are: it is the class that is patched."""
    config = Config(read_timeout=0.5, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=serving.url,
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=config,
    )


@pytest.fixture
def server(serving: LlmServer) -> LlmServer:
    serving.hits.clear()
    serving.reply = whole(CONVERSED)
    return serving


@pytest.fixture
def recorder(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    entries = f"127.0.0.1:{server.port}=bedrock"
    with seam(monkeypatch, entries, (patch, botocore.httpsession)) as recorder:
        yield recorder


def tokens(recorder: Recorder) -> tuple[int | None, int | None]:
    usage = recorder.one().told.usage
    return (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)


def test_converse(recorder: Recorder, bedrock: Any) -> None:
    assert bedrock.converse(**ASKED)["usage"] == USAGE

    assert tokens(recorder) == (11, 7)
    assert recorder.one().ask.endpoint.model == MODEL
    assert recorder.one().ask.endpoint.kind == "converse"


def test_converse_streamed(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    server.reply = streamed(hold_before=1)

    kinds = []
    for event in bedrock.converse_stream(**ASKED)["stream"]:
        server.reply.go.set()
        kinds += list(event)

    assert kinds[0] == "messageStart"
    assert kinds[-1] == "metadata"
    assert tokens(recorder) == (11, 7)
    assert recorder.one().ending == "whole"


def test_a_stream_that_is_left(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    server.reply = streamed(hold_before=2)

    stream = bedrock.converse_stream(**ASKED)["stream"]
    next(iter(stream))
    stream.close()
    server.reply.go.set()

    assert recorder.one().ending == "abandoned"


def test_invoke_model(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    server.reply = whole(ANTHROPIC_MESSAGE)

    body = bedrock.invoke_model(**INVOKED)["body"]

    assert json.loads(body.read())["id"] == "msg_1"
    assert tokens(recorder) == (11, 7)
    assert recorder.one().ask.endpoint.kind == "invoke_model"


def test_invoke_model_streamed(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    metrics = {"inputTokenCount": 11, "outputTokenCount": 7}
    stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}
    packed = base64.b64encode(json.dumps(stop).encode()).decode()
    server.reply = Reply([frame("chunk", {"bytes": packed})], content_type=EVENTS)

    list(bedrock.invoke_model_with_response_stream(**INVOKED)["body"])

    assert tokens(recorder) == (11, 7)


@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model"])
@pytest.mark.parametrize(
    ("refuse", "code"),
    [
        (REFUSE, "BudgetExceededException"),
        (Refuse("breaker_open", "The breaker is open.", "Wait."), "BreakerOpenException"),
    ],
)
def test_a_refusal_is_one_error_of_the_sdk(
    server: LlmServer,
    recorder: Recorder,
    bedrock: Any,
    operation: str,
    refuse: Refuse,
    code: str,
) -> None:
    recorder.decision = refuse

    with pytest.raises(ClientError) as refused:
        getattr(bedrock, operation)(**(INVOKED if operation == "invoke_model" else ASKED))

    error = refused.value.response
    assert error["Error"]["Code"] == code
    assert refuse.message in str(refused.value)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 402
    assert error["ResponseMetadata"]["HTTPHeaders"]["x-manager-blocked"] == refuse.reason
    assert error["ResponseMetadata"]["RetryAttempts"] == 0
    assert not server.hits
    assert len(recorder.refused) == 1


def test_each_retry_is_an_attempt(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    server.reply = whole(
        {"message": "Too fast."}, status=429, headers={"x-amzn-errortype": "ThrottlingException"}
    )

    with pytest.raises(ClientError, match="Too fast"):
        bedrock.converse(**ASKED)

    assert len(server.hits) == len(recorder.settled) == 2
    assert {ended.status for ended in recorder.settled} == {429}


def test_a_time_out(server: LlmServer, recorder: Recorder, bedrock: Any) -> None:
    server.reply = whole(CONVERSED, silent=True)

    with pytest.raises(ReadTimeoutError):
        bedrock.converse(**ASKED)

    server.reply.go.set()
    assert {(ended.ending, ended.failure) for ended in recorder.settled} == {
        ("cancelled", "ReadTimeoutError")
    }


def test_other_services_pass_unseen(recorder: Recorder) -> None:
    assert hosts.find("s3.us-east-1.amazonaws.com", 443, "/bucket", "POST") is None
    assert hosts.find("bedrock.us-east-1.amazonaws.com", 443, "/model/x/invoke", "POST") is None
