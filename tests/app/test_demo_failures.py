"""The fake provider fails as the real ones do, and the same way for the same seed."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
import pytest

from manager_agent.app.demo.provider import ProviderSettings, serving

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)


@pytest.fixture(scope="module")
def gpt() -> Iterator[openai.OpenAI]:
    with (
        serving(CALM) as provider,
        openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("settings", "status", "gpt_error", "claude_error"),
    [
        pytest.param(
            ProviderSettings(pace=0, rate_429=1, rate_500=0),
            429,
            openai.RateLimitError,
            anthropic.RateLimitError,
            id="429 asks for time",
        ),
        pytest.param(
            ProviderSettings(pace=0, rate_429=0, rate_500=1),
            500,
            openai.InternalServerError,
            anthropic.InternalServerError,
            id="500 is the server's fault",
        ),
    ],
)
def test_failures_are_each_sdks_own(
    settings: ProviderSettings,
    status: int,
    gpt_error: type[openai.APIStatusError],
    claude_error: type[anthropic.APIStatusError],
) -> None:
    with ExitStack() as stack:
        provider = stack.enter_context(serving(settings))
        gpt = stack.enter_context(
            openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)
        )
        claude = stack.enter_context(
            anthropic.Anthropic(base_url=provider.url, api_key="none", max_retries=0)
        )
        with pytest.raises(gpt_error) as refused:
            gpt.chat.completions.create(model="gpt-4o", messages=ask("hello"))
        with pytest.raises(claude_error) as overloaded:
            claude.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=ask("hello"))

        for error in (refused.value, overloaded.value):
            wait = "1" if status == 429 else None
            assert error.response.headers.get("retry-after") == wait
        assert [(one.status, one.usage) for one in provider.served] == [(status, None)] * 2


def test_an_sdk_retries_a_429_and_gets_its_answer() -> None:
    """Both attempts are served; the second of the same request may fare better."""
    settings = ProviderSettings(pace=0, rate_429=0.5, rate_500=0, retry_after_seconds=0.01)
    with (
        serving(settings) as provider,
        openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=9) as client,
    ):
        for number in range(4):
            client.chat.completions.create(model="gpt-4o", messages=ask(f"hello {number}"))

        statuses = [one.status for one in provider.served]
    assert statuses.count(200) == 4
    assert statuses.count(429) > 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        pytest.param("/chat/completions", {"messages": []}, "'model'", id="no model"),
        pytest.param("/responses", {"model": "gpt-4o"}, "'input'", id="no input"),
        pytest.param("/embeddings", {"model": "m", "input": ""}, "'input'", id="empty input"),
        pytest.param("/messages", {"model": "m", "messages": []}, "max_tokens", id="no limit"),
    ],
)
def test_bad_requests_are_named(
    gpt: openai.OpenAI, path: str, body: dict[str, Any], words: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        gpt.post(path, body=body, cast_to=object)


def test_unknown_paths_are_not_found(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="/v1/audio"):
        gpt.post("/audio", body={}, cast_to=object)


def test_a_seed_gives_the_same_answers_in_any_order() -> None:
    """Usage and failures follow from seed and request; ids are never the same."""

    async def call(order: range) -> dict[int, tuple[str, int, Any]]:
        settings = ProviderSettings(seed=3, pace=0, rate_429=0.3, rate_500=0)
        with serving(settings) as provider:
            url = f"{provider.url}/v1"
            async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
                calls = [
                    client.chat.completions.create(model=f"m{number}", messages=ask("hello"))
                    for number in order
                ]
                await asyncio.gather(*calls, return_exceptions=True)
            return {
                int(one.model[1:]): (one.response_id, one.status, one.usage)
                for one in provider.served
            }

    there, back = asyncio.run(call(range(20))), asyncio.run(call(range(19, -1, -1)))

    assert {key: value[1:] for key, value in there.items()} == {
        key: value[1:] for key, value in back.items()
    }
    assert {value[1] for value in there.values()} == {200, 429}
    ids = [value[0] for value in (*there.values(), *back.values()) if value[0]]
    assert len(ids) == len(set(ids))
