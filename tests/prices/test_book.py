"""Which price holds for a call, and what is said where none does."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook
from manager_agent.prices.custom import CustomPrice

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MILLION = Usage(1_000_000, 1_000_000)
BOOK = PriceBook()


def usd(text: str) -> int:
    return int(Decimal(text) * 1_000_000_000)


NAMES = [
    ("the response's model", "openai", ["gpt-4o-2024-08-06", "gpt-4"], "gpt-4o"),
    ("the request's where the response's is unknown", "openai", ["gpt-9-x", "gpt-4o"], "gpt-4o"),
    ("the request's where there was no response", "openai", [None, "gpt-4o"], "gpt-4o"),
    ("case and spaces do not matter", "OpenAI", [" GPT-4o "], "gpt-4o"),
    ("dated Gemini", "gcp.gemini", ["gemini-2.5-flash-001"], "gemini-2.5-flash"),
    ("Gemini with its path", "gcp.gemini", ["models/gemini-2.5-flash"], "gemini-2.5-flash"),
    (
        "Vertex with its path",
        "gcp.vertex_ai",
        ["projects/p/locations/eu/publishers/google/models/gemini-2.5-pro"],
        "gemini-2.5-pro",
    ),
    ("Claude on Vertex", "gcp.vertex_ai", ["claude-sonnet-4-5@20250929"], "claude-sonnet-4-5"),
    (
        "Claude's Bedrock name at Anthropic",
        "anthropic",
        ["us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        "claude-sonnet-4-5",
    ),
    ("Bedrock without its maker", "aws.bedrock", ["nova-lite-v1:0"], "amazon.nova-lite-v1:0"),
    ("a maker's prefix", "anthropic", ["anthropic/claude-sonnet-4-5"], "claude-sonnet-4-5"),
    ("no provider: the prefix says", None, ["groq/llama-3.1-8b-instant"], "llama-3.1-8b-instant"),
    ("no provider: the name says", None, ["gemini-2.5-flash"], "gemini-2.5-flash"),
    ("a router is no seller", "litellm", ["openai/gpt-4o"], "gpt-4o"),
    (
        "a router that is called openai",
        "openai",
        ["anthropic/claude-sonnet-4-5"],
        "claude-sonnet-4-5",
    ),
    ("a snapshot not in the table", "openai", ["gpt-4o-2031-01-01"], "gpt-4o"),
    ("xAI", "x_ai", ["grok-3"], "grok-3"),
    ("Azure", "azure.ai.openai", ["gpt-4o-2024-08-06"], "gpt-4o"),
    ("Vercel's provider", "openai.chat", ["gpt-4o"], "gpt-4o"),
    ("OpenRouter keeps prefixes", "openrouter", ["openai/gpt-4o"], "openai/gpt-4o"),
    ("a priced fine-tune", "openai", ["ft:gpt-4o-mini-2024-07-18:acme::1"], "ft:gpt-4o-mini"),
]


@pytest.mark.parametrize(
    ("provider", "models", "found"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES]
)
def test_a_model_is_found_under_the_names_that_emitters_send(
    provider: str | None, models: list[str | None], found: str
) -> None:
    priced = BOOK.price(MILLION, provider, models, NOON)
    assert (priced.price_model, priced.reason, priced.source) == (found, "priced", "genai-prices")


UNPRICED = [
    ("fine-tune without a price", "openai", ["ft:gpt-4o:org::id"], "unpriced_model"),
    ("base under a fine-tune", "openai", ["gpt-4o", "ft:gpt-4o:org::id"], "unpriced_model"),
    ("fine-tune that a loose pattern fits", "azure", ["ft:o4-mini:org::id"], "unpriced_model"),
    ("fine-tune behind a prefix", None, ["openai/ft:gpt-4o:org::id"], "unpriced_model"),
    ("old fine-tune", "openai", ["davinci:ft-acme-2023-01-01"], "unpriced_model"),
    ("unknown model", "openai", ["gpt-nonesuch"], "unpriced_model"),
    ("unknown seller", "acme", ["gpt-4o"], "unknown_provider"),
    ("own machine", "ollama", ["llama3"], "self_hosted"),
    ("own machine, a known name", "vllm", ["openai/gpt-4o"], "self_hosted"),
    ("no name", "openai", [None, ""], "no_model"),
    ("no name and no seller", None, [], "no_model"),
    ("a name without end", "openai", ["gpt-4o" * 1000], "no_model"),
    ("sold by the hour", "openai", ["whisper-1"], "other_unit"),
]


@pytest.mark.parametrize(
    ("provider", "models", "reason"), [row[1:] for row in UNPRICED], ids=[r[0] for r in UNPRICED]
)
def test_what_cannot_be_priced_has_no_cost_and_a_reason(
    provider: str | None, models: list[str | None], reason: str
) -> None:
    priced = BOOK.price(MILLION, provider, models, NOON)
    assert (priced.cost_nano, priced.source, priced.reason) == (None, None, reason)


@pytest.mark.parametrize(
    ("usage", "model", "reason"),
    [
        pytest.param(Usage(None, 5), "gpt-4o", "unknown_usage", id="input unknown"),
        pytest.param(Usage(5, None), "gpt-4o", "unknown_usage", id="output unknown"),
        pytest.param(Usage(), "gpt-4o", "unknown_usage", id="nothing known"),
        pytest.param(Usage(5, None), "text-embedding-3-small", "priced", id="no output is sold"),
        pytest.param(Usage(5, 5), "gpt-4o", "priced", id="cache unknown counts as none"),
        pytest.param(Usage(5, 5, 9), "gpt-4o", "parts_exceed_total", id="cache above input"),
    ],
)
def test_unknown_counts_are_unknown_costs(usage: Usage, model: str, reason: str) -> None:
    priced = BOOK.price(usage, "openai", [model], NOON)
    assert priced.reason == reason
    assert (priced.cost_nano is None) == (reason == "unknown_usage")


def test_cache_above_its_input_is_charged_as_cache() -> None:
    """9 cached tokens were billed, whatever the total says: 9 x 1.25 USD a million."""
    priced = BOOK.price(Usage(5, 0, 9), "openai", ["gpt-4o"], NOON)
    assert priced.cost_nano == 9 * 1250


def test_a_served_tier_changes_the_price_and_an_unknown_one_does_not() -> None:
    costs = {
        tier: BOOK.price(MILLION, "openai", ["gpt-5"], NOON, tier).cost_nano
        for tier in (None, "default", "flex", "PRIORITY", "batch", "scale")
    }
    assert costs == {
        None: usd("11.25"),
        "default": usd("11.25"),
        "flex": usd("5.625"),
        "PRIORITY": usd("22.5"),
        "batch": usd("5.625"),
        "scale": usd("11.25"),
    }


def own(usd_in: str, model: str | None = None, **more: object) -> CustomPrice:
    return CustomPrice(Decimal(usd_in), Decimal(0), model, **more)  # type: ignore[arg-type]


CUSTOM = [
    own("1", match="acme-*"),
    own("2", "acme-large"),
    own("3", "acme-large", provider="x_ai"),
    own("4", "acme-dated", start=date(2026, 1, 1)),
    own("5", "acme-dated", start=date(2026, 11, 20)),
    own("6", "acme-twice"),
    own("7", "acme-twice"),
    own("8", "gpt-4o"),
    own("9", match="llama3*", provider="ollama"),
]
PICKED = [
    ("a pattern", "openai", "acme-small", NOON, "1"),
    ("a whole name beats a pattern", "openai", "ACME-large", NOON, "2"),
    ("a named provider beats none", "xai", "acme-large", NOON, "3"),
    ("the latest date that has come", "openai", "acme-dated", NOON, "5"),
    ("not a date to come", "openai", "acme-dated", datetime(2026, 11, 19, tzinfo=UTC), "4"),
    (
        "before every date the pattern",
        "openai",
        "acme-dated",
        datetime(2025, 1, 1, tzinfo=UTC),
        "1",
    ),
    ("the last line", "openai", "acme-twice", NOON, "7"),
    ("it wins over the table", "openai", "gpt-4o", NOON, "8"),
    ("under a stripped name, too", "openai", "openai/gpt-4o", NOON, "8"),
    ("on the user's own machine", "ollama", "llama3:70b", NOON, "9"),
    ("with a seller unknown to the table", "acme.ai", "acme-small", NOON, "1"),
]


@pytest.mark.parametrize(
    ("provider", "model", "ts", "cost"), [row[1:] for row in PICKED], ids=[row[0] for row in PICKED]
)
def test_the_users_own_price_wins(provider: str, model: str, ts: datetime, cost: str) -> None:
    priced = PriceBook(CUSTOM).price(MILLION, provider, [model], ts)
    assert (priced.cost_nano, priced.source, priced.reason) == (usd(cost), "custom", "priced")


def test_a_custom_price_charges_cache_at_its_own_price_or_as_input() -> None:
    usage = Usage(1_000_000, 0, 400_000, 100_000)
    plain = PriceBook([own("2", "m")]).price(usage, None, ["m"], NOON)
    parts = own(
        "2", "m", cache_read_usd_per_mtok=Decimal("0.5"), cache_write_usd_per_mtok=Decimal(3)
    )
    cached = PriceBook([parts]).price(usage, None, ["m"], NOON)
    assert plain.cost_nano == usd("2")
    assert cached.cost_nano == usd("1.5")  # 0.5 x 2 + 0.4 x 0.5 + 0.1 x 3


@pytest.mark.parametrize(
    ("discounts", "provider", "model", "cost"),
    [
        pytest.param({"openai": "0.1"}, "openai", "gpt-4o", "11.25", id="of a provider"),
        pytest.param({"openai": "0.1"}, None, "gpt-4o", "11.25", id="of an inferred provider"),
        pytest.param({"azure": "0.2"}, "azure.ai.openai", "gpt-4o", "10", id="by an alias"),
        pytest.param({"azure": "0.2"}, "openai", "gpt-4o", "12.5", id="not of another provider"),
        pytest.param(
            {"openai": "0.1", "openai/gpt-4o": "0.5"}, "openai", "gpt-4o", "6.25", id="of a model"
        ),
        pytest.param(
            {"openai/gpt-4o-2024-08-06": "0.5"},
            "openai",
            "gpt-4o-2024-08-06",
            "6.25",
            id="of a snapshot",
        ),
        pytest.param({"openai": "1"}, "openai", "gpt-4o", "0", id="all of it"),
    ],
)
def test_a_discount_is_taken_off_list_prices(
    discounts: dict[str, str], provider: str | None, model: str, cost: str
) -> None:
    book = PriceBook(discounts={key: Decimal(share) for key, share in discounts.items()})
    assert book.price(MILLION, provider, [model], NOON).cost_nano == usd(cost)


def test_a_discount_does_not_touch_the_users_own_price() -> None:
    book = PriceBook([own("8", "gpt-4o")], {"openai": Decimal("0.5")})
    assert book.price(MILLION, "openai", ["gpt-4o"], NOON).cost_nano == usd("8")


def test_strangers_names_cannot_fill_the_memory() -> None:
    """The cache starts over at its bound; prices stay right."""
    book = PriceBook([own("1", match="flood-*")])
    for number in range(5000):
        assert book.price(MILLION, "openai", [f"flood-{number}"], NOON).cost_nano == usd("1")
    assert len(book._days) < 4097
    assert book.price(MILLION, "openai", ["flood-1"], NOON).cost_nano == usd("1")


def test_the_records_load_no_price_table() -> None:
    """An agent's light install has no genai-prices."""
    code = (
        "import sys, json, manager_agent.contract.usage, manager_agent.prices.custom;"
        "print(json.dumps([m for m in sys.modules if m.startswith('genai_prices')]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(out.stdout) == []
