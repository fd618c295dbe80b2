"""What functions return is read whoever made it, and unknown where it does not tell."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message
from openai.types import CompletionUsage, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import ResponseUsage
from pydantic import BaseModel

from manager_agent.instrumentation.answer import Answer, adds_up, read

OPENAI_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [],
    "usage": OPENAI_USAGE,
}
OPENAI = Answer(
    model="gpt-4o-mini-2024-07-18",
    input_tokens=100,
    output_tokens=30,
    total_tokens=130,
    cache_read_tokens=64,
    reasoning_tokens=20,
    response_id="chatcmpl-1",
)
MESSAGE_USAGE = {
    "input_tokens": 10,
    "output_tokens": 30,
    "cache_read_input_tokens": 200,
    "cache_creation_input_tokens": 50,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [],
    "usage": MESSAGE_USAGE,
}
ANTHROPIC = Answer(
    model="claude-sonnet-4-5",
    input_tokens=260,
    output_tokens=30,
    cache_read_tokens=200,
    cache_write_tokens=50,
    response_id="msg_1",
)
GEMINI_USAGE = {
    "prompt_token_count": 100,
    "candidates_token_count": 20,
    "thoughts_token_count": 30,
    "tool_use_prompt_token_count": 5,
    "cached_content_token_count": 40,
    "total_token_count": 155,
}
GEMINI = Answer(
    model="gemini-2.5-flash",
    input_tokens=105,
    output_tokens=50,
    total_tokens=155,
    cache_read_tokens=40,
    reasoning_tokens=30,
)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


LANGCHAIN = SimpleNamespace(
    content="hello",
    id="run-1",
    response_metadata={"model_name": "gpt-4o-mini"},
    usage_metadata={
        "input_tokens": 100,
        "output_tokens": 30,
        "total_tokens": 130,
        "input_token_details": {"cache_read": 64},
        "output_token_details": {"reasoning": 20},
    },
)
PYDANTIC_AI = SimpleNamespace(
    output="hello",
    usage=lambda: SimpleNamespace(input_tokens=100, output_tokens=30, cache_read_tokens=64),
)
RESPONSE = SimpleNamespace(
    id="resp_1",
    model="gpt-5",
    usage=ResponseUsage.model_validate(
        {
            "input_tokens": 100,
            "output_tokens": 30,
            "total_tokens": 130,
            "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 20},
        }
    ),
)
CONVERSE = {
    "usage": {
        "inputTokens": 10,
        "outputTokens": 30,
        "totalTokens": 240,
        "cacheReadInputTokens": 200,
        "cacheWriteInputTokens": 0,
    }
}


class Own(BaseModel):
    """A user's own result around the SDK's usage."""

    text: str
    model: str
    usage: CompletionUsage


EMBEDDINGS = CreateEmbeddingResponse.model_validate(
    {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(ChatCompletion.model_validate(CHAT), OPENAI, id="openai object"),
        pytest.param(CHAT, OPENAI, id="openai dict"),
        pytest.param(("text", ChatCompletion.model_validate(CHAT)), OPENAI, id="in a tuple"),
        pytest.param({"response": CHAT}, OPENAI, id="in a response"),
        pytest.param(Message.model_validate(MESSAGE), ANTHROPIC, id="anthropic object"),
        pytest.param(MESSAGE, ANTHROPIC, id="anthropic dict"),
        pytest.param(
            SimpleNamespace(
                model_version="gemini-2.5-flash", usage_metadata=SimpleNamespace(**GEMINI_USAGE)
            ),
            GEMINI,
            id="gemini object",
        ),
        pytest.param(
            {
                "modelVersion": "gemini-2.5-flash",
                "usageMetadata": {camel(name): count for name, count in GEMINI_USAGE.items()},
            },
            GEMINI,
            id="gemini rest",
        ),
        pytest.param(
            RESPONSE,
            Answer("gpt-5", None, 100, 30, 130, 64, None, 20, response_id="resp_1"),
            id="openai responses",
        ),
        pytest.param(
            EMBEDDINGS,
            Answer("text-embedding-3-small", input_tokens=8, total_tokens=8),
            id="embeddings",
        ),
        pytest.param(
            LANGCHAIN,
            Answer("gpt-4o-mini", None, 100, 30, 130, 64, None, 20, response_id="run-1"),
            id="langchain",
        ),
        pytest.param(
            PYDANTIC_AI,
            Answer(input_tokens=100, output_tokens=30, cache_read_tokens=64),
            id="pydantic-ai",
        ),
        pytest.param(
            CONVERSE,
            Answer(input_tokens=210, output_tokens=30, cache_read_tokens=200, cache_write_tokens=0),
            id="bedrock converse",
        ),
        pytest.param(
            Own(text="x", model="m", usage=CompletionUsage.model_validate(OPENAI_USAGE)),
            Answer("m", None, 100, 30, 130, 64, None, 20),
            id="own model around usage",
        ),
        pytest.param(
            {"tokens": 12, "cost": 0.1, "model": "m", "provider": "acme"},
            Answer("m", "acme", total_tokens=12, cost_usd=Decimal("0.1")),
            id="own dict",
        ),
        pytest.param({"cost": 0}, Answer(cost_usd=Decimal(0)), id="free is not unknown"),
    ],
)
def test_an_answer_is_read(found: Any, told: Answer) -> None:
    assert read(found) == told


@pytest.mark.parametrize(
    "found",
    [
        "a text",
        b"bytes",
        7,
        None,
        {},
        [],
        object(),
        {"usage": None},
        {"usage": "high"},
        {"tokens": True, "cost": "much"},
        {"tokens": -1, "cost": -0.5},
        {"cost": float("nan")},
        SimpleNamespace(usage=lambda needed: needed),
    ],
)
def test_what_does_not_tell_is_unknown(found: Any) -> None:
    told = read(found)

    assert not told.counted
    assert told.response_id is None


def test_the_pieces_of_an_anthropic_stream_make_up_its_usage() -> None:
    first = {**MESSAGE, "usage": {**MESSAGE_USAGE, "output_tokens": 1}}
    begun = {"type": "message_start", "message": first}
    ended = {"type": "message_delta", "usage": {"output_tokens": 30}}

    told = read(begun).then(read({"type": "content_block_delta"})).then(read(ended))

    assert told == ANTHROPIC


def test_the_last_chunk_of_an_openai_stream_has_its_usage() -> None:
    chunk = {**CHAT, "object": "chat.completion.chunk", "usage": None}
    chunks = [
        ChatCompletionChunk.model_validate(c) for c in (chunk, {**chunk, "usage": OPENAI_USAGE})
    ]

    told = read(chunks[0]).then(read(chunks[1]))

    assert told == OPENAI


def test_chunks_of_langchain_count_only_themselves() -> None:
    pieces = [
        SimpleNamespace(usage_metadata={"input_tokens": 100, "output_tokens": 0}),
        SimpleNamespace(usage_metadata={"input_tokens": 0, "output_tokens": 30}),
        SimpleNamespace(usage_metadata={"input_tokens": 0, "output_tokens": 2}),
    ]
    told = Answer()
    for piece in pieces:
        assert adds_up(piece)
        told = told.plus(read(piece))

    assert (told.input_tokens, told.output_tokens) == (100, 32)
    assert told.cache_read_tokens is None
    assert not adds_up(ChatCompletion.model_validate(CHAT))
