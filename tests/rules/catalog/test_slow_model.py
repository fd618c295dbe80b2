"""The rule that holds an agent's latency against its own past."""

from datetime import timedelta
from typing import Any

import pytest

from manager_agent.rules.catalog.slow_model import SlowModel
from manager_agent.rules.testing import NOW, frames

WHAT = {"agent": "a", "provider": "openai", "model": "gpt-4o"}


def told(
    ms: float,
    number: int = 20,
    past: int = 100,
    usual: float = 2000,
    tokens: tuple[int, int] | None = None,
    **more: Any,
) -> bool:
    """Say whether it is told of. `tokens`: in an answer, in the past and now; None: not known."""
    then, now = tokens or (None, None)
    call = {**WHAT, "ts": NOW - timedelta(minutes=5), "status": "ok", "duration_ms": ms, **more}
    hour = {**WHAT, "ts": NOW - timedelta(hours=6), "calls": past, "duration_ms": usual * past}
    hour["output_tokens"] = then and then * past
    world = frames(calls=[call | {"output_tokens": now}] * number, hours=[hour])
    return bool(list(SlowModel().find(world, NOW)))


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        pytest.param({"ms": 4000.0}, True, id="twice as long"),
        pytest.param({"ms": 3900.0}, False, id="not quite"),
        pytest.param({"ms": 4000.0, "number": 19}, False, id="too few now"),
        pytest.param({"ms": 4000.0, "past": 49}, False, id="too few before"),
        pytest.param({"ms": 900.0, "usual": 300.0}, False, id="less than a second more"),
        pytest.param({"ms": 4000.0, "status": "error"}, False, id="failed calls do not count"),
        pytest.param({"ms": 8000.0, "tokens": (100, 400)}, False, id="answers four times as long"),
        pytest.param(
            {"ms": 3 * 8000.0, "tokens": (100, 400)},
            True,
            id="as long, and each three times slower",
        ),
        pytest.param(
            {"ms": 3 * 2000.0, "tokens": (100, 100)}, True, id="answers as ever, three times slower"
        ),
        pytest.param(
            {"ms": 3900.0, "tokens": (100, 10)}, False, id="not quite, though answers are short"
        ),
        pytest.param({"ms": 4000.0, "tokens": (100, 10)}, True, id="twice, and answers are short"),
        pytest.param({"ms": 4000.0, "tokens": (0, 400)}, True, id="no tokens known of the past"),
        pytest.param({"ms": 4000.0, "model": "gpt-4o-mini"}, False, id="another model, no past"),
    ],
)
def test_when_it_fires(values: dict[str, Any], fires: bool) -> None:
    assert told(**values) == fires
