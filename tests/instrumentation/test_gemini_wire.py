"""Google's protocol: usage equal to the server's, whole, in events and in a growing array."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.json_array import JsonArray
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import FEW, JSON, PLACES, cut, dumps, endpoint, sse, streamed, whole

GENERATE = endpoint("gemini", "generate_content", provider="gcp.gemini", model="gemini-2.5-flash")
STREAM = endpoint("gemini", "generate_content", model="gemini-2.5-flash", streaming=True)
EMBED = endpoint("gemini", "embed_content", model="text-embedding-005")


def tokens(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": number} for name, number in counts.items()]


USAGE = {
    "promptTokenCount": 1290,
    "toolUsePromptTokenCount": 100,
    "candidatesTokenCount": 60,
    "thoughtsTokenCount": 500,
    "cachedContentTokenCount": 1024,
    "totalTokenCount": 1950,
    "promptTokensDetails": tokens(TEXT=1000, IMAGE=258, AUDIO=32),
    "cacheTokensDetails": tokens(TEXT=1000, AUDIO=24),
    "toolUsePromptTokensDetails": tokens(TEXT=100),
    "candidatesTokensDetails": tokens(TEXT=60),
}
SPENT = Usage(
    1390,
    560,
    cache_read_tokens=1024,
    reasoning_tokens=500,
    input_audio_tokens=32,
    cache_audio_read_tokens=24,
    input_image_tokens=258,
)


def piece(said: str, finish: str | None = None, usage: Any = USAGE) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": said}], "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


TOLD = Told(
    response_model="gemini-2.5-flash",
    response_id="r1",
    finish_reason="STOP",
    usage=SPENT,
    delivered_bytes=8,
    complete=True,
)
PART = {"promptTokenCount": 1290, "candidatesTokenCount": 2, "totalTokenCount": 1292}
PIECES = [piece("Hi {}", usage=PART), piece('["', usage=PART), piece("\\", "STOP")]


def test_an_answer() -> None:
    assert whole(GENERATE, piece('Hi {}["\\', "STOP")) == TOLD


@FEW
@given(places=PLACES)
def test_a_stream_cut_anywhere_tells_what_the_whole_tells(places: list[int]) -> None:
    array = json.dumps(PIECES, indent=2).replace("\n", "\r\n").encode()

    assert streamed(STREAM, *cut(sse(*PIECES, end=b"\r\n"), places)) == TOLD
    assert streamed(STREAM, *cut(array, places), kind=JSON) == TOLD
    assert whole(STREAM, array) == TOLD


def test_a_stream_left_early_has_counts_up_to_there_and_is_not_complete() -> None:
    told = streamed(STREAM, sse(*PIECES[:2]))

    assert (told.usage, told.complete) == (Usage(1290, 2), False)


def test_a_stream_that_is_an_error() -> None:
    error = {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}
    expected = Told(error_type="RESOURCE_EXHAUSTED", error_message="Quota", complete=True)

    assert whole(GENERATE, error, 429) == expected
    assert whole(STREAM, [error], 429) == expected
    assert streamed(STREAM, dumps([error]).encode(), kind=JSON) == expected
    assert streamed(STREAM, sse(error)) == expected


@pytest.mark.parametrize(
    ("at", "body", "expected"),
    [
        pytest.param(
            GENERATE,
            {
                "promptFeedback": {"blockReason": "SAFETY"},
                "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
            },
            Usage(7, 0),
            id="a blocked prompt generates nothing",
        ),
        pytest.param(EMBED, {"embedding": {"values": [0.5]}}, None, id="embeddings say nothing"),
        pytest.param(
            EMBED,
            {"embedding": {"values": []}, "usageMetadata": {"promptTokenCount": 7}},
            Usage(7, 0),
            id="newer embeddings say it",
        ),
        pytest.param(
            EMBED,
            {"predictions": [{"embeddings": {"statistics": {"token_count": n}}} for n in (3, 4)]},
            Usage(7, 0),
            id="embeddings on Vertex AI",
        ),
        pytest.param(
            GENERATE,
            piece("", usage={"promptTokenCount": 7} | {"candidatesTokensDetails": tokens(IMAGE=9)}),
            Usage(7, output_image_tokens=9),
            id="a picture",
        ),
    ],
)
def test_usage(at: Any, body: Any, expected: Usage | None) -> None:
    assert whole(at, body).usage == expected


TEXTS = st.text(st.sampled_from('{}[]"\\,: aé'), max_size=8)
VALUES = st.recursive(TEXTS | st.integers(), lambda each: st.dictionaries(TEXTS, each, max_size=3))
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=4)


@FEW
@given(values=OBJECTS, places=PLACES, indent=st.none() | st.integers(0, 2))
@example(values=[{"\\": '"'}], places=list(range(12)), indent=None)
def test_an_array_cut_anywhere(values: list[Any], places: list[int], indent: int | None) -> None:
    array = JsonArray()
    pieces = cut(json.dumps(values, indent=indent, ensure_ascii=False).encode(), places)

    assert [json.loads(found) for each in pieces for found in array.feed(each)] == values


@FEW
@given(data=st.binary(max_size=300), places=PLACES)
def test_garbage_raises_nothing(data: bytes, places: list[int]) -> None:
    whole(GENERATE, data)
    for kind in (JSON, "text/event-stream"):
        streamed(STREAM, *cut(data, places), kind=kind)


def test_asked() -> None:
    body = {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Größe?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"fileData": {"fileUri": "gs://a/b"}},
                ],
            }
        ],
        "systemInstruction": {"parts": [{"text": "Kind."}]},
        "generationConfig": {"maxOutputTokens": 99, "candidateCount": 2},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d"}]}],
    }
    raw = dumps(body).encode()

    assert WIRES["gemini"].asked(STREAM, raw) == Asked(
        model="gemini-2.5-flash",
        streaming=True,
        max_output_tokens=99,
        choices=2,
        body_bytes=len(raw),
        text_bytes=8 + 5 + 2,
        media=2,
    )


@pytest.mark.parametrize(
    "more",
    [{"cachedContent": "cachedContents/1"}, {"tools": [{"googleSearch": {}}]}],
    ids=["a cache", "a search"],
)
def test_what_the_provider_adds_is_said(more: dict[str, Any]) -> None:
    body = {"contents": [{"parts": [{"text": "Hi"}]}]} | more

    assert WIRES["gemini"].asked(GENERATE, dumps(body).encode()).held_context
