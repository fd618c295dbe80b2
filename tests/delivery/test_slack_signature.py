"""Who may speak for Slack over HTTP."""

import pytest

from manager_agent.delivery.slack.desk import Noted
from manager_agent.delivery.slack.http_door import HttpDoor, payload_of
from manager_agent.delivery.slack.inbound import Kind
from manager_agent.delivery.slack.signature import EARLY_SECONDS, SignatureDoor
from tests.harness.slack_side import SECRET, signed

BODY = b"command=%2Fmanager&text=status"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def reason(door: SignatureDoor, body: bytes, headers: dict[str, str]) -> str | None:
    found = door.check(body, headers)
    return None if found is None else found.reason


def test_what_slack_signed_is_let_in_once() -> None:
    clock = Clock()
    door = SignatureDoor(SECRET, clock)
    headers = signed(BODY, at=clock.now)

    assert reason(door, BODY, headers) is None
    assert reason(door, BODY, headers) == "replayed"
    clock.now += 299
    assert reason(door, BODY, headers) == "replayed"
    clock.now += 2
    assert reason(door, BODY, headers) == "stale"


@pytest.mark.parametrize("ahead", [-301, 301])
def test_the_window_is_five_minutes_both_ways(ahead: float) -> None:
    clock = Clock()

    assert reason(SignatureDoor(SECRET, clock), BODY, signed(BODY, at=clock.now + ahead)) == "stale"


def test_what_was_signed_ahead_of_our_clock_is_remembered_as_long_as_it_could_come_again() -> None:
    clock = Clock()
    door = SignatureDoor(SECRET, clock)
    headers = signed(BODY, at=clock.now + 299)
    assert reason(door, BODY, headers) is None

    clock.now += 590

    assert reason(door, BODY, headers) == "replayed"


def test_a_restart_lets_nothing_in_a_second_time() -> None:
    clock = Clock()
    headers = signed(BODY, at=clock.now)
    clock.now += EARLY_SECONDS + 1

    assert reason(SignatureDoor(SECRET, clock), BODY, headers) == "replayed"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, "unsigned", id="nothing"),
        pytest.param({"X-Slack-Signature": "v0=1"}, "unsigned", id="no time"),
        pytest.param(
            {"x-slack-request-timestamp": "soon", "x-slack-signature": "v0=1"},
            "unsigned",
            id="no number",
        ),
        pytest.param(
            {"x-slack-request-timestamp": "1000000", "x-slack-signature": "v0=é"},
            "forged",
            id="no hex",
        ),
        pytest.param(signed(BODY, "another", 1_000_000), "forged", id="another secret"),
        pytest.param(signed(BODY + b"x", SECRET, 1_000_000), "forged", id="another body"),
    ],
)
def test_what_is_not_slacks_is_named(headers: dict[str, str], expected: str) -> None:
    assert reason(SignatureDoor(SECRET, Clock()), BODY, headers) == expected


def test_a_body_that_is_no_text_is_refused() -> None:
    body = b"\xff"

    assert reason(SignatureDoor(SECRET, Clock()), body, signed(body, at=1_000_000)) == "forged"


def test_a_flood_of_forgeries_is_counted_and_audited_once_a_minute() -> None:
    clock, noted, taken = Clock(), list[Noted](), list[str]()

    def take(kind: Kind, payload: object) -> None:
        taken.append(kind)

    http = HttpDoor(SignatureDoor(SECRET, clock), take, noted.append, clock)
    forged = signed(BODY, "another", clock.now)
    for _ in range(5):
        assert http.answer("slash_commands", BODY, forged, "10.0.0.9")[0] == 401
    clock.now += 60
    http.answer("slash_commands", BODY, signed(BODY, "another", clock.now), "10.0.0.9")

    assert [one.reason for one in noted] == ["forged", "forged"]
    assert noted[0].who == "api 10.0.0.9"
    assert noted[1].detail.endswith("(5 since the last line)")
    [counted] = http.metrics()[0].samples
    assert counted.value == 6
    assert taken == []


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("slash_commands", BODY, {"command": "/manager", "text": "status"}),
        ("slash_commands", b"text=status", None),
        ("interactive", b"payload=%7B%22type%22%3A1%7D", {"type": 1}),
        ("interactive", b"payload=[]", None),
        ("interactive", b"payload=" + b"[" * 100_000, None),
        ("interactive", b"a=1&" * 200, None),
        ("interactive", b"", None),
    ],
)
def test_bodies(kind: Kind, body: bytes, found: object) -> None:
    assert payload_of(kind, body) == found
