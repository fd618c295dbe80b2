"""What goes wrong on purpose goes wrong as told, and the ledger says what was true of it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from manager_agent.app.demo.ledger import Served
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)
CHAT = "/v1/chat/completions"
DEADLINE = 30.0


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(CALM) as provider:
        yield provider


@pytest.fixture(scope="module")
def http(provider: Provider) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=provider.url, trust_env=False, timeout=DEADLINE) as client:
        yield client


def body(words: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": words}], **more}


def until(provider: Provider, found: Callable[[Served], bool]) -> Served:
    deadline = time.monotonic() + DEADLINE
    while True:
        for entry in provider.served:
            if found(entry):
                return entry
        assert time.monotonic() < deadline, "no such entry in the ledger"
        time.sleep(0.01)


def test_the_first_attempts_of_a_request_fail(provider: Provider) -> None:
    """The SDK's retry of the same request gets its answer; another request fails anew."""
    with openai.OpenAI(
        base_url=f"{provider.url}/c/1/v1",
        api_key="none",
        max_retries=1,
        default_headers={"x-fake-fail-first": "1", "x-fake-fail-status": "503"},
    ) as client:
        for words in ("one", "two"):
            client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": words}]
            )

    mine = [one for one in provider.served if one.path.startswith("/c/1/")]
    assert [(one.status, one.attempt) for one in mine] == [(503, 1), (200, 2)] * 2
    assert [one.billed for one in mine] == [False, True] * 2


def test_errors_may_be_billed(provider: Provider, http: httpx.Client) -> None:
    headers = {"x-fake-fail-every": "1", "x-fake-bill-errors": "true"}
    answer = http.post(CHAT, json=body("billed"), headers=headers)

    truth = provider.served[-1]
    assert answer.status_code == truth.status == 500
    assert truth.billed
    assert truth.usage is not None


def test_a_stream_is_cut_in_the_middle(provider: Provider, http: httpx.Client) -> None:
    """The client sees a broken connection, not an end; what was sent is in the ledger."""
    lines: list[str] = []
    cut = {"x-fake-cut-after": "2"}
    with (
        http.stream("POST", CHAT, json=body("cut", stream=True), headers=cut) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        lines.extend(filter(None, answer.iter_lines()))

    assert len(lines) == 2
    truth = provider.served[-1]
    assert (truth.ending, truth.status) == ("cut", 200)
    assert truth.usage is not None


def test_who_leaves_a_stream_is_noted(provider: Provider, http: httpx.Client) -> None:
    slow = {"x-fake-chunk-seconds": "0.2"}
    with http.stream("POST", "/left" + CHAT, json=body("left", stream=True), headers=slow) as said:
        next(said.iter_raw())

    truth = until(provider, lambda one: one.path.startswith("/left"))
    assert truth.ending == "left"
    assert truth.usage is not None
    assert truth.usage.prompt.total > 0


def test_chunks_come_one_by_one(http: httpx.Client) -> None:
    """The first is there well before the last: nobody on the way may hold it back."""
    slow = {"x-fake-chunk-seconds": "0.1"}
    with http.stream("POST", CHAT, json=body("slow", stream=True), headers=slow) as answer:
        times = [time.monotonic() for _ in answer.iter_raw()]

    assert times[-1] - times[0] > 0.2


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        pytest.param(CHAT, body("x", stream=True, stream_options={"include_usage": True}), id="c"),
        pytest.param("/groq/openai" + CHAT, body("x", stream=True), id="groq"),
        pytest.param("/v1/responses", {"model": "gpt-4o", "input": "x", "stream": True}, id="r"),
        pytest.param("/v1/messages", {**body("x"), "max_tokens": 9, "stream": True}, id="m"),
        pytest.param("/v1/completions", {"model": "m", "prompt": "x"}, id="completions"),
    ],
)
def test_usage_is_left_out(http: httpx.Client, path: str, request_body: dict[str, Any]) -> None:
    told = http.post(path, json=request_body).text
    silent = http.post(path, json=request_body, headers={"x-fake-no-usage": "1"}).text

    assert '_tokens":' in told
    assert '_tokens":' not in silent


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        pytest.param(CHAT, body("x"), id="chat"),
        pytest.param(CHAT, body("x", stream=True, stream_options={"include_usage": True}), id="s"),
        pytest.param("/v1/messages", {**body("x"), "max_tokens": 9, "stream": True}, id="m"),
    ],
)
def test_usage_may_be_said_to_be_nothing(
    provider: Provider, http: httpx.Client, path: str, request_body: dict[str, Any]
) -> None:
    answer = http.post(path, json=request_body, headers={"x-fake-zero-usage": "1"})

    told = re.findall(r'"\w+_tokens":(\d+)', answer.text)
    assert told
    assert set(told) <= {"0"}
    truth = provider.served[-1].usage
    assert truth is not None
    assert truth.output > 0


