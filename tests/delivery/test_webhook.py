"""Slack's webhook, through the official client and a real server: what each answer means."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import InvalidURL
from urllib.error import URLError

import pytest

from manager_agent.delivery import SlackAlert, SlackNotifier
from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.slack.fake import SECRET, Answer, FakeSlack, mentions, rate_limited
from manager_agent.delivery.slack.webhook import answer, unanswered

ALERT = SlackAlert("warning", "Spend is up", "a1 spent $3.20", "a1", {"spent_usd": "3.20"})


def send(answers: list[Answer], timeout: float = 5.0) -> Outcome:
    with FakeSlack(answers) as slack:
        notifier = SlackNotifier(slack.url, "#alerts", timeout_seconds=timeout)
        return asyncio.run(asyncio.wait_for(notifier.send_alert(ALERT), 20))


@pytest.mark.parametrize(
    ("given", "reason", "permanent", "retry_after"),
    [
        pytest.param(rate_limited(30), "rate_limited", False, 30.0, id="429 says for how long"),
        pytest.param(Answer(429, ""), "no text", False, None, id="429 without a number"),
        pytest.param(Answer(500, "rollup_error"), "rollup_error", False, None, id="500"),
        pytest.param(
            Answer(503, "busy", (("Retry-After", "60"),)), "busy", False, 60.0, id="503 may say too"
        ),
        pytest.param(Answer(404, "no_service"), "revoked", True, None, id="404 no_service"),
        pytest.param(Answer(403, "invalid_token"), "copy", True, None, id="403 invalid_token"),
        pytest.param(Answer(403, "action_prohibited"), "forbids", True, None, id="403 prohibited"),
        pytest.param(Answer(410, "channel_is_archived"), "unarchive", True, None, id="410"),
        pytest.param(Answer(404, "channel_not_found"), "slack.channel", True, None, id="404"),
        pytest.param(Answer(400, "invalid_blocks"), "report", True, None, id="400 invalid_blocks"),
        pytest.param(Answer(400, "invalid_payload"), "report", True, None, id="400"),
        pytest.param(Answer(400, "new_error"), "HTTP 400: new_error", True, None, id="400 unknown"),
        pytest.param(Answer(408, "slow"), "HTTP 408", False, None, id="408 passes"),
        pytest.param(Answer(407, "login"), "HTTP 407", False, None, id="a proxy's login passes"),
        pytest.param(
            Answer(403, "<html>blocked"), "a web page", False, None, id="a proxy's page passes"
        ),
        pytest.param(
            Answer(200, "<!doctype html>log in"), "a web page", False, None, id="200 from a portal"
        ),
        pytest.param(Answer(reset=True), "no answer from 127.0.0.1", False, None, id="reset"),
    ],
)
def test_failures(given: Answer, reason: str, permanent: bool, retry_after: float | None) -> None:
    outcome = send([given])

    assert isinstance(outcome, Failed)
    assert reason in outcome.reason
    assert (outcome.permanent, outcome.retry_after_seconds) == (permanent, retry_after)


def test_ok_is_sent() -> None:
    assert send([]) == Sent()


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(Answer(hold=True), id="silent"),
        pytest.param(Answer(hold=True, drip=True), id="dripping"),
    ],
)
def test_a_server_that_never_answers_is_left_in_time(given: Answer) -> None:
    outcome = send([given], timeout=0.3)

    assert outcome == Failed("127.0.0.1 did not answer in time", permanent=False)


def test_nobody_listens() -> None:
    with FakeSlack() as slack:
        url = slack.url
    outcome = asyncio.run(SlackNotifier(url).test_connection())

    assert outcome == Failed("no answer from 127.0.0.1: Connection refused", permanent=False)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Retry-After": "soon"}, id="a word"),
        pytest.param({"Retry-After": "-5"}, id="the past"),
        pytest.param({"Retry-After": "9" * 400}, id="for ever"),
        pytest.param({"Retry-After": "²"}, id="a digit that is none"),
        pytest.param({}, id="nothing"),
    ],
)
def test_a_garbled_retry_after_is_ignored(headers: Mapping[str, str]) -> None:
    assert answer(429, "", headers) == Failed("HTTP 429: no text", permanent=False)


def test_the_headers_case_does_not_matter() -> None:
    failed = answer(429, "", {"retry-after": "7"})

    assert isinstance(failed, Failed)
    assert failed.retry_after_seconds == 7


def test_the_message_is_posted_once_a_send() -> None:
    """The official client's own retries are off: the worker decides."""
    with FakeSlack([Answer(reset=True), Answer(500, "x")]) as slack:
        notifier = SlackNotifier(slack.url)
        asyncio.run(notifier.send_alert(ALERT))
        assert len(slack.tried) == 1
        asyncio.run(notifier.send_alert(ALERT))
        assert len(slack.tried) == 2


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(Answer(404, f"no /services/T00000000/B00000000/{SECRET}"), id="echo"),
        pytest.param(Answer(500, f"upstream {SECRET} failed"), id="echo of the last part"),
        pytest.param(Answer(reset=True), id="reset"),
        pytest.param(Answer(), id="ok"),
    ],
)
def test_the_url_is_never_told(given: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeSlack([given]) as slack:
        notifier = SlackNotifier(slack.url)
        outcome = asyncio.run(notifier.send_alert(ALERT))

    told = f"{outcome!r} {notifier!r} {notifier} {caplog.text}"
    assert SECRET not in told
    assert "B00000000" not in told


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(InvalidURL(f"bad /services/{SECRET}"), id="invalid URL"),
        pytest.param(URLError(f"unknown url type {SECRET}"), id="a reason of text"),
        pytest.param(OSError(SECRET), id="an error without a number"),
    ],
)
def test_errors_that_hold_the_url_do_not_tell_it(error: Exception) -> None:
    assert SECRET not in unanswered(error, "hooks.slack.com").reason


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"hooks.slack.com/{SECRET}", id="no scheme"),
        pytest.param(f"file:///{SECRET}", id="a file"),
        pytest.param(f"https:///{SECRET}", id="no host"),
        pytest.param(f"https://h:port/{SECRET}", id="no port"),
        pytest.param(f"https://h/{SECRET}\n x", id="a blank inside"),
        pytest.param(f"https://[h/{SECRET}", id="half an address"),
    ],
)
def test_a_wrong_url_is_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"slack\.webhook_url: .* expected https://") as caught:
        SlackNotifier(url)

    assert SECRET not in str(caught.value)


def test_what_python_code_sends() -> None:
    clock = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    with FakeSlack() as slack:
        notifier = SlackNotifier(slack.url, "#alerts", clock=lambda: clock)

        async def all_of_them() -> list[Outcome]:
            return [
                await notifier.send_alert(ALERT),
                await notifier.send_cost_spike_alert("a1", 1.25, 0.5, "hour"),
                await notifier.send_circuit_breaker_alert("a1", 5, "HTTP 500 <!channel>"),
                await notifier.test_connection(),
            ]

        assert all(asyncio.run(all_of_them()))
        assert [payload["text"] for payload in slack.received] == [
            "🟠 Spend is up — a1 spent $3.20",
            "🟠 Cost spike: a1 — a1 spent $1.25 in the hour, above the threshold of $0.50",
            "🔴 Circuit breaker open: a1 — a1 is stopped after 5 failures in a row",
            "🔵 Manager Agent is connected — This is a test: "
            "alerts about agents' spending will appear here.",
        ]
        assert {payload["channel"] for payload in slack.received} == {"#alerts"}
        assert mentions(slack.received) == []


def test_a_failure_is_false_and_a_success_true() -> None:
    assert Sent()
    assert not Failed("no", permanent=True)
