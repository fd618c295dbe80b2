"""The protocol holds in every state that a small world can reach; each weakened one breaks."""

import pytest

from tests.control.model import Variant, explore

WEAKENED = [variant for variant in Variant if variant is not Variant.PROTOCOL]


def test_the_protocol_holds() -> None:
    found = explore(Variant.PROTOCOL, limit=1, messages=2)

    assert found.steps is None
    assert found.states > 40_000


@pytest.mark.parametrize("variant", WEAKENED, ids=lambda variant: variant.name.lower())
def test_a_weakened_protocol_breaks(variant: Variant) -> None:
    """So the search does find what there is to find."""
    assert explore(variant, limit=1, messages=2).steps


@pytest.mark.slow
def test_the_protocol_holds_with_more_money() -> None:
    found = explore(Variant.PROTOCOL, limit=2, messages=1)

    assert found.steps is None
    assert found.states > 500_000
