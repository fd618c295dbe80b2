"""Payloads of Slack read into records: buttons, forms, and what is neither."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manager_agent.delivery.slack.desk import Home
from manager_agent.delivery.slack.forms import amount_form, amount_of, deny_form
from manager_agent.delivery.slack.interaction import (
    NotOurs,
    Person,
    Pressed,
    Submitted,
    interaction,
)

ANN = Person("U0ANN", "ann", "T0", "A0")
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PRESS: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0ANN", "username": "ann", "team_id": "T9"},
    "team": {"id": "T0"},
    "api_app_id": "A0",
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.com/actions/T0/1/x",
    "container": {"type": "message", "channel_id": "C0", "message_ts": "1.2"},
    "actions": [{"action_id": "approval:once", "value": "ask-1", "type": "button"}],
}


def pressed(**action: Any) -> dict[str, Any]:
    return {**PRESS, "actions": [{**PRESS["actions"][0], **action}]}


def submitted(form: dict[str, Any], **typed: Any) -> dict[str, Any]:
    values = {
        name: {"value": {"type": "plain_text_input", "value": v}} for name, v in typed.items()
    }
    return {**PRESS, "type": "view_submission", "view": {**form, "state": {"values": values}}}


def test_a_press_says_who_what_and_where() -> None:
    url = "https://hooks.slack.com/actions/T0/1/x"

    assert interaction(PRESS) == Pressed("ask-1", "once", ANN, url, "1.2.3", "C0", "1.2")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"type": "shortcut"}, id="another kind"),
        pytest.param(pressed(action_id="other:once"), id="another app's button"),
        pytest.param(pressed(action_id="approval:all"), id="no choice of ours"),
        pytest.param(pressed(value=""), id="no approval"),
        pytest.param(pressed(value="x" * 101), id="an endless id"),
        pytest.param({**PRESS, "actions": []}, id="no button"),
        pytest.param({**PRESS, "actions": [None]}, id="a button that is none"),
        pytest.param({"type": "view_submission", "view": {"callback_id": "approval"}}, id="bare"),
        pytest.param(
            {
                "type": "view_submission",
                "view": {"callback_id": "approval", "private_metadata": "["},
            },
            id="a form of no sense",
        ),
    ],
)
def test_what_is_not_ours_is_named_and_never_raises(payload: dict[str, Any]) -> None:
    assert isinstance(interaction(payload), NotOurs)


def test_a_form_brings_back_what_it_was_about() -> None:
    found = interaction(PRESS)
    assert isinstance(found, Pressed)
    form = deny_form(found, "about")

    assert interaction(submitted(form, why=" too \n dear ")) == Submitted(
        "ask-1", "once", ANN, found.response_url, "C0", why="too dear"
    )


def test_the_form_of_an_amount_is_filled_in() -> None:
    found = interaction(pressed(action_id="approval:amount"))
    assert isinstance(found, Pressed)
    form = amount_form(found, "research asks", "6.20", "1h")

    filled = [b["element"].get("initial_value") for b in form["blocks"] if b["type"] == "input"]
    assert filled == ["6.20", "1h"]
    assert json.loads(form["private_metadata"])["choice"] == "amount"


def test_an_amount_is_read_exactly() -> None:
    until = int((NOW + timedelta(hours=2)).timestamp() * 1_000_000)

    assert amount_of("$1,000.000000001", "2h", NOW) == (1_000_000_000_001, until)


@pytest.mark.parametrize(
    ("amount", "until", "wrong"),
    [
        ("lots", "2h", {"amount"}),
        ("0", "2h", {"amount"}),
        ("-5", "2h", {"amount"}),
        ("NaN", "2h", {"amount"}),
        ("1e9", "2h", {"amount"}),
        ("5", "soon", {"until"}),
        ("5", "32d", {"until"}),
        ("5", "9" * 400 + "d", {"until"}),
        ("", "", {"amount", "until"}),
    ],
)
def test_mistakes_are_told_by_field(amount: str, until: str, wrong: set[str]) -> None:
    found = amount_of(amount, until, NOW)

    assert isinstance(found, dict)
    assert set(found) == wrong


@pytest.mark.parametrize(
    ("home", "foreign"),
    [
        (Home(), False),
        (Home("T0", "A0"), False),
        (Home("T1", ""), True),
        (Home("T0", "A1"), True),
    ],
)
def test_other_workspaces_and_apps_are_foreign(home: Home, foreign: bool) -> None:
    assert (home.foreign(ANN) is not None) == foreign
