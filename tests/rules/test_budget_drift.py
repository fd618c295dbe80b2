"""The rule that holds the budget ledger against the spans of guarded calls."""

from datetime import timedelta

import pytest

from manager_agent.rules.catalog.budget_drift import BudgetDrift
from manager_agent.rules.testing import NOW, frames, guarded


@pytest.mark.parametrize(
    ("ledger", "receipts", "spans", "kind"),
    [
        pytest.param("1.00", "1.00", "1.00", None, id="they agree"),
        pytest.param("1.00", "0.99", "0.99", None, id="one percent is no drift"),
        pytest.param("1.00", "0.98", "0.98", "spans_missing", id="spans were lost"),
        pytest.param("0.98", "1.00", "1.00", "ledger_missing", id="leases nobody knows"),
        pytest.param("1.00", "1.00", "1.02", "prices", id="the manager's price is higher"),
        pytest.param("1.00", "1.00", "0.98", "prices", id="or lower"),
        pytest.param("0.01", 0, 0, None, id="a cent is no drift"),
        pytest.param("0.02", 0, 0, "spans_missing", id="all spans were lost"),
        pytest.param(0, "0.02", "0.02", "ledger_missing", id="the ledger was lost"),
    ],
)
def test_what_parts_is_named(
    ledger: str | int, receipts: str | int, spans: str | int, kind: str | None
) -> None:
    row = guarded(ledger, receipts, spans)

    found = list(BudgetDrift().find(frames(guarded=[row]), NOW))

    assert [one.evidence["kind"] for one in found] == ([kind] if kind else [])


def test_what_was_spent_just_now_may_be_on_its_way() -> None:
    rows = [guarded("1.00", "0.50", "0.50", recent="0.50")]
    assert not list(BudgetDrift().find(frames(guarded=rows), NOW))

    rows = [guarded("1.00", "0.50", "0.50", recent="0.48")]
    assert list(BudgetDrift().find(frames(guarded=rows), NOW))


def test_it_says_what_parts_by_how_much_and_must_last_a_minute() -> None:
    [one] = BudgetDrift().find(frames(guarded=[guarded("1.00", "0.80", "0.80")]), NOW)

    assert one.headline == (
        "guards say a1 spent $1.00 of its hourly limit, spans say $0.80: spans were lost on their "
        "way, or their sender is cut off: the ledger holds, the tables of calls lack them"
    )
    assert (one.agent, one.hold, one.tell_resolved) == ("a1", timedelta(seconds=60), True)
    assert (one.evidence["ledger_usd"], one.evidence["spans_usd"]) == ("1.00", "0.80")


def test_limits_of_groups_the_fleet_and_tokens_are_watched_too() -> None:
    rows = [
        guarded("1", "2", "2", scope="group", name="research", period="day"),
        guarded("1", "2", "2", scope="fleet", name="", period="month"),
        guarded(10_000, 8_000, 8_000, unit="tokens"),
        guarded(10_000, 9_000, 9_000, unit="tokens", name="a2"),
    ]

    found = list(BudgetDrift().find(frames(guarded=rows), NOW))

    assert [one.title for one in found] == [
        "group research: daily limit drifts",
        "fleet: monthly limit drifts",
        "a1: hourly token limit drifts",
    ]
    assert [one.agent for one in found] == [None, None, "a1"]
    assert len({one.key for one in found}) == 3


def test_settings() -> None:
    row = guarded("1.00", "0.90", "0.90")

    assert not list(BudgetDrift(percent=10).find(frames(guarded=[row]), NOW))
    assert not list(BudgetDrift(min_usd=0.1).find(frames(guarded=[row]), NOW))
