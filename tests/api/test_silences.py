"""Silences and rules over REST."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from manager_agent.api.app import build
from manager_agent.api.services import Alerting, BusyError, RuleView, Services
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.look import Asked, Evaluation
from manager_agent.rules.manual import manual
from manager_agent.rules.registry import entries_from
from manager_agent.rules.silence import Silence
from tests.api.conftest import NOW, Live
from tests.api.test_http import DOCUMENT, same_members

PATH = "/api/v1/silences"
RULES = [manual(one) for one in entries_from({"unpriced_model": {"enabled": False}})]


@dataclass
class Desk:
    """Keeps silences in a list, unless there is trouble."""

    kept: list[Silence] = field(default_factory=list)
    trouble: str = ""

    def add(self, silence: Silence) -> None:
        if self.trouble:
            raise BusyError(self.trouble)
        self.kept.append(silence)

    def end(self, name: str, now: datetime, by: str) -> Silence | None:
        for number, one in enumerate(self.kept):
            if one.id == name and one.state(now) != "expired":
                self.kept[number] = replace(one, ends=now, ended_by=by)
                return self.kept[number]
        return None

    def rules(self) -> list[RuleView]:
        asked = {"budget": Asked(0.25, 2), "budget_drift": Asked(0.5, 0, "ZeroDivisionError: x")}
        return [
            RuleView(
                one,
                [Evaluation(NOW, asked[one.name])] if one.name in asked else [],
                asked[one.name].error if one.name in asked else None,
            )
            for one in RULES
        ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def client(services: Services, desk: Desk) -> TestClient:
    alerting = Alerting(lambda: desk.kept, desk.add, desk.end, desk.rules)
    return TestClient(build(replace(services, alerting=alerting)), base_url="http://127.0.0.1")


def alert(**more: Any) -> AlertRow:
    row = AlertRow(
        *("id1", 7, NOW, "budget", "a1", "warning", "firing", "t", "m", None, "{}"),
        *(NOW, "fired", False),
    )
    return replace(row, **more)


def test_one_is_made_listed_and_ended(client: TestClient, desk: Desk, live: Live) -> None:
    body = {"matchers": ["rule=budget", "agent=~a.*"], "for_seconds": 3600, "why": "a deploy"}

    made = client.post(PATH, json=body).json()
    live.alerts.append(alert(silenced_by=made["id"]))

    assert made["state"] == "active"
    assert made["by"] == "api testclient"
    assert desk.kept[0].ends == NOW + timedelta(hours=1)
    same_members(made, {"$ref": "#/components/schemas/Silence"})
    [listed] = client.get(PATH, params={"state": "active"}).json()["silences"]
    assert listed == {**made, "alerts": 1}
    assert client.get(PATH, params={"state": "pending"}).json() == {"silences": []}

    ended = client.delete(f"{PATH}/{made['id']}").json()

    assert (ended["state"], ended["ended_by"]) == ("expired", "api testclient")
    again = client.delete(f"{PATH}/{made['id']}")
    assert (again.status_code, again.json()["type"]) == (
        404,
        "urn:manager-agent:problem:unknown-silence",
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({}, "matchers must be a list", id="nothing"),
        pytest.param({"matchers": [], "for_seconds": 1}, "matchers must be a list", id="none"),
        pytest.param({"matchers": ["x"], "for_seconds": 1}, "is no matcher", id="a matcher"),
        pytest.param(
            {"matchers": ["rule=budgt"], "for_seconds": 1}, "did you mean budget?", id="a rule"
        ),
        pytest.param({"matchers": ["rule=budget"]}, "one of the two", id="no end"),
        pytest.param(
            {"matchers": ["rule=budget"], "for_seconds": 0}, "end after it begins", id="no time"
        ),
        pytest.param(
            {"matchers": ["rule=budget"], "ends_at": "2020-01-01"}, "end after", id="the past"
        ),
        pytest.param({"matcher": ["rule=budget"]}, "did you mean 'matchers'?", id="a member"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    client: TestClient, desk: Desk, body: dict[str, Any], says: str
) -> None:
    answer = client.post(PATH, json=body)

    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert desk.kept == []


def test_one_may_begin_later_and_end_at_a_time(client: TestClient, desk: Desk) -> None:
    start, end = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    times = {"starts_at": start.isoformat(), "ends_at": end.isoformat()}

    made = client.post(PATH, json={"matchers": ["severity=info"], **times}).json()

    assert made["state"] == "pending"
    assert (desk.kept[0].starts, desk.kept[0].ends) == (start, end)


def test_what_cannot_be_kept_may_be_tried_again(client: TestClient, desk: Desk) -> None:
    desk.trouble = "the disk is full"

    answer = client.post(PATH, json={"matchers": ["rule=budget"], "for_seconds": 9})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_alerts_say_why_people_were_not_told(client: TestClient, live: Live) -> None:
    live.alerts += [alert(muted_by="id0", muted_why="w"), alert(agent="a2", rule="budget_drift")]

    first, second = client.get("/api/v1/alerts").json()["alerts"]

    assert (first["muted"], first["silenced"]) == ({"by": "id0", "why": "w"}, None)
    assert (second["muted"], second["reason"]) == (None, "fired")
    same_members(first, {"$ref": "#/components/schemas/Alert"})
    for query in ({"agent": "a2"}, {"rule": "budget_drift"}):
        assert client.get("/api/v1/alerts", params=query).json()["alerts"] == [second]


def test_rules_say_how_they_do(client: TestClient, live: Live) -> None:
    live.alerts += [alert(), alert(state="resolved"), alert(rule="other")]

    rules = {one["name"]: one for one in client.get("/api/v1/rules").json()["rules"]}

    assert (rules["budget"]["state"], rules["budget"]["open_alerts"]) == ("on", 1)
    assert rules["budget"]["last_evaluation"] == {
        "at": "2026-11-23T12:30:00Z",
        "seconds": 0.25,
        "findings": 2,
        "error": None,
    }
    assert rules["unpriced_model"]["state"] == "off"
    assert (rules["budget_drift"]["state"], rules["budget_drift"]["error"]) == (
        "broken",
        "ZeroDivisionError: x",
    )
    same_members(rules["budget"], DOCUMENT["components"]["schemas"]["Rule"])


def test_a_rule_tells_all_about_itself(client: TestClient, live: Live) -> None:
    live.alerts += [alert(), alert(state="resolved"), alert(rule="other")]

    found = client.get("/api/v1/rules/budget").json()

    assert len(found["alerts"]) == 2
    assert found["settings"][0] == {
        "name": "enabled",
        "about": "Whether it runs.",
        "default": True,
        "value": True,
    }
    same_members(found, {"$ref": "#/components/schemas/RuleAtLength"})
    assert "there are budget," in client.get("/api/v1/rules/nope").json()["detail"]


def test_no_file_of_this_machine_is_read_by_a_rule_name(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/api/v1/rules/..%2F..%2Fetc").status_code == 404
