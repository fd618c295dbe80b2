"""The budget rule: which shares of which limits are reached, and how it is said."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from manager_agent.analytics.frames import BudgetRow
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.rules.catalog.budget import Budget
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, budget, frames


def found(*rows: BudgetRow, policy: BudgetPolicy | None = None) -> list[Finding]:
    return list(Budget().find(frames(budgets=rows, policy=policy), NOW))


@pytest.mark.parametrize(
    ("spent", "severity", "level"),
    [
        pytest.param("0.199999999", None, None, id="a nano-dollar below half: silence"),
        pytest.param("0.2", "info", 500_000, id="half is told for information"),
        pytest.param("0.319999999", "info", 500_000, id="not yet at 80 %"),
        pytest.param("0.32", "warning", 800_000, id="80 % is a warning"),
        pytest.param("0.399999999", "warning", 800_000, id="not yet all of it"),
        pytest.param("0.4", "critical", 1_000_000, id="all of it is critical"),
        pytest.param("0.48", "critical", 1_000_000, id="far over is one finding, the highest"),
    ],
)
def test_shares_of_an_hourly_limit(spent: str, severity: str | None, level: int | None) -> None:
    findings = found(budget("a1", "hour", spent=spent, limit="0.40"))

    assert [(one.severity, one.level) for one in findings] == (
        [(severity, level)] if severity else []
    )


@pytest.mark.parametrize(
    ("row", "headline"),
    [
        pytest.param(
            budget("research-agent", "hour", spent="0.42", limit="0.40"),
            "research-agent spent $0.42 of its $0.40 hourly limit (105 %), resets 15:00 UTC",
            id="an hour in USD",
        ),
        pytest.param(
            budget("a1", "day", spent=12_300, limit=10_000, unit="tokens"),
            "a1 used 12,300 tokens of its 10,000 daily token limit (123 %), "
            "resets 2026-11-24 00:00 UTC",
            id="a day in tokens",
        ),
        pytest.param(
            budget("a1", "month", spent="99.999", limit=100, unpriced_calls=3),
            "a1 spent at least $100.00 of its $100.00 monthly limit (99 %), "
            "resets 2026-12-01 00:00 UTC",
            id="unpriced calls make it a lower bound; 100 % is not said too early",
        ),
        pytest.param(
            budget("a1", "hour", spent="0.0042", limit=0),
            "a1 spent $0.0042 of its $0.00 hourly limit, resets 15:00 UTC",
            id="a limit of nothing has no percentage",
        ),
    ],
)
def test_headlines(row: BudgetRow, headline: str) -> None:
    assert [one.headline for one in found(row)] == [headline]


def test_nothing_spent_reaches_no_share_of_nothing() -> None:
    assert found(budget("a1", "hour", spent=0, limit=0)) == []


def test_the_facts_are_exact() -> None:
    row = budget(
        "a1", "hour", spent="0.400000001", limit="0.40", priority=1, enforcement="soft"
    )  # fmt: skip

    assert dict(found(row)[0].evidence) == {
        "agent": "a1",
        "period": "hour",
        "unit": "usd",
        "spent_usd": "0.400000001",
        "limit_usd": "0.40",
        "percent": 100,
        "window": "hour:2026-11-23T14:00+00:00",
        "resets_at": "2026-11-23T15:00+00:00",
        "enforcement": "soft",
        "priority": 1,
        "unpriced_calls": 0,
    }


def test_times_follow_the_configured_zone() -> None:
    policy = BudgetPolicy(zone=ZoneInfo("Europe/Berlin"))

    [one] = found(budget("a1", "day", spent=1, limit=1, policy=policy), policy=policy)

    assert one.headline.endswith("resets 2026-11-24 00:00 CET")
    assert one.evidence["window"] == "day:2026-11-23T00:00+01:00"


def test_warn_at_is_the_users() -> None:
    policy = BudgetPolicy(warn_at=(Decimal("0.9"), Decimal("1.5")))
    rows = [budget("a1", "hour", spent=spent, limit=100) for spent in (89, 90, 149, 150)]

    levels = [[one.level for one in found(row, policy=policy)] for row in rows]

    assert levels == [[], [900_000], [900_000], [1_500_000]]


def test_every_limit_of_every_agent_is_a_thing_of_its_own() -> None:
    findings = found(
        budget("a1", "hour", spent=1, limit=1),
        budget("a1", "day", spent=1, limit=1),
        budget("a1", "hour", spent=1, limit=1, unit="tokens"),
        budget("a2", "hour", spent=1, limit=1),
        budget("a1", "hour", spent=2, limit=2),
    )

    assert len({one.key for one in findings}) == 5
