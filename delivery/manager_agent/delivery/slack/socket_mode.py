"""Socket Mode: what people do in Slack comes in over a connection that we opened ourselves.

The client of slack-sdk talks; when to connect again is decided here. Left to itself it asks every
five seconds for ever when a token was revoked, and spins when the other side hangs up silently.
"""

import select
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.request import proxy_bypass

import structlog
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from manager_agent.contract.metric import Metric, Sample
from manager_agent.delivery.retry import backoff_seconds
from manager_agent.delivery.slack.client import base_url, client, reason_of, silent
from manager_agent.delivery.slack.desk import Home
from manager_agent.delivery.slack.inbound import Kind, Take
from manager_agent.delivery.slack.web_api import SlackSaidNoError, call

_log = structlog.get_logger()

HELLO_SECONDS = 15.0
STOP_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_HUNG_UP_LOOKS = 10
_REMEMBERED = 1000
_HOST = "wss-primary.slack.com"
_KINDS = ("interactive", "slash_commands")

PERMANENT = {
    "invalid_auth": "the app token is wrong: copy it again from the app's page",
    "not_authed": "the app token is wrong: copy it again from the app's page",
    "token_revoked": "the app token was revoked: make a new one",
    "account_inactive": "the app was removed from the workspace: install it again",
    "missing_scope": "the app token lacks the scope connections:write: make a new one with it",
    "not_allowed_token_type": "SLACK_APP_TOKEN must be an app token, xapp-...",
    "forbidden_team": "the workspace does not let the app connect: ask an administrator",
}
"""What does not go away by itself, and what to do. It is tried again all the same, but seldom."""

State = Literal["connecting", "ok", "failing", "stopped"]


@dataclass(frozen=True, slots=True)
class SocketHealth:
    """How the connection is doing; `reason`: why it failed last, None once it is there."""

    state: State = "connecting"
    reason: str | None = None
    failures: int = 0


class SocketMode:
    """Keeps one connection to Slack, in threads of its own. `take` answers what comes in."""

    def __init__(self, app_token: str, take: Take, home: Home, api_url: str | None = None) -> None:
        self._token = app_token
        self._take = take
        self._home = home
        self._web = client(None, base_url(api_url), 10)
        self._stopping = threading.Event()
        self._greeted = threading.Event()
        self._answered: OrderedDict[str, Mapping[str, Any] | None] = OrderedDict()
        self._lock = threading.Lock()
        self._connects = 0
        self._error: BaseException | None = None
        self.health = SocketHealth()
        self._thread = threading.Thread(target=self._run, name="manager-slack-socket", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more; waits a second at most, for a slow network is not waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def metrics(self) -> list[Metric]:
        """Return whether the connection is there, and how often it was made."""
        up = Sample(float(self.health.state == "ok"))
        return [
            Metric("manager_slack_socket_up", "gauge", "1 while Slack's socket is there.", [up]),
            Metric(
                "manager_slack_socket_connects_total",
                "counter",
                "Times that Slack greeted a new connection.",
                [Sample(self._connects)],
            ),
        ]

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = 0.0
            try:
                self._session()
            except SlackSaidNoError as error:
                wait = self._failed(str(error), error.retry_after_seconds)
            except Exception as error:  # noqa: BLE001 - tried again for ever, and told
                wait = self._failed(reason_of(error, "Slack"), None)
            self._stopping.wait(wait)
        self.health = SocketHealth("stopped")

    def _failed(self, reason: str, asked: float | None) -> float:
        """Note a failure; return how long to wait."""
        word = reason.rpartition(": ")[2].partition(" ")[0]
        advice = f"; {PERMANENT[word]}" if word in PERMANENT else ""
        failures = self.health.failures + 1
        self.health = SocketHealth("failing", reason + advice, failures)
        wait = max(backoff_seconds(failures), asked or 0.0)
        if failures == 1 or failures % 10 == 0:
            said = self.health.reason
            _log.warning("slack_socket_failed", error=said, failures=failures, next_seconds=wait)
        return wait

    def _session(self) -> None:
        """Connect, and stay until the connection is gone. Raises why it did not come about."""
        ask = lambda: self._web.apps_connections_open(app_token=self._token)  # noqa: E731
        url = str(call("apps.connections.open", self._web.base_url, ask)["url"])
        self._greeted.clear()
        self._error = None
        made = self._client(url)
        try:
            made.connect()
            if not made.is_connected():
                raise SlackSaidNoError(reason_of(self._error or ConnectionError(), "the socket"))
            self._stay(made)
        finally:
            # Closing waits for a read that may take 3 seconds; nobody else has to.
            threading.Thread(target=made.close, name="manager-slack-close", daemon=True).start()

    def _client(self, url: str) -> SocketModeClient:
        made = SocketModeClient(
            self._token,
            logger=silent(),
            web_client=self._web,
            auto_reconnect_enabled=False,
            concurrency=4,
            on_error_listeners=[self._note_error],
        )
        made.wss_uri = url
        if proxy_bypass(_HOST):
            made.proxy = None  # the client does not read NO_PROXY
        made.message_listeners.append(self._greet)
        made.socket_mode_request_listeners.append(self._answer)
        return made

    def _stay(self, made: SocketModeClient) -> None:
        waited, readable = 0.0, 0
        while made.is_connected():
            if self._stopping.wait(_LOOK_SECONDS):
                return
            readable = readable + 1 if _readable(made) else 0
            if readable >= _HUNG_UP_LOOKS:
                break  # the end of a stream stays readable; what was sent is read at once
            if not self._greeted.is_set():
                waited += _LOOK_SECONDS
                if waited > HELLO_SECONDS:
                    raise SlackSaidNoError("the socket opened, but Slack does not say hello")
        if not self._greeted.is_set():
            raise SlackSaidNoError("the socket closed before Slack said hello")
        self.health = SocketHealth("connecting", "the connection ended; a new one is made")

    def _note_error(self, error: Exception) -> None:
        self._error = error

    def _greet(
        self, made: BaseSocketModeClient, message: dict[str, Any], raw: str | None = None
    ) -> None:
        if message.get("type") != "hello":
            return
        info = message.get("connection_info")
        if isinstance(info, dict) and info.get("app_id"):
            self._home.app = str(info["app_id"])
        self._connects += 1
        self.health = SocketHealth("ok")
        self._greeted.set()
        _log.info("slack_socket_connected", app=self._home.app or None)

    def _answer(self, made: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Do what an envelope asks once, and confirm it; one that is sent again is confirmed."""
        payload: Mapping[str, Any] | None = None
        with self._lock:
            again = request.envelope_id in self._answered
            payload = self._answered.get(request.envelope_id)
            self._answered[request.envelope_id] = payload
            while len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        if not again and request.type in _KINDS and isinstance(request.payload, dict):
            payload = self._take(cast(Kind, request.type), request.payload)
            with self._lock:
                self._answered[request.envelope_id] = payload
        body = None if payload is None else dict(payload)
        made.send_socket_mode_response(SocketModeResponse(request.envelope_id, body))


def _readable(made: SocketModeClient) -> bool:
    session = made.current_session
    sock = None if session is None else session.sock
    if sock is None:
        return False
    try:
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return False  # closed meanwhile: seen by `is_connected`
