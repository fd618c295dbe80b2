"""`prices check` prints lines that can be pasted; `prices show` says what a model costs."""

from datetime import time
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.prices.check import UnpricedModel, check, nearest
from manager_agent.prices.show import show


def pasted(text: str) -> list[dict[str, object]]:
    """Fill in the prices, as the user would, and read the YAML."""
    lines = text[text.index("prices:\n") :].replace(": ?", ": 1.5")
    rows: list[dict[str, object]] = yaml.safe_load(lines)["prices"]["custom"]
    return rows


def test_an_unpriced_model_comes_with_the_line_to_add_and_its_nearest_names() -> None:
    text = check([UnpricedModel("openai", "gpt-4o-minni", 1234, 5_000, 60)])
    assert "openai / gpt-4o-minni: 1,234 call(s), 5,000 input and 60 output tokens" in text
    assert "nearest known: gpt-4o-mini," in text
    assert pasted(text) == [
        {
            "provider": "openai",
            "model": "gpt-4o-minni",
            "input_usd_per_mtok": 1.5,
            "output_usd_per_mtok": 1.5,
        }
    ]


def test_the_most_used_comes_first_and_nameless_calls_get_no_line() -> None:
    text = check(
        [
            UnpricedModel("ollama", "small", 9, 1, 1),
            UnpricedModel(None, None, 3),
            UnpricedModel(None, "big", 1, 500, 500),
        ]
    )
    assert [row["model"] for row in pasted(text)] == ["big", "small"]
    assert "unknown provider / no model named: 3 call(s)" in text
    assert "sends no model name" in text


def test_all_priced_says_so() -> None:
    assert check([]) == "Every model that was called has a price.\n"


names = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1)


@given(names.filter(str.strip), names.filter(str.strip))
def test_any_name_survives_pasting_and_no_control_character_reaches_the_terminal(
    provider: str, model: str
) -> None:
    text = check([UnpricedModel(provider, model, 1)])
    assert text.replace("\n", "").isprintable()
    (row,) = pasted(text)
    assert (row["provider"], row["model"]) == (provider, model)


@pytest.mark.parametrize(
    ("provider", "model", "first"),
    [
        ("gcp.gemini", "gemini-2.5-flsh", "gemini-2.5-flash"),
        (None, "claude-sonet-4-5", "claude-sonnet-4-5"),
        ("ollama", "gpt-4o-minni", "gpt-4o-mini"),
    ],
)
def test_the_nearest_known_name_is_suggested(provider: str | None, model: str, first: str) -> None:
    assert nearest(provider, model)[0] == first


def test_nothing_like_it_suggests_nothing() -> None:
    assert nearest("openai", "zzzzzzzzzzzz") == []


def test_show_lists_the_named_seller_first_and_the_others_after() -> None:
    rows = show("gpt-4o")
    assert rows[0].provider == "openai"
    assert {row.provider for row in rows} >= {"openai", "azure.ai.openai"}
    standard = {row.unit: row.usd for row in rows if row.provider == "openai" and not row.tier}
    assert standard["input_mtok"] == Decimal("2.5")


def test_show_tells_hours_steps_and_tiers() -> None:
    assert any(
        row.hours and row.hours[0].replace(tzinfo=None) == time(0, 30)
        for row in show("deepseek-chat", "deepseek")
    )
    assert any(row.above_input_tokens == 200_000 for row in show("gemini-2.5-pro", "gcp.gemini"))
    assert any(row.tier == "service_tier=flex" for row in show("gpt-5", "openai"))


def test_show_knows_nothing_of_an_unknown_model() -> None:
    assert show("nothing-like-it") == []
