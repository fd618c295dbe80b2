"""OpenAI's images, sound and batches: usage where the answer has it, unknown where not."""

from typing import Any

import pytest

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.told import Told
from tests.harness.wires import JSON, endpoint, sse, streamed, whole

IMAGES = endpoint("openai", "images")
SPEECH = endpoint("openai", "speech")
TRANSCRIPTION = endpoint("openai", "transcription")
BATCH = endpoint("openai", "batch")

PICTURE = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
    "output_tokens": 4160,
    "total_tokens": 4210,
}
PICTURED = Usage(50, 4160, input_image_tokens=40, output_image_tokens=4160)
HEARD = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 45,
    "total_tokens": 59,
}
BATCHED = {
    "input_tokens": 900,
    "input_tokens_details": {"cached_tokens": 100},
    "output_tokens": 80,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 980,
}


@pytest.mark.parametrize(
    ("at", "body", "usage"),
    [
        pytest.param(
            IMAGES, {"data": [{"b64_json": "A" * 99_999}], "usage": PICTURE}, PICTURED, id="image"
        ),
        pytest.param(
            IMAGES,
            {"usage": PICTURE | {"output_tokens_details": {"image_tokens": 4000}}, "data": []},
            PICTURED._replace(output_image_tokens=4000),
            id="image with text beside it",
        ),
        pytest.param(IMAGES, {"created": 1, "data": [{"url": "x"}]}, None, id="dall-e"),
        pytest.param(
            TRANSCRIPTION,
            {"text": "Hello", "usage": HEARD},
            Usage(14, 45, input_audio_tokens=14),
            id="transcription",
        ),
        pytest.param(
            TRANSCRIPTION,
            {"text": "Hello", "usage": {"type": "duration", "seconds": 9}},
            None,
            id="transcription by the second",
        ),
        pytest.param(TRANSCRIPTION, b"WEBVTT\n\n00:01", None, id="subtitles"),
        pytest.param(SPEECH, b"\xff\xf3\x84\xc4", None, id="speech"),
        pytest.param(
            BATCH,
            {"id": "batch_1", "status": "completed", "usage": BATCHED},
            Usage(900, 80, cache_read_tokens=100, reasoning_tokens=30),
            id="batch",
        ),
        pytest.param(
            BATCH, {"id": "batch_1", "status": "in_progress", "usage": BATCHED}, None, id="running"
        ),
    ],
)
def test_usage(at: Endpoint, body: Any, usage: Usage | None) -> None:
    told = whole(at, body)

    assert (told.usage, told.complete) == (usage, True)


@pytest.mark.parametrize(
    ("at", "events", "usage", "delivered"),
    [
        pytest.param(
            IMAGES,
            [
                {"type": "image_generation.partial_image", "b64_json": "A" * 9999},
                {"type": "image_generation.completed", "b64_json": "A" * 9999, "usage": PICTURE},
            ],
            PICTURED,
            0,
            id="image",
        ),
        pytest.param(
            IMAGES,
            [{"type": "image_edit.completed", "b64_json": "A" * (3 << 20), "usage": PICTURE}],
            PICTURED,
            0,
            id="an image larger than what is kept",
        ),
        pytest.param(
            TRANSCRIPTION,
            [
                {"type": "transcript.text.delta", "delta": "Hel"},
                {"type": "transcript.text.delta", "delta": "lo"},
                {"type": "transcript.text.done", "text": "Hello", "usage": HEARD},
            ],
            Usage(14, 45, input_audio_tokens=14),
            5,
            id="transcription",
        ),
        pytest.param(
            SPEECH,
            [
                {"type": "speech.audio.delta", "audio": "AAAA"},
                {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101}},
            ],
            Usage(14, 101),
            0,
            id="speech",
        ),
    ],
)
def test_streams(at: Endpoint, events: list[Any], usage: Usage, delivered: int) -> None:
    told = streamed(at, sse(*events))

    assert (told.usage, told.delivered_bytes, told.complete) == (usage, delivered, True)


def test_sound_that_comes_in_pieces_tells_nothing() -> None:
    assert streamed(SPEECH, b"\xff\xf3", b'{"usage"', kind="audio/mpeg") == Told(complete=True)


@pytest.mark.parametrize("kind", [JSON, "", "text/plain"], ids=["JSON", "unnamed", "plain"])
def test_an_answer_of_one_piece_is_read_whatever_it_calls_itself(kind: str) -> None:
    told = streamed(TRANSCRIPTION, b"\n ", b'{"text":"Hello","usage":{"type":"tokens",', kind=kind)
    assert told.usage is None

    rest = b'"input_tokens":14,"output_tokens":45}}'
    told = streamed(TRANSCRIPTION, b'{"text":"Hello","usage":{"type":"tokens",', rest, kind=kind)
    assert told.usage == Usage(14, 45)
