"""Estimates: only where the provider gave no count, flagged, and never nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.estimate import estimated
from manager_agent.instrumentation.told import Told

ASKED = Asked(text_bytes=700)
LEFT = Told(delivered_bytes=350)


@pytest.mark.parametrize(
    ("asked", "told", "usage", "flagged"),
    [
        pytest.param(ASKED, LEFT, Usage(200, 100), True, id="left early: by bytes"),
        pytest.param(
            ASKED,
            Told(delivered_bytes=350, complete=True),
            Usage(200, 100),
            True,
            id="complete, and usage was not asked for",
        ),
        pytest.param(
            ASKED,
            Told(delivered_bytes=350, usage=Usage(9, 2), complete=True),
            Usage(9, 2),
            False,
            id="what the provider counted stays",
        ),
        pytest.param(
            ASKED,
            Told(delivered_bytes=350, usage=Usage(9, cache_read_tokens=4)),
            Usage(9, 100, cache_read_tokens=4),
            True,
            id="Anthropic, left early: the input is known",
        ),
        pytest.param(
            ASKED,
            Told(delivered_bytes=350, usage=Usage(9, 2)),
            Usage(9, 100),
            True,
            id="left early: a count up to there is the least",
        ),
        pytest.param(
            ASKED,
            Told(delivered_bytes=350, usage=Usage(9, 5000)),
            Usage(9, 5000),
            True,
            id="left early: thoughts that were counted stay",
        ),
        pytest.param(Asked(text_bytes=700, media=2), LEFT, Usage(2200, 100), True, id="two images"),
        pytest.param(
            Asked(text_bytes=700, max_output_tokens=30, choices=2),
            LEFT,
            Usage(200, 60),
            True,
            id="not more than was allowed",
        ),
        pytest.param(Asked(), LEFT, Usage(None, 100), True, id="the prompt was not seen"),
        pytest.param(
            Asked(text_bytes=7, held_context=True),
            LEFT,
            Usage(None, 100),
            True,
            id="the provider holds a part of the prompt",
        ),
        pytest.param(ASKED, Told(), None, False, id="nothing came"),
        pytest.param(
            ASKED, Told(error_type="500", complete=True), None, False, id="an error answer"
        ),
    ],
)
def test_estimates(asked: Asked, told: Told, usage: Usage | None, flagged: bool) -> None:
    found = estimated(asked, told)

    assert (found.usage, found.estimated) == (usage, flagged)


@given(delivered=st.integers(1, 10**6), allowed=st.none() | st.integers(0, 100))
def test_what_delivered_something_did_not_cost_nothing(delivered: int, allowed: int | None) -> None:
    found = estimated(
        Asked(text_bytes=0, max_output_tokens=allowed), Told(delivered_bytes=delivered)
    )

    assert found.usage is not None
    assert found.usage.input_tokens
    assert found.usage.output_tokens
