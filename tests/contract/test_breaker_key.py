"""What breakers are of, as people write it; and model families."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.breaker_key import BreakerKey, breaker_key
from manager_agent.contract.family import UNKNOWN, family_of


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("research", BreakerKey(agent="research")),
        (" research ", BreakerKey(agent="research")),
        ("agent:team/research", BreakerKey(agent="team/research")),
        ("openai/gpt-4o", BreakerKey(provider="openai", family="gpt-4o")),
        ("openai/org/model", BreakerKey(provider="openai", family="org/model")),
    ],
)
def test_a_key_is_read(text: str, key: BreakerKey) -> None:
    assert breaker_key(text) == key


@pytest.mark.parametrize("text", ["", "  ", "agent:", "/gpt-4o", "openai/"])
def test_what_is_no_key_says_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="PROVIDER/FAMILY"):
        breaker_key(text)


@given(st.text("agent:/ é", min_size=1).map(str.strip).filter(bool))
def test_any_agents_key_can_be_written(agent: str) -> None:
    assert breaker_key(BreakerKey(agent=agent).text) == BreakerKey(agent=agent)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4.1", "gpt-4.1"),
        ("o3", "o3"),
        ("gpt-3.5-turbo-1106", "gpt-3.5-turbo"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-opus@20240229", "claude-3-opus"),
        ("claude-opus-4-1", "claude-opus-4-1"),
        ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "anthropic.claude-3-5-sonnet"),
        ("amazon.nova-pro-v1:0", "amazon.nova-pro"),
        ("models/gemini-2.5-flash-preview-05-20", "gemini-2.5-flash"),
        ("gemini-1.5-pro-latest", "gemini-1.5-pro"),
        ("llama-3-70b", "llama-3-70b"),
        (None, UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_family(model: str | None, family: str) -> None:
    assert family_of(model) == family
