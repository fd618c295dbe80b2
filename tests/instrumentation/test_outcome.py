"""What breakers count of a call: failures of the provider, and nothing else."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from manager_agent.instrumentation.call import Ending
from manager_agent.instrumentation.outcome import Outcome, outcome_of
from manager_agent.instrumentation.retry_after import retry_after
from manager_agent.instrumentation.tempo import Tempo
from manager_agent.instrumentation.told import Told
from tests.harness.metered import ANSWER, ended

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("status", "ending", "failure", "error", "outcome"),
    [
        (200, "whole", None, None, "ok"),
        (200, "abandoned", None, None, "ok"),
        (500, "whole", None, "server_error", "failed"),
        (503, "whole", None, None, "failed"),
        (529, "whole", None, "overloaded_error", "failed"),
        (429, "whole", None, "rate_limit_error", "pressure"),
        (400, "whole", None, "invalid_request_error", "neither"),
        (401, "whole", None, None, "neither"),
        (404, "abandoned", None, None, "neither"),
        (None, "broken", "ConnectError", None, "failed"),
        (None, "broken", "ConnectTimeout", None, "failed"),
        (None, "broken", "EndpointConnectionError", None, "failed"),
        (None, "broken", "UnsupportedProtocol", None, "neither"),
        (None, "broken", "TypeError", None, "neither"),
        (None, "broken", "PoolTimeout", None, "neither"),
        (None, "cancelled", "ReadTimeout", None, "failed"),
        (None, "cancelled", "CancelledError", None, "neither"),
        (None, "cancelled", "KeyboardInterrupt", None, "neither"),
        (None, "abandoned", None, None, "neither"),
        (200, "broken", "RemoteProtocolError", None, "failed"),
        (200, "cancelled", "ReadTimeout", None, "failed"),
        (200, "cancelled", "CancelledError", None, "neither"),
        (200, "whole", None, "overloaded_error", "failed"),
        (200, "whole", None, "rate_limit_error", "pressure"),
        (200, "whole", None, "invalid_request_error", "neither"),
    ],
)
def test_outcome(
    status: int | None, ending: Ending, failure: str | None, error: str | None, outcome: Outcome
) -> None:
    told = Told(error_type=error, complete=True) if error else ANSWER

    assert outcome_of(ended(told=told, status=status, ending=ending, failure=failure)) == outcome


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_a_date() -> None:
    then = datetime.now(UTC) + timedelta(seconds=60)

    found = retry_after({"retry-after": format_datetime(then, usegmt=True)})

    assert found is not None
    assert 55 < found <= 60


def test_slow_is_three_times_as_long_as_nearly_all_took() -> None:
    tempo = Tempo()
    assert not any(tempo.slow([60 * SECOND if n == 0 else 2 * SECOND]) for n in range(20))
    tempo = Tempo()
    for _ in range(100):
        assert not tempo.slow([2 * SECOND])

    assert not tempo.slow([5 * SECOND])
    assert tempo.slow([7 * SECOND])


def test_what_is_short_is_never_slow() -> None:
    tempo = Tempo()
    for _ in range(50):
        tempo.slow([SECOND // 100])

    assert not tempo.slow([SECOND])
    assert tempo.slow([SECOND + 1])


def test_slower_for_good_is_the_new_measure() -> None:
    tempo = Tempo()
    for _ in range(50):
        tempo.slow([2 * SECOND])

    slow = [tempo.slow([10 * SECOND]) for _ in range(200)]

    assert all(slow[:20])
    assert not any(slow[-100:])
