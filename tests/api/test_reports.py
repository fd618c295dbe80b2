"""Reports over REST: shown, sent, and every mistake named."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from manager_agent.api.app import build
from manager_agent.api.services import BusyError, Reporting, Services
from manager_agent.rules.message import Message, Section

NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)


@dataclass
class Desk:
    """Takes down what it is asked for."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    trouble: str = ""

    def report(self, kind: str, at: datetime | None) -> Message:
        self.asked.append((kind, at))
        table = Section("By agent", "words", ("Agent", "Cost"), (("writer", "$1.20"),))
        facts = {"cost_usd": "1.20", "calls": 3}
        said = (f"report:{kind}", "", kind, "firing", "info", None, "It cost $1.20.", NOW)
        return Message(*said, facts, (table,))  # type: ignore[arg-type]

    def send(self, kind: str, at: datetime | None, by: str) -> Message:
        if self.trouble:
            raise BusyError(self.trouble)
        self.asked.append((by,))
        return self.report(kind, at)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def client(desk: Desk, services: Services) -> TestClient:
    known = replace(
        services,
        clock=lambda: NOW,
        zone=ZoneInfo("Europe/Berlin"),
        reports=Reporting(desk.report, desk.send),
    )
    return TestClient(build(known), base_url="http://localhost")


def test_a_report_is_shown_as_it_would_be_told(client: TestClient, desk: Desk) -> None:
    answer = client.get("/api/v1/reports/daily")

    assert answer.status_code == 200
    assert answer.json() == {
        "key": "report:daily",
        "kind": "daily",
        "headline": "It cost $1.20.",
        "ts": "2026-11-26T08:30:00Z",
        "facts": {"cost_usd": "1.20", "calls": 3},
        "sections": [
            {
                "title": "By agent",
                "text": "words",
                "columns": ["Agent", "Cost"],
                "rows": [["writer", "$1.20"]],
            }
        ],
    }
    assert desk.asked == [("daily", None)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-11-25", "2026-11-25T00:00+01:00", id="a day of the zone"),
        pytest.param("2026-11-25T14:30", "2026-11-25T14:30+01:00", id="a time of the zone"),
        pytest.param("2026-11-25T14:30Z", "2026-11-25T14:30+00:00", id="a time with its offset"),
    ],
)
def test_a_time_may_be_named(client: TestClient, desk: Desk, at: str, expected: str) -> None:
    assert client.get("/api/v1/reports/hourly", params={"at": at}).status_code == 200
    assert client.post("/api/v1/reports/hourly", json={"at": at}).status_code == 200

    moment = datetime.fromisoformat(expected)
    assert [one for one in desk.asked if len(one) == 2] == [("hourly", moment)] * 2


def test_who_sends_one_is_known(client: TestClient, desk: Desk) -> None:
    client.post("/api/v1/reports/weekly", json={})

    assert desk.asked[0][0].startswith("api ")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        pytest.param("monthly", 404, "'monthly'; there are hourly, daily", id="no such report"),
        pytest.param("daily?at=tomorrow", 400, "'tomorrow' is no ISO 8601", id="no time"),
        pytest.param("daily?at=2026-11-27", 400, "lies ahead; it is 2026-11-26T08", id="ahead"),
        pytest.param("daily?day=1", 400, "unknown parameter 'day'", id="no such parameter"),
    ],
)
def test_a_mistake_is_named(client: TestClient, path: str, status: int, says: str) -> None:
    answer = client.get(f"/api/v1/reports/{path}")

    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_disk_that_fails_is_busy(client: TestClient, desk: Desk) -> None:
    desk.trouble = "disk full"
    answer = client.post("/api/v1/reports/daily", json={})

    assert answer.status_code == 503
    assert "disk full" in answer.json()["detail"]
