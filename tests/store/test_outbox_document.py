"""A message comes out of the outbox as it went in."""

from collections.abc import Mapping
from datetime import UTC, datetime

from manager_agent.rules.message import Fact, Message, Section
from manager_agent.store.control_rows import message_row, outgoing

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
TABLE = Section("Agents", "By cost.", ("Agent", "Cost"), (("a", "$1.20"), ("b", "$0.10")))


def test_sections_survive() -> None:
    facts: Mapping[str, Fact] = {"cost_usd": "1.3", "agents": 2, "model": None}
    said = Message("k", "", "r", "firing", "info", None, "Said.", NOW, facts, (TABLE, Section("x")))

    assert outgoing(message_row(said)["document"], 2, 0).message == said


def test_a_document_of_an_earlier_version_has_none() -> None:
    document = (
        '{"key": "k", "alert_id": "a", "kind": "budget", "state": "firing", "severity": "info",'
        ' "agent": "a", "headline": "Said.", "ts": 0, "facts": {}}'
    )

    assert outgoing(document, 0, 0).message.sections == ()
