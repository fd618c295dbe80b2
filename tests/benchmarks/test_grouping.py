"""Errors with known templates are grouped as well as the benchmark says; too much together is the
worse mistake, so there its floor is higher."""

import pytest

from benchmarks.detection.grouping import score


@pytest.mark.parametrize(
    ("name", "right", "over", "under"),
    [
        pytest.param("known", 95, 1, 4, id="tuned on"),
        pytest.param("held_out", 87, 3, 10, id="never tuned on"),
    ],
)
def test_errors_are_grouped_by_their_templates(
    name: str, right: float, over: float, under: float
) -> None:
    found = score(name, seed=7)

    assert found.right >= right, found.mistakes
    assert found.over <= over, found.mistakes
    assert found.under <= under, found.mistakes
