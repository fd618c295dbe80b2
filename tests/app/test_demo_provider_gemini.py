"""The fake provider as Google's own SDK sees it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from manager_agent.app.demo.answers import THINKING
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)
LONG = "Read this before you answer. " * 300  # 2175 tokens


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(CALM) as provider:
        yield provider


@pytest.fixture(scope="module")
def client(provider: Provider) -> genai.Client:
    options = types.HttpOptions(base_url=f"{provider.url}/some/prefix")
    return genai.Client(api_key="none", http_options=options)


def test_content_reports_what_was_served(provider: Provider, client: genai.Client) -> None:
    """Cached tokens lie inside the prompt's; the model's name and a unique id are told."""
    for _ in range(2):
        said = client.models.generate_content(model="gemini-2.5-flash", contents=LONG)

    truth, used = provider.served[-1], said.usage_metadata
    assert truth.usage is not None
    assert used is not None
    assert (said.response_id, said.model_version) == (truth.response_id, "gemini-2.5-flash")
    assert used.prompt_token_count == truth.usage.prompt.total
    assert used.cached_content_token_count == truth.usage.prompt.cache_read > 1000
    assert used.candidates_token_count == truth.usage.output
    assert (truth.provider, truth.status, truth.streaming) == ("gcp.gemini", 200, False)


def test_thoughts_are_beside_the_candidates_tokens(
    provider: Provider, client: genai.Client
) -> None:
    said = client.models.generate_content(model="gemini-2.5-pro", contents="hello")

    truth, used = provider.served[-1], said.usage_metadata
    assert truth.usage is not None
    assert used is not None
    assert used.thoughts_token_count == truth.usage.reasoning == THINKING
    assert (used.candidates_token_count or 0) + THINKING == truth.usage.output


# Google's SDK makes a subclass of aiohttp's session, where aiohttp is installed.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_a_stream_counts_up_to_the_whole(provider: Provider, client: genai.Client) -> None:
    async def streamed() -> list[types.GenerateContentResponse]:
        async with client.aio as live:
            stream = await live.models.generate_content_stream(
                model="gemini-2.5-flash", contents="hello"
            )
            return [chunk async for chunk in stream]

    chunks = asyncio.run(streamed())

    truth = provider.served[-1]
    assert truth.usage is not None
    assert truth.streaming
    counts = [chunk.usage_metadata.candidates_token_count for chunk in chunks]  # type: ignore[union-attr]
    assert counts == sorted(counts, key=lambda count: count or 0)
    assert len(counts) > 2
    assert counts[-1] == truth.usage.output
    assert sum(len(chunk.text or "") for chunk in chunks) == 4 * truth.usage.output


def test_embeddings(provider: Provider, client: genai.Client) -> None:
    contents: Any = ["one", "two"]
    said = client.models.embed_content(model="gemini-embedding-001", contents=contents)

    truth = provider.served[-1]
    assert len(said.embeddings or []) == 2
    assert truth.usage is not None
    assert (truth.usage.prompt.total, truth.usage.output) == (2, 0)


def test_errors_are_the_sdks_own(provider: Provider) -> None:
    options = types.HttpOptions(
        base_url=provider.url,
        headers={"x-fake-fail-every": "1", "x-fake-fail-status": "503"},
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    client = genai.Client(api_key="none", http_options=options)

    with pytest.raises(errors.ServerError, match="UNAVAILABLE"):
        client.models.generate_content(model="gemini-2.5-flash", contents="hello")
