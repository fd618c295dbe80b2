"""Amazon Bedrock's protocol: converse, and the bodies of each model's maker."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.aws_events import chunk, event, failure
from tests.harness.wires import AWS, FEW, PLACES, cut, dumps, endpoint, streamed, whole

CONVERSE = endpoint("bedrock", "converse", model="amazon.nova-lite-v1:0")
CONVERSE_STREAM = endpoint("bedrock", "converse", streaming=True)
INVOKE = endpoint("bedrock", "invoke_model", model="anthropic.claude-sonnet-4-5-20250929-v1:0")
INVOKE_STREAM = endpoint("bedrock", "invoke_model", streaming=True)

USAGE = {
    "inputTokens": 12,
    "outputTokens": 60,
    "totalTokens": 2572,
    "cacheReadInputTokens": 2000,
    "cacheWriteInputTokens": 500,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 300}, {"ttl": "5m", "inputTokens": 200}],
}
SPENT = Usage(2512, 60, cache_read_tokens=2000, cache_write_tokens=500, cache_write_1h_tokens=300)
CONVERSED = Told(finish_reason="end_turn", usage=SPENT, delivered_bytes=5, complete=True)


def test_converse() -> None:
    message = {"role": "assistant", "content": [{"text": "Hallo"}]}
    body = {"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE}

    assert whole(CONVERSE, body) == CONVERSED


CONVERSATION = [
    event("messageStart", {"role": "assistant", "p": "abc"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hal"}}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 551}}),
]


@FEW
@given(places=PLACES)
def test_a_conversation_cut_anywhere(places: list[int]) -> None:
    data = b"".join(CONVERSATION)

    assert streamed(CONVERSE_STREAM, *cut(data, places), kind=AWS) == CONVERSED


def test_a_conversation_left_early() -> None:
    told = streamed(CONVERSE_STREAM, *CONVERSATION[:3], kind=AWS)

    assert told == Told(delivered_bytes=5)


def test_an_exception_inside_a_stream() -> None:
    broken = failure("throttlingException", "Too many tokens")

    told = streamed(CONVERSE_STREAM, *CONVERSATION[:3], broken, kind=AWS)

    assert told == Told(
        error_type="throttlingException",
        error_message="Too many tokens",
        delivered_bytes=5,
        complete=True,
    )


METRICS = {"inputTokenCount": 21, "outputTokenCount": 9, "invocationLatency": 1}
CLAUDE = {"input_tokens": 21, "cache_read_input_tokens": 4, "output_tokens": 9}
CHOICE = {"message": {"content": "Hallo"}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("body", "expected", "finish", "delivered"),
    [
        pytest.param(
            {
                "type": "message",
                "content": [{"type": "text", "text": "Hallo"}],
                "stop_reason": "end_turn",
                "usage": CLAUDE,
            },
            Usage(25, 9, cache_read_tokens=4),
            "end_turn",
            5,
            id="Anthropic",
        ),
        pytest.param(
            {
                "output": {"message": {"content": [{"text": "Hallo"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 21, "outputTokens": 9, "cacheReadInputTokenCount": 4},
            },
            Usage(25, 9, cache_read_tokens=4),
            "end_turn",
            5,
            id="Nova",
        ),
        pytest.param(
            {
                "inputTextTokenCount": 21,
                "results": [{"tokenCount": 9, "outputText": "Hallo", "completionReason": "FINISH"}],
            },
            Usage(21, 9),
            "FINISH",
            5,
            id="Titan",
        ),
        pytest.param(
            {"embedding": [0.5], "inputTextTokenCount": 21},
            Usage(21, 0),
            None,
            0,
            id="Titan's embeddings",
        ),
        pytest.param(
            {
                "generation": "Hallo",
                "prompt_token_count": 21,
                "generation_token_count": 9,
                "stop_reason": "stop",
            },
            Usage(21, 9),
            "stop",
            5,
            id="Llama",
        ),
        pytest.param(
            {"outputs": [{"text": "Hallo", "stop_reason": "stop"}]}, None, "stop", 5, id="Mistral"
        ),
        pytest.param(
            {"choices": [CHOICE], "usage": {"prompt_tokens": 21, "completion_tokens": 9}},
            Usage(21, 9),
            "stop",
            5,
            id="OpenAI's open models",
        ),
        pytest.param(
            {"generations": [{"text": "Hallo", "finish_reason": "COMPLETE"}]},
            None,
            "COMPLETE",
            5,
            id="Cohere",
        ),
    ],
)
def test_invoke_model(body: Any, expected: Usage | None, finish: str, delivered: int) -> None:
    told = whole(INVOKE, body)

    assert (told.usage, told.finish_reason) == (expected, finish)
    assert (told.delivered_bytes, told.complete) == (delivered, True)


def claude(usage: Any) -> list[Any]:
    start = {"id": "msg_1", "model": "claude-sonnet-4-5", "usage": CLAUDE | {"output_tokens": 1}}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hallo"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS},
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            claude({"output_tokens": 9}), Usage(25, 9, cache_read_tokens=4), id="Anthropic"
        ),
        pytest.param(claude({}), Usage(21, 9), id="Anthropic, counts only in the metrics"),
        pytest.param(
            [
                {"messageStart": {"role": "assistant"}},
                {"contentBlockDelta": {"delta": {"text": "Hallo"}}},
                {"messageStop": {"stopReason": "end_turn"}},
                {"metadata": {"usage": {"inputTokens": 21, "outputTokens": 9}}},
            ],
            Usage(21, 9),
            id="Nova",
        ),
        pytest.param(
            [
                {"outputText": "Hallo", "completionReason": None, "inputTextTokenCount": 21},
                {
                    "outputText": "",
                    "completionReason": "FINISH",
                    "totalOutputTextTokenCount": 9,
                    "amazon-bedrock-invocationMetrics": METRICS,
                },
            ],
            Usage(21, 9),
            id="Titan",
        ),
        pytest.param(
            [
                {"generation": "Hallo", "prompt_token_count": 21, "generation_token_count": 1},
                {
                    "generation": "",
                    "prompt_token_count": None,
                    "generation_token_count": 9,
                    "stop_reason": "stop",
                    "amazon-bedrock-invocationMetrics": METRICS,
                },
            ],
            Usage(21, 9),
            id="Llama",
        ),
        pytest.param(
            [
                {"choices": [{"delta": {"content": "Hallo"}}]},
                {
                    "choices": [{"delta": {}, "finish_reason": "stop"}],
                    "amazon-bedrock-invocationMetrics": METRICS,
                },
            ],
            Usage(21, 9),
            id="OpenAI's open models",
        ),
    ],
)
@FEW
@given(places=PLACES)
def test_a_stream_of_invoke_model_cut_anywhere(
    events: list[Any], expected: Usage, places: list[int]
) -> None:
    data = b"".join(chunk(each) for each in events)

    told = streamed(INVOKE_STREAM, *cut(data, places), kind=AWS)

    assert (told.usage, told.delivered_bytes, told.complete) == (expected, 5, True)
    assert told.finish_reason in ("end_turn", "FINISH", "stop")


COUNTS = {
    "x-amzn-bedrock-input-token-count": "21",
    "x-amzn-bedrock-output-token-count": "9",
    "x-amzn-bedrock-cache-read-input-token-count": "4",
}


@pytest.mark.parametrize(
    ("told", "headers", "expected"),
    [
        pytest.param(Told(), COUNTS, Told(usage=Usage(25, 9, 4)), id="counts of headers"),
        pytest.param(Told(usage=SPENT), COUNTS, Told(usage=SPENT), id="the body goes first"),
        pytest.param(Told(), {}, Told(), id="no headers"),
        pytest.param(
            Told(complete=True),
            {"x-amzn-bedrock-input-token-count": "21"},
            Told(usage=Usage(21, 0), complete=True),
            id="embeddings",
        ),
        pytest.param(
            Told(error_type="429"),
            {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"},
            Told(error_type="ThrottlingException"),
            id="the name of an error",
        ),
    ],
)
def test_headers(told: Told, headers: dict[str, str], expected: Told) -> None:
    found = WIRES["bedrock"].headers(told, headers)

    assert found == expected


def test_an_error_answer() -> None:
    told = whole(CONVERSE, {"message": "The model is not there."}, 404)

    assert told == Told(error_type="404", error_message="The model is not there.", complete=True)


@FEW
@given(data=st.binary(max_size=300))
def test_garbage_raises_nothing(data: bytes) -> None:
    for at in (CONVERSE, INVOKE):
        whole(at, data)
        streamed(at, data, kind=AWS)
        streamed(at, chunk({"bytes": data.decode("latin-1")}), event("chunk", []), kind=AWS)


@pytest.mark.parametrize(
    ("at", "body", "expected"),
    [
        pytest.param(
            CONVERSE,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"text": "Größe?"},
                            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                        ],
                    }
                ],
                "system": [{"text": "Kind."}],
                "inferenceConfig": {"maxTokens": 99},
                "serviceTier": {"type": "flex"},
                "requestMetadata": {"session_id": "s1"},
            },
            Asked(
                model="amazon.nova-lite-v1:0",
                max_output_tokens=99,
                tier="flex",
                text_bytes=13,
                media=1,
                conversation_id="s1",
            ),
            id="converse",
        ),
        pytest.param(
            INVOKE,
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 99,
                "messages": [{"role": "user", "content": "Hi"}],
            },
            Asked(model=INVOKE.model, max_output_tokens=99, text_bytes=2),
            id="Anthropic",
        ),
        pytest.param(
            INVOKE,
            {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 99}},
            Asked(model=INVOKE.model, max_output_tokens=99, text_bytes=2),
            id="Titan",
        ),
        pytest.param(
            INVOKE,
            {"prompt": "Hi", "max_gen_len": 99},
            Asked(model=INVOKE.model, max_output_tokens=99, text_bytes=2),
            id="Llama",
        ),
    ],
)
def test_asked(at: Any, body: Any, expected: Asked) -> None:
    raw = dumps(body).encode()

    assert WIRES["bedrock"].asked(at, raw) == replace(expected, body_bytes=len(raw))
