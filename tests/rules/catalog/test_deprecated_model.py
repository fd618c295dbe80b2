"""The rule that knows which models end."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from manager_agent.rules.catalog.deprecated_model import DeprecatedModel
from manager_agent.rules.finding import Finding
from manager_agent.rules.retirements import retirements
from manager_agent.rules.testing import frames

ENDS = datetime(2026, 1, 5, tzinfo=UTC)


def found(model: str, now: datetime) -> list[Finding]:
    row = {"ts": now, "agent": "a", "provider": "anthropic", "model": model, "calls": 7}
    return list(DeprecatedModel().find(frames(hours=[row]), now))


@pytest.mark.parametrize(
    ("days", "severities"),
    [(61, []), (60, ["info"]), (14, ["warning"]), (-3, ["warning"])],
)
def test_when_people_are_told(days: int, severities: list[str]) -> None:
    told = found("claude-3-opus-20240229", ENDS - timedelta(days=days))

    assert [one.severity for one in told] == severities


def test_a_model_without_an_end_is_fine() -> None:
    assert not found("claude-sonnet-4-5", ENDS)


def test_every_announcement_says_where_it_was_made() -> None:
    for one in retirements().values():
        assert urlsplit(one.source).scheme == "https"
        assert date(2023, 1, 1) < one.ends < date(2030, 1, 1)
        assert one.instead
