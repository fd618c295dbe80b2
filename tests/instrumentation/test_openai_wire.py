"""OpenAI's protocol, and what compatible providers made of it: usage equal to the server's."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import FEW, PLACES, cut, dumps, endpoint, sse, streamed, whole

CHAT = endpoint("openai", "chat_completions")
RESPONSES = endpoint("openai", "responses")
EMBEDDINGS = endpoint("openai", "embeddings")


def completion(usage: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Grün.", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [choice],
        "usage": usage,
        "service_tier": "default",
    } | more


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "choices": [choice],
    } | more


def counts(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    total = more.pop("total", prompt + completion)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total} | more


FULL = counts(
    2006,
    300,
    prompt_tokens_details={"cached_tokens": 1920, "audio_tokens": 10, "cache_write_tokens": 64},
    completion_tokens_details={"reasoning_tokens": 192, "audio_tokens": 5},
)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(counts(9, 12), Usage(9, 12), id="the totals alone; parts stay unknown"),
        pytest.param(
            FULL,
            Usage(
                2006,
                300,
                cache_read_tokens=1920,
                cache_write_tokens=64,
                reasoning_tokens=192,
                input_audio_tokens=10,
                output_audio_tokens=5,
            ),
            id="every part",
        ),
        pytest.param(
            counts(100, 8, prompt_cache_hit_tokens=64, prompt_cache_miss_tokens=36),
            Usage(100, 8, cache_read_tokens=64),
            id="DeepSeek's cache",
        ),
        pytest.param(
            counts(100, 8, cached_tokens=64), Usage(100, 8, cache_read_tokens=64), id="Moonshot"
        ),
        pytest.param(
            counts(32, 9, total=135, completion_tokens_details={"reasoning_tokens": 94}),
            Usage(32, 103, reasoning_tokens=94),
            id="xAI counts reasoning beside completion",
        ),
        pytest.param(
            counts(
                32,
                9,
                total=135,
                completion_tokens_details={"reasoning_tokens": 94},
                prompt_tokens_details={"cached_tokens": 6},
            ),
            Usage(32, 103, cache_read_tokens=6, reasoning_tokens=94),
            id="xAI with a cache, which is inside the prompt",
        ),
        pytest.param(
            counts(10, 5, total=215),
            Usage(10, 205),
            id="Gemini's compatible service: thoughts only in the grand total",
        ),
        pytest.param(
            counts(10, 5, total=215, prompt_tokens_details={"cached_tokens": 4}),
            Usage(10, 205, cache_read_tokens=4),
            id="the same with a cache",
        ),
        pytest.param(
            counts(3, 5, total=108, prompt_tokens_details={"cached_tokens": 100}),
            Usage(103, 5, cache_read_tokens=100),
            id="a gateway that leaves the cache out",
        ),
        pytest.param(counts(0, 0), None, id="0 and 0 beside an answer is unknown"),
        pytest.param(None, None, id="null"),
        pytest.param({"prompt_tokens": True, "completion_tokens": "12"}, None, id="no numbers"),
        pytest.param(counts(-3, 4, total=None), Usage(None, 4), id="a negative count is unknown"),
    ],
)
def test_usage_of_a_completion(usage: Any, expected: Usage | None) -> None:
    told = whole(CHAT, completion(usage))

    assert told == Told(
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-1",
        finish_reason="stop",
        tier="default",
        usage=expected,
        delivered_bytes=6,
        complete=True,
    )


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        pytest.param({"cost": 0.00014}, "0.00014", id="OpenRouter"),
        pytest.param({"cost": 1e-06}, "0.000001", id="OpenRouter, tiny"),
        pytest.param(
            {"cost": 0.5, "is_byok": True, "cost_details": {"upstream_inference_cost": 9.5}},
            "10.0",
            id="OpenRouter with the user's own key",
        ),
        pytest.param({"cost": {"total_cost": 0.006}}, "0.006", id="Perplexity"),
        pytest.param({"cost_in_usd_ticks": 37756000}, "0.0037756", id="xAI"),
        pytest.param({"cost": "NaN"}, None, id="no number"),
        pytest.param({}, None, id="not said"),
    ],
)
def test_what_the_provider_charged(usage: Any, cost: str | None) -> None:
    told = whole(CHAT, completion(counts(9, 12) | usage))

    assert told.cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("header", "cost"), [("0.00021", "0.00021"), ("0.0", None), ("None", None), ("", None)]
)
def test_what_litellms_proxy_says_it_cost(header: str, cost: str | None) -> None:
    found = WIRES["openai"].headers(Told(complete=True), {"x-litellm-response-cost": header})

    assert found == Told(complete=True, cost_usd=None if cost is None else Decimal(cost))


LAST = chunk(usage=FULL, choices=[])
STREAMS = {
    "asked for usage": [chunk("", usage=None), chunk("Hi", usage=None), chunk(None, "stop"), LAST],
    "Azure's filter first": [
        chunk(id="", model="", choices=[], prompt_filter_results=[{"prompt_index": 0}]),
        chunk("Hi"),
        chunk(None, "stop"),
        LAST,
    ],
    "Groq": [chunk("Hi"), chunk(None, "stop", x_groq={"id": "req", "usage": FULL})],
    "usage in each chunk": [chunk("Hi", usage=counts(2006, 1)), chunk("", "stop", usage=FULL)],
    "usage with the end": [chunk("Hi"), chunk("", "stop", usage=FULL)],
}


@pytest.mark.parametrize("events", [pytest.param(e, id=name) for name, e in STREAMS.items()])
@FEW
@given(places=PLACES)
def test_a_stream_cut_anywhere_tells_the_same(events: list[Any], places: list[int]) -> None:
    told = streamed(CHAT, *cut(sse(*events, "[DONE]"), places))

    assert told == Told(
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-1",
        finish_reason="stop",
        tier="default",
        usage=whole(CHAT, completion(FULL)).usage,
        delivered_bytes=2,
        complete=True,
    )


def test_a_stream_that_was_left_has_what_arrived_and_no_usage() -> None:
    told = streamed(CHAT, sse(*[chunk("Größe\n")] * 50))

    assert (told.usage, told.complete, told.delivered_bytes) == (None, False, 50 * 8)


def test_text_that_talks_of_usage_is_text() -> None:
    said = dumps(LAST)

    told = streamed(CHAT, sse(*[chunk("x")] * 9, chunk(said), "[DONE]"))

    assert told.usage is None
    assert told.delivered_bytes == 9 + len(said)


def test_an_error_inside_a_stream() -> None:
    error = {"error": {"message": "Overloaded", "type": "server_error", "code": None}}

    told = streamed(CHAT, sse(*[chunk("x")] * 9, error))

    assert (told.error_type, told.error_message) == ("server_error", "Overloaded")


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "model": "gpt-5-2025-08-07",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "service_tier": "flex",
    "usage": {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 0},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 380,
    },
    "metadata": {},
}
SPENT = Usage(328, 52, cache_read_tokens=128, cache_write_tokens=0, reasoning_tokens=40)


def response_events(last: str, response: dict[str, Any]) -> list[Any]:
    begun = RESPONSE | {
        "status": "in_progress",
        "usage": None,
        "output": [],
        "service_tier": "auto",
    }
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hi"}
    item = {"type": "response.output_item.done", "item": RESPONSE["output"][0]}  # type: ignore[index]
    return [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        delta,
        item,
        {"type": last, "response": response},
    ]


@FEW
@given(places=PLACES)
def test_responses_tell_the_same_whole_and_in_any_pieces(places: list[int]) -> None:
    expected = Told(
        response_model="gpt-5-2025-08-07",
        response_id="resp_1",
        finish_reason="completed",
        tier="flex",
        usage=SPENT,
        delivered_bytes=2,
        complete=True,
    )

    assert whole(RESPONSES, RESPONSE) == expected
    events = response_events("response.completed", RESPONSE)
    assert streamed(RESPONSES, *cut(sse(*events), places)) == expected


def test_a_response_cut_short_by_its_limit_has_usage() -> None:
    short = RESPONSE | {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }

    told = streamed(RESPONSES, sse(*response_events("response.incomplete", short)))

    assert (told.finish_reason, told.usage, told.complete) == ("max_output_tokens", SPENT, True)


def test_a_failed_response_names_its_error() -> None:
    error = {"code": "server_error", "message": "The model failed."}
    broken = RESPONSE | {"status": "failed", "error": error, "usage": None}

    told = streamed(RESPONSES, sse(*response_events("response.failed", broken)))

    assert (told.error_type, told.error_message) == ("server_error", "The model failed.")
    assert (told.usage, told.finish_reason) == (None, "failed")


def test_an_error_event_of_responses() -> None:
    event = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}

    told = streamed(RESPONSES, sse(*response_events("error", {})[:4], event))

    assert (told.error_type, told.error_message) == ("rate_limit_exceeded", "Slow down.")


@pytest.mark.parametrize("vectors", [1, 400], ids=["small", "large, not parsed"])
def test_embeddings_generate_nothing(vectors: int) -> None:
    data = [{"object": "embedding", "index": n, "embedding": [0.5] * 99} for n in range(vectors)]
    body = {"object": "list", "data": data, "model": "text-embedding-3-small"}

    told = whole(EMBEDDINGS, body | {"usage": {"prompt_tokens": 8, "total_tokens": 8}})

    assert told.usage == Usage(8, 0)
    assert told.response_model == "text-embedding-3-small"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        pytest.param(
            429,
            {"error": {"message": "Too fast", "type": "tokens", "code": "rate_limit_exceeded"}},
            "rate_limit_exceeded",
            "Too fast",
            id="OpenAI",
        ),
        pytest.param(
            400,
            {"error": {"message": "Wrong", "type": "invalid_request_error", "code": None}},
            "invalid_request_error",
            "Wrong",
            id="no code",
        ),
        pytest.param(
            402,
            {"error": {"message": "No credits", "code": 402}},
            "402",
            "No credits",
            id="OpenRouter",
        ),
        pytest.param(
            404,
            {"object": "error", "message": "Not there", "type": "NotFoundError", "code": 404},
            "NotFoundError",
            "Not there",
            id="vLLM of old",
        ),
        pytest.param(404, {"error": "no such model"}, "404", "no such model", id="Ollama"),
        pytest.param(502, b"<html>Bad gateway</html>", "502", None, id="a page of a gateway"),
        pytest.param(500, b"", "500", None, id="nothing"),
    ],
)
def test_errors(status: int, body: Any, kind: str, message: str | None) -> None:
    told = whole(CHAT, body, status)

    assert told == Told(error_type=kind, error_message=message, complete=True)


def test_long_messages_are_cut() -> None:
    told = whole(CHAT, {"error": {"message": "x" * 9999, "type": "t"}}, 400)

    assert told.error_message == "x" * 512


@FEW
@given(data=st.binary(max_size=300), places=PLACES)
def test_garbage_raises_nothing(data: bytes, places: list[int]) -> None:
    for at in (CHAT, RESPONSES, EMBEDDINGS):
        whole(at, data)
        whole(at, data, 500)
        streamed(at, *cut(data, places))
