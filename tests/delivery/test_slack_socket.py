"""The socket to Slack: kept, made again, confirmed once, left within a second."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from manager_agent.delivery.slack.desk import Home
from manager_agent.delivery.slack.inbound import Kind
from manager_agent.delivery.slack.socket_mode import STOP_SECONDS, SocketMode
from tests.harness.manager import until
from tests.harness.slack_side import APP, APP_TOKEN, SlackSide, slack_side

pytestmark = pytest.mark.slow


class App:
    """What takes payloads down, and how it answers."""

    def __init__(self) -> None:
        self.taken: list[Mapping[str, Any]] = []
        self.home = Home()
        self.hold = threading.Event()
        self.hold.set()

    def take(self, kind: Kind, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        self.taken.append(payload)
        self.hold.wait(20)
        return {"answer": len(self.taken)}


@contextmanager
def connected(slack: SlackSide, app: App, token: str = APP_TOKEN) -> Iterator[SocketMode]:
    socket = SocketMode(token, app.take, app.home, slack.api_url)
    socket.start()
    try:
        yield socket
    finally:
        app.hold.set()
        socket.stop()


def ok(socket: SocketMode, slack: SlackSide) -> None:
    until("it is connected", lambda: socket.health.state == "ok" and len(slack.sockets) == 1)


def test_what_comes_in_is_answered_whatever_happens_to_the_connection() -> None:
    app = App()
    with slack_side() as slack, connected(slack, app) as socket:
        ok(socket, slack)
        assert app.home.app == APP
        assert slack.by_socket("slash_commands", slack.typed("one")) == {"answer": 1}

        before = slack.opened
        slack.refresh()
        until("it came again", lambda: slack.opened == before + 1)
        ok(socket, slack)
        assert slack.by_socket("slash_commands", slack.typed("two")) == {"answer": 2}

        slack.drop()
        until("it came again", lambda: slack.opened == before + 2)
        ok(socket, slack)
        assert slack.by_socket("slash_commands", slack.typed("three")) == {"answer": 3}

        slack.by_socket("events_api", {"event": {}})
    assert [one["text"] for one in app.taken] == ["one", "two", "three"]


def test_what_is_sent_again_is_done_once() -> None:
    app = App()
    with slack_side() as slack, connected(slack, app) as socket:
        ok(socket, slack)
        slack.deaf = True
        sent = slack.envelope("slash_commands", slack.typed("pause research"))
        until("it was taken", lambda: app.taken)
        slack.drop()  # the confirmation was lost
        until("the old one is gone", lambda: not slack.sockets or slack.opened > 1)
        slack.deaf = False

        assert sent.ack.result(20) == {"answer": 1}
        assert sent.sent > 1
    assert len(app.taken) == 1


def test_a_bad_token_is_named_and_tried_again_without_the_token_in_it() -> None:
    app = App()
    with slack_side() as slack:
        slack.open_error = "token_revoked"
        with connected(slack, app) as socket:
            until("it failed", lambda: socket.health.failures == 2)
            reason = socket.health.reason or ""
            assert reason.startswith("apps.connections.open: token_revoked; the app token was")
            assert APP_TOKEN not in reason
            slack.open_error = None
            ok(socket, slack)
            assert socket.health.reason is None


def test_it_is_left_within_about_a_second() -> None:
    app = App()
    with slack_side() as slack, connected(slack, app) as socket:
        ok(socket, slack)
        app.hold.clear()
        slack.envelope("slash_commands", slack.typed("slow"))
        until("it was taken", lambda: app.taken)

        began = time.monotonic()
        socket.stop()

        assert time.monotonic() - began < STOP_SECONDS + 1
        until("it is over", lambda: socket.health.state == "stopped")
