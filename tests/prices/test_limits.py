"""What a model generates at most: never told too low, for calls without a limit reserve it."""

from datetime import date
from decimal import Decimal

import pytest
from genai_prices.data import providers

from manager_agent.prices.book import PriceBook
from manager_agent.prices.custom import CustomPrice
from manager_agent.prices.names import canonical

DAY = date(2026, 11, 26)
BOOK = PriceBook()
BIG = ("openai", "anthropic", "google", "azure", "aws", "deepseek", "cohere")


def most(provider: str, model: str) -> tuple[int | None, int | None]:
    found = BOOK.day(provider, (None, model), None, DAY)
    return found.max_output_tokens, found.context_tokens


@pytest.mark.parametrize(
    ("provider", "model", "output", "context"),
    [
        ("openai", "gpt-4o", 16_384, 128_000),
        ("openai", "gpt-4o-mini-2024-07-18", 16_384, 128_000),
        ("openai", "gpt-4o-2024-05-13", 4_096, 128_000),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::1", 16_384, None),
        ("azure.ai.openai", "gpt-4o", 16_384, 128_000),
        ("openrouter", "openai/gpt-4o", 16_384, 128_000),
        ("openai", "gpt-4.1-nano", 32_768, 1_000_000),
        ("openai", "gpt-3.5-turbo-0125", 4_096, 16_385),
        ("openai", "gpt-4", 8_192, 8_192),
        ("openai", "gpt-4-turbo", 4_096, 128_000),
        ("openai", "gpt-5-mini", 128_000, 400_000),
        ("openai", "gpt-5-pro", 272_000, 400_000),
        ("openai", "o3-mini", 100_000, 200_000),
        ("openai", "o4-mini-2025-04-16", 100_000, 200_000),
        ("anthropic", "claude-3-haiku-20240307", 4_096, 200_000),
        ("anthropic", "claude-3-5-sonnet-latest", 8_192, 200_000),
        ("anthropic", "claude-opus-4-1-20250805", 32_000, 200_000),
        ("anthropic", "claude-sonnet-4-5", 64_000, 200_000),
        ("aws.bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0", 8_192, 200_000),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-20250514-v1:0", 64_000, 200_000),
        ("aws.bedrock", "amazon.nova-lite-v1:0", 10_000, 300_000),
        ("aws.bedrock", "meta.llama3-3-70b-instruct-v1:0", 8_192, 128_000),
        ("gcp.vertex_ai", "claude-sonnet-4@20250514", 64_000, 200_000),
        ("gcp.gemini", "gemini-1.5-flash-002", 8_192, 1_000_000),
        ("gcp.gemini", "gemini-2.0-flash", 8_192, 1_000_000),
        ("gcp.gemini", "models/gemini-2.5-flash", 65_536, 1_048_576),
        ("deepseek", "deepseek-chat", 8_192, 64_000),
        ("groq", "llama-3.3-70b-versatile", 32_768, None),
        pytest.param("together_ai", "llama-3.3-70b", None, None, id="as its host lets it"),
        pytest.param("openai", "acme-1", None, None, id="nobody documents it"),
    ],
)
def test_documented(provider: str, model: str, output: int | None, context: int | None) -> None:
    assert most(provider, model) == (output, context)


def test_no_row_says_more_than_the_agents_take_for_unknown_but_where_that_is_documented() -> None:
    """And most of what the big providers sell has a row: else calls reserve far too much."""
    sold = [
        (canonical(one.id) or one.id, model.id)
        for one in providers
        if one.id in BIG
        for model in one.models
    ]
    found = {pair: most(*pair)[0] for pair in sold}

    above = {pair for pair, output in found.items() if (output or 0) > 131_072}
    assert {name for _, name in above} == {"gpt-5-pro"}
    assert sum(output is not None for output in found.values()) > len(found) // 2


def test_the_user_knows_better() -> None:
    own = CustomPrice(
        Decimal(1), Decimal(2), match="gpt-4o*", max_output_tokens=500, context_tokens=9_000
    )

    found = PriceBook([own]).day("openai", ("gpt-4o",), None, DAY)

    assert (found.max_output_tokens, found.context_tokens) == (500, 9_000)


def test_a_custom_price_alone_leaves_them_as_documented() -> None:
    own = CustomPrice(Decimal(1), Decimal(2), model="gpt-4o")

    assert PriceBook([own]).day("openai", ("gpt-4o",), None, DAY).max_output_tokens == 16_384
