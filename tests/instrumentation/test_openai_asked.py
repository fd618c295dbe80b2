"""What a request to OpenAI, and to those that speak like it, asks for."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import FEW, dumps, endpoint

CHAT = endpoint("openai", "chat_completions")
GROQ = endpoint("openai", "chat_completions", provider="groq")
AZURE = endpoint("openai", "chat_completions", provider="azure.ai.openai", model="my-deployment")
RESPONSES = endpoint("openai", "responses")
COMPLETIONS = endpoint("openai", "completions")
EMBEDDINGS = endpoint("openai", "embeddings")
IMAGES = endpoint("openai", "images")
TRANSCRIPTION = endpoint("openai", "transcription")

HI = [{"role": "user", "content": "Größe?"}]
PARTS = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 999}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    {"type": "file", "file": {"file_id": "file-1"}},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look.",
        "parameters": {"type": "object", "properties": {"image": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    ("at", "body", "expected"),
    [
        pytest.param(
            CHAT,
            {"messages": HI, "model": "gpt-4o"},
            Asked(model="gpt-4o", text_bytes=8),
            id="the least",
        ),
        pytest.param(
            CHAT,
            {
                "model": "gpt-5",
                "messages": HI,
                "stream": True,
                "stream_options": {"include_usage": True},
                "max_completion_tokens": 500,
                "max_tokens": 9,
                "n": 3,
                "service_tier": "flex",
                "user": "u1",
                "metadata": {"session_id": "s1"},
            },
            Asked(
                model="gpt-5",
                streaming=True,
                max_output_tokens=500,
                choices=3,
                tier="flex",
                text_bytes=8,
                conversation_id="s1",
                user_id="u1",
            ),
            id="everything",
        ),
        pytest.param(
            CHAT,
            {"model": "m", "messages": HI, "stream": True},
            Asked(model="m", streaming=True, wants_usage=False, text_bytes=8),
            id="a stream that does not ask for usage",
        ),
        pytest.param(
            GROQ,
            {"model": "m", "messages": HI, "stream": True},
            Asked(model="m", streaming=True, text_bytes=8),
            id="a provider that always counts",
        ),
        pytest.param(
            AZURE,
            {"messages": HI},
            Asked(model="my-deployment", text_bytes=8),
            id="the deployment in the path",
        ),
        pytest.param(
            CHAT,
            {"model": "m", "messages": [{"role": "user", "content": PARTS}], "tools": [TOOL]},
            Asked(model="m", text_bytes=13 + 4 + 5, media=3),
            id="media are counted, not weighed; a schema is no medium",
        ),
        pytest.param(
            CHAT,
            {"model": "m", "messages": HI, "web_search_options": {}},
            Asked(model="m", text_bytes=8, held_context=True),
            id="a search with the options it has by itself",
        ),
        pytest.param(
            RESPONSES,
            {
                "model": "m",
                "input": "Hello",
                "instructions": "Kind.",
                "max_output_tokens": 7,
                "stream": True,
                "previous_response_id": "resp_0",
                "safety_identifier": "u2",
            },
            Asked(
                model="m",
                streaming=True,
                max_output_tokens=7,
                text_bytes=10,
                held_context=True,
                user_id="u2",
            ),
            id="an earlier answer goes before",
        ),
        pytest.param(
            RESPONSES,
            {"model": "m", "input": "Hello", "previous_response_id": None, "tools": []},
            Asked(model="m", text_bytes=5),
            id="what is null or empty adds nothing",
        ),
        pytest.param(
            RESPONSES,
            {"model": "m", "input": "Hello", "conversation": {"id": "conv_1"}},
            Asked(model="m", text_bytes=5, held_context=True, conversation_id="conv_1"),
            id="a conversation that is kept",
        ),
        pytest.param(
            RESPONSES,
            {"model": "m", "input": "Hello", "tools": [{"type": "web_search"}]},
            Asked(model="m", text_bytes=5, held_context=True),
            id="a search adds what it finds",
        ),
        pytest.param(
            COMPLETIONS,
            {"model": "m", "prompt": ["Hello", "World"], "n": 2, "best_of": 4, "max_tokens": 9},
            Asked(model="m", max_output_tokens=9, choices=8, text_bytes=10),
            id="the best of four for each prompt",
        ),
        pytest.param(
            EMBEDDINGS,
            {"model": "m", "input": [[1, 2, 3], [4]]},
            Asked(model="m", text_bytes=16),
            id="tokens as numbers",
        ),
        pytest.param(
            CHAT,
            {"model": 5, "messages": "x", "max_tokens": "9", "n": -1, "stream": "yes", "user": {}},
            Asked(text_bytes=1),
            id="nothing as it should be",
        ),
    ],
)
def test_asked(at: Endpoint, body: Any, expected: Asked) -> None:
    raw = dumps(body).encode()

    assert WIRES["openai"].asked(at, raw) == replace(expected, body_bytes=len(raw))


def test_a_body_that_cannot_be_read() -> None:
    assert WIRES["openai"].asked(AZURE, None) == Asked(model="my-deployment", wants_usage=False)
    assert WIRES["openai"].asked(RESPONSES, None) == Asked()


def form(**fields: str) -> bytes:
    """Write a form as httpx does, with a file at its end."""
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = (
        'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        'Content-Type: audio/wav\r\n\r\nname="model"\r\n\r\nRIFF\r\n'
    )
    return "".join(f"--b0\r\n{part}" for part in [*parts, file]).encode() + b"--b0--\r\n"


def test_a_form() -> None:
    raw = form(model="gpt-4o-transcribe", stream="true", prompt="Hello", language="en")

    assert WIRES["openai"].asked(TRANSCRIPTION, raw) == Asked(
        model="gpt-4o-transcribe",
        streaming=True,
        body_bytes=len(raw),
        text_bytes=5,
        media=1,
    )


def test_how_many_images_a_form_asks_for() -> None:
    assert WIRES["openai"].asked(IMAGES, form(model="gpt-image-1", n="3")).choices == 3
    assert WIRES["openai"].asked(IMAGES, form(model="gpt-image-1", n="٣x")).choices == 1


@FEW
@given(data=st.binary(max_size=300) | st.binary(max_size=99).map(lambda tail: b"--b0\r\n" + tail))
def test_garbage_raises_nothing(data: bytes) -> None:
    for wire, at in [
        ("openai", CHAT),
        ("openai", TRANSCRIPTION),
        ("anthropic", endpoint("anthropic", "messages")),
        ("anthropic", endpoint("anthropic", "message_batch")),
        ("gemini", endpoint("gemini", "generate_content")),
        ("bedrock", endpoint("bedrock", "converse")),
    ]:
        asked = WIRES[wire].asked(at, data)  # type: ignore[index]
        assert asked.body_bytes == len(data)


def test_a_body_that_is_deeper_than_a_stack_says_nothing() -> None:
    raw = b'{"model":"m","messages":' + b"[" * 200_000

    assert WIRES["openai"].asked(CHAT, raw) == Asked(body_bytes=len(raw), text_bytes=0)
