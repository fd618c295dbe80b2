"""The signed webhook: what is signed, what is refused, and that redirects are not followed."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.signed import SignedWebhook, key_of
from manager_agent.delivery.slack.fake import Answer, FakeSlack, Request
from manager_agent.rules.message import Message

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
MESSAGE = Message("k1", "a1", "loop", "firing", "critical", "wé", "a loop", NOW, {"calls": 7})


class Receiver:
    """Answers `/hook` as told and keeps what came."""

    def __init__(self, slack: FakeSlack) -> None:
        self.url = slack.url.partition("/services")[0] + "/hook"
        self.got: list[Request] = []
        self.answer = Answer(204, "")
        slack.routes.insert(0, self.route)

    def route(self, request: Request) -> Answer | None:
        self.got.append(request)
        return self.answer

    def send(self) -> Outcome:
        hook = SignedWebhook(self.url, SECRET, lambda: NOW)
        return asyncio.run(hook.send(MESSAGE))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with FakeSlack() as slack:
        yield Receiver(slack)


def test_what_arrives_is_signed_as_the_standard_has_it(receiver: Receiver) -> None:
    assert receiver.send() == Sent()

    [request] = receiver.got
    signed = f"k1.{int(NOW.timestamp())}.".encode() + request.body
    digest = hmac.new(b"k" * 24, signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert request.headers["webhook-id"] == "k1"
    said = json.loads(request.body)
    assert said["type"] == "manager_agent.loop"
    assert (said["data"]["agent"], said["data"]["facts"]) == ("wé", {"calls": 7})


@pytest.mark.parametrize(
    ("answer", "permanent", "stops"),
    [
        (Answer(302, "", (("Location", "http://169.254.169.254/"),)), True, True),
        (Answer(401, ""), True, True),
        (Answer(400, ""), True, False),
        (Answer(500, ""), False, False),
        (Answer(429, "", (("Retry-After", "9"),)), False, False),
        (Answer(reset=True), False, False),
    ],
)
def test_answers(receiver: Receiver, answer: Answer, permanent: bool, stops: bool) -> None:
    receiver.answer = answer
    failed = receiver.send()
    assert isinstance(failed, Failed)
    assert (failed.permanent, failed.stops) == (permanent, stops)
    assert len(receiver.got) == 1, "nothing was followed or tried again"
    assert SECRET not in failed.reason


def test_a_short_secret_and_a_strange_address_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter than 16 bytes"):
        key_of("secret")
    with pytest.raises(ValueError, match="no web address"):
        SignedWebhook("file:///etc/passwd", SECRET, lambda: NOW)
