"""The fake provider is real enough for the official SDKs, and its usage is the truth."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from manager_agent.app.demo.provider import Provider, ProviderSettings, Served, serving

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)
LONG = "Read this before you answer. " * 300  # 2175 tokens
TOOL: dict[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string"}},
    "required": ["query"],
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(CALM) as provider:
        yield provider


@pytest.fixture(scope="module")
def gpt(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(provider: Provider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=provider.url, api_key="none", max_retries=0) as client:
        yield client


def last(provider: Provider) -> Served:
    return provider.served[-1]


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_chat_reports_what_was_served(provider: Provider, gpt: openai.OpenAI) -> None:
    """Model name with its date, unique id, cached tokens inside the prompt's."""
    first = gpt.chat.completions.create(model="gpt-4o", messages=ask(LONG))
    again = gpt.chat.completions.create(model="gpt-4o", messages=ask(LONG))

    truth = last(provider)
    assert (again.id, again.model) == (truth.response_id, "gpt-4o-2024-08-06")
    assert first.id != again.id
    assert truth.usage is not None
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == truth.usage.prompt.cache_read
    assert 1024 <= truth.usage.prompt.cache_read < again.usage.prompt_tokens
    assert again.usage.prompt_tokens == truth.usage.prompt.total
    assert again.usage.completion_tokens == truth.usage.output
    assert len(again.choices[0].message.content or "") == 4 * truth.usage.output


def test_chat_stream_ends_with_usage_when_asked(provider: Provider, gpt: openai.OpenAI) -> None:
    with gpt.chat.completions.create(
        model="gpt-4o-mini",
        messages=ask("hello"),
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)

    truth = last(provider)
    assert truth.streaming
    assert truth.usage is not None
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == truth.usage.output
    assert chunks[-2].choices[0].finish_reason == "stop"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert len(text) == 4 * truth.usage.output


def test_chat_stream_says_nothing_of_usage_unasked(gpt: openai.OpenAI) -> None:
    with gpt.chat.completions.create(
        model="gpt-4o-mini", messages=ask("hello"), stream=True
    ) as stream:
        assert all(chunk.usage is None for chunk in stream)


def test_chat_calls_a_tool_when_it_must(gpt: openai.OpenAI) -> None:
    said = gpt.chat.completions.create(
        model="gpt-4o",
        messages=ask("search"),
        tools=[{"type": "function", "function": {"name": "web_search", "parameters": TOOL}}],
        tool_choice="required",
    )

    assert said.choices[0].finish_reason == "tool_calls"
    [call] = said.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "web_search"
    assert '"query"' in call.function.arguments


def test_an_answer_is_cut_at_the_limit(gpt: openai.OpenAI) -> None:
    said = gpt.chat.completions.create(model="gpt-4o", messages=ask("hello"), max_tokens=10)

    assert said.choices[0].finish_reason == "length"
    assert said.usage is not None
    assert said.usage.completion_tokens == 10


@pytest.mark.parametrize("model", ["gpt-4o-mini", "o4-mini"])
def test_responses_whole_and_streamed_agree(
    provider: Provider, gpt: openai.OpenAI, model: str
) -> None:
    """Reasoning tokens are inside the output's; the stream's last event holds the usage."""
    whole = gpt.responses.create(model=model, input="hello", instructions="be brief")
    assert whole.usage is not None
    assert whole.usage.output_tokens_details.reasoning_tokens == (256 if model == "o4-mini" else 0)
    with gpt.responses.stream(model=model, input="hello", instructions="be brief") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    truth = last(provider)
    assert truth.usage is not None
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.usage is not None
    assert final.usage.output_tokens == truth.usage.output
    assert len(final.output_text) == 4 * (truth.usage.output - truth.usage.reasoning)


def test_embeddings_are_the_same_for_the_same_text(gpt: openai.OpenAI) -> None:
    said = gpt.embeddings.create(model="text-embedding-3-small", input=["one", "two", "one"])

    assert [len(entry.embedding) for entry in said.data] == [1536] * 3
    assert said.data[0].embedding == said.data[2].embedding != said.data[1].embedding
    assert said.usage.prompt_tokens == 3


def test_messages_exclude_cache_from_input(provider: Provider, claude: anthropic.Anthropic) -> None:
    """Anthropic's three parts of the input add up to all of it; the second call reads."""
    system: Any = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    used = []
    for _ in range(2):
        said = claude.messages.create(
            model="claude-sonnet-4-6", max_tokens=900, system=system, messages=ask("hello")
        )
        used.append(said.usage)

    truth = last(provider)
    assert truth.usage is not None
    assert said.id == truth.response_id
    assert said.stop_reason == "end_turn"
    assert used[0].cache_creation_input_tokens == used[1].cache_read_input_tokens == 2175
    assert used[0].cache_read_input_tokens == used[1].cache_creation_input_tokens == 0
    assert [one.input_tokens + 2175 for one in used] == [truth.usage.prompt.total] * 2


def test_message_streams_end_with_the_final_count(
    provider: Provider, claude: anthropic.Anthropic
) -> None:
    with claude.messages.stream(
        model="claude-haiku-4-5", max_tokens=900, messages=ask("hello")
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    truth = last(provider)
    assert truth.usage is not None
    assert final.model == "claude-haiku-4-5-20251001"
    assert final.usage.output_tokens == truth.usage.output
    assert len(text) == 4 * truth.usage.output


def test_messages_use_a_tool_when_they_must(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="claude-haiku-4-5",
        max_tokens=900,
        messages=ask("hello"),
        tools=[{"name": "search", "input_schema": TOOL}],
        tool_choice={"type": "any"},
    ) as stream:
        final = stream.get_final_message()

    assert final.stop_reason == "tool_use"
    [block] = final.content
    assert block.type == "tool_use"
    assert set(block.input) == {"query"}