def test_usage_is_told_by_every_second_answer_only(http: httpx.Client) -> None:
    told = [
        "usage" in http.post(CHAT, json=body("x"), headers={"x-fake-usage-every": "2"}).json()
        for _ in range(4)
    ]

    assert told in ([True, False] * 2, [False, True] * 2)


@pytest.mark.parametrize("limit", [None, 750, 20])
def test_each_call_costs_the_same_up_to_what_it_allows(
    provider: Provider, http: httpx.Client, limit: int | None
) -> None:
    fixed = {"x-fake-input-tokens": "1000", "x-fake-output-tokens": "750"}
    asked = body("x", **({} if limit is None else {"max_tokens": limit}))
    told = [http.post(CHAT, json=asked, headers=fixed).json()["usage"] for _ in range(3)]

    truth = provider.served[-1].usage
    assert truth is not None
    output = 750 if limit is None else min(limit, 750)
    assert (truth.prompt.total, truth.output) == (1000, output)
    assert {(one["prompt_tokens"], one["completion_tokens"]) for one in told} == {(1000, output)}


def test_a_stream_that_ends_early_may_be_billed_to_its_end(
    provider: Provider, http: httpx.Client
) -> None:
    cut = {"x-fake-cut-after": "2", "x-fake-bill-left": "1", "x-fake-output-tokens": "750"}
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(CHAT, json=body("cut", stream=True), headers=cut)

    truth = provider.served[-1]
    assert truth.ending == "cut"
    assert truth.usage is not None
    assert truth.usage.output == 750


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
def test_bodies_are_compressed_and_readable_piece_by_piece(
    http: httpx.Client, encoding: str, stream: bool
) -> None:
    pytest.importorskip({"br": "brotli", "zstd": "zstandard"}.get(encoding, "zlib"))
    headers = {"x-fake-encoding": encoding}
    answer = http.post(CHAT, json=body(encoding, stream=stream), headers=headers)

    assert answer.headers["content-encoding"] == encoding
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n")
    else:
        assert answer.json()["model"] == "gpt-4o-2024-08-06"


def test_it_hangs_as_long_as_told(http: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(CHAT, json=body("hang"), headers={"x-fake-hang-seconds": "5"}, timeout=0.2)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("fail-fast", "1", "no fault is called 'fail_fast'", id="unknown"),
        pytest.param("cut-after", "soon", "'soon' is no value", id="no number"),
        pytest.param("encoding", "rar", "'rar' is none of", id="no such coding"),
    ],
)
def test_what_is_not_understood_is_named(
    http: httpx.Client, name: str, value: str, words: str
) -> None:
    answer = http.post(CHAT, json=body("x", stream=True), headers={f"x-fake-{name}": value})

    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("prefix", "provider_name", "key"),
    [
        pytest.param("/groq/openai", "groq", "x_groq", id="groq"),
        pytest.param("/openrouter/api", "openrouter", "cost", id="openrouter"),
        pytest.param("/deepseek", "deepseek", "prompt_cache_miss_tokens", id="deepseek"),
        pytest.param("/mistral", "mistral_ai", "prompt_tokens", id="mistral"),
    ],
)
def test_accents_tell_usage_unasked(
    provider: Provider, http: httpx.Client, prefix: str, provider_name: str, key: str
) -> None:
    text = http.post(prefix + CHAT, json=body("x", stream=True)).text

    truth = provider.served[-1]
    assert truth.provider == provider_name
    assert f'"{key}"' in text
    assert (truth.charged_usd is not None) == (provider_name == "openrouter")


def test_the_ledger_is_told_over_http_by_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "manager_agent.app.demo.provider", "--fault=fail-first=1"]
    began = time.time()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with httpx.Client(base_url=url, trust_env=False, timeout=DEADLINE) as client:
                for _ in range(2):
                    said = client.post(CHAT, json=body("hello"))
                told = client.get("/__ledger").json()
        finally:
            process.terminate()

    assert process.returncode == 0
    assert told["pending"] == 0
    ledger = told["served"]
    assert began < ledger[0]["started"] <= ledger[1]["started"] < time.time()
    assert [entry["status"] for entry in ledger] == [500, 200]
    assert ledger[1]["usage"]["output_tokens"] == said.json()["usage"]["completion_tokens"]
    assert json.dumps(ledger[0]["usage"]) == "null"
