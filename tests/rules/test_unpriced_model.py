"""The rule that names models no price is known for."""

import pytest

from manager_agent.rules.catalog.unpriced_model import UnpricedModel
from manager_agent.rules.testing import NOW, frames, unpriced


def test_it_says_what_is_unknown_and_what_to_do() -> None:
    row = unpriced("acme", "foo-1", agents=["a1", "a2"], calls=3, tokens=(1000, 234))

    [one] = UnpricedModel().find(frames(unpriced=[row]), NOW)

    assert one.headline == (
        "3 calls of acme/foo-1 (1,234 tokens) in the last 24 h at unknown cost: no price is known; "
        "`manager-agent prices check` prints the line to add"
    )
    assert (one.subject, one.agent, one.tell_resolved) == ("acme/foo-1", None, True)
    assert one.evidence["agents"] == "a1, a2"


def test_a_single_caller_is_named() -> None:
    [one] = UnpricedModel().find(frames(unpriced=[unpriced("acme", "foo", agents=["a1"])]), NOW)

    assert one.agent == "a1"


def test_each_provider_and_model_is_a_thing_of_its_own() -> None:
    rows = [unpriced("acme", "foo"), unpriced("acme", "bar"), unpriced("best", "foo")]

    assert len({one.key for one in UnpricedModel().find(frames(unpriced=rows), NOW)}) == 3


@pytest.mark.parametrize(
    ("calls", "told"),
    [pytest.param(4, False, id="below min_calls"), pytest.param(5, True, id="at min_calls")],
)
def test_min_calls(calls: int, told: bool) -> None:
    rows = [unpriced("acme", "foo", calls=calls)]

    assert bool(list(UnpricedModel(min_calls=5).find(frames(unpriced=rows), NOW))) == told
