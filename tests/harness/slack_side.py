"""What of Slack sends things to an app, as Slack does it: sockets, envelopes, forms, signatures.

Methods of the Web API that are not its own are passed on to `upstream`, the other half of the fake.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import httpx
from aiohttp import web

APP_TOKEN, BOT_TOKEN, SECRET = "xapp-1-A1-fake-only", "xoxb-fake-only", "f" * 32
TEAM, APP, CHANNEL = "T0HOME", "A0MANAGER", "C0ALERTS"
ACK_SECONDS = 3.0
TRIGGER_SECONDS = 3.0
_RESPONSES = 5

Json = dict[str, Any]


@dataclass(slots=True)
class Envelope:
    """Something that was sent down the socket, until it is confirmed; `ack` is the app's word."""

    document: Json
    ack: "Future[Json]" = field(default_factory=Future)
    sent: int = 0


class SlackSide:
    """Serves on a free port of 127.0.0.1, in a thread. `groups`: user groups and who is in them.

    `open_error`: with what word connections are refused. `deaf`: confirmations get lost.
    """

    def __init__(self, upstream: str | None = None) -> None:
        self.upstream = upstream
        self.groups: dict[str, list[str]] = {}
        self.open_error: str | None = None
        self.deaf = False
        self.opened = 0
        self.views: list[Json] = []
        self.told: list[Json] = []
        self.asked: list[str] = []
        self.acks: list[Json] = []
        self.sockets: list[web.WebSocketResponse] = []
        self._hooks: dict[str, int] = {}
        self._triggers: dict[str, float] = {}
        self._waiting: dict[str, Envelope] = {}
        self._tickets: set[str] = set()
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "SlackSide":
        self._thread.start()
        self.port = self._ready.result(20)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """What `SLACK_API_URL` is to be."""
        return f"{self.url}/api/"

    # What Slack sends ---------------------------------------------------------------------------

    def envelope(self, kind: str, payload: Json) -> Envelope:
        """Send a payload down the newest socket; again wherever it is not confirmed in 3 s."""
        number = f"envelope-{next(self._numbers)}"
        body = {"envelope_id": number, "type": kind, "accepts_response_payload": True}
        sent = Envelope({**body, "payload": payload})
        self._waiting[number] = sent
        asyncio.run_coroutine_threadsafe(self._send(sent), self._loop)
        return sent

    def by_socket(self, kind: str, payload: Json, seconds: float = 10.0) -> Json:
        """Send a payload and return what the app confirmed it with."""
        return self.envelope(kind, payload).ack.result(seconds)

    def by_http(self, api: str, kind: str, payload: Json) -> httpx.Response:
        """Post a payload to the API at `api`, signed."""
        path = "interactive" if kind == "interactive" else "commands"
        body = form(kind, payload)
        return post(f"{api}/api/v1/slack/{path}", body, signed(body))

    def refresh(self) -> None:
        """Ask the app to come again, as Slack does every few hours, and hang up afterwards."""
        asyncio.run_coroutine_threadsafe(self._refresh(), self._loop).result(10)

    def drop(self) -> None:
        """Cut all connections without a word."""

        async def cut() -> None:
            for one in self.sockets:
                transport = one._req.transport if one._req is not None else None
                if transport is not None:
                    transport.abort()

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(10)

    def button(self, approval: str, choice: str, user: str = "U0ANN", **more: Any) -> Json:
        """Return the payload of a press."""
        action = {
            "action_id": f"approval:{choice}",
            "block_id": "b1",
            "type": "button",
            "value": approval,
            "action_ts": "1764160000.1",
        }
        container = {"type": "message", "message_ts": "1.2", "channel_id": CHANNEL}
        return {
            "type": "block_actions",
            **self._from(user),
            "container": {**container, "is_ephemeral": False},
            "trigger_id": self._trigger(),
            "channel": {"id": CHANNEL, "name": "alerts"},
            "response_url": self._hook(),
            "actions": [action],
            **more,
        }

    def submission(self, view: Json, user: str = "U0ANN", **typed: str | None) -> Json:
        """Return the payload of a form that was sent; what is not typed stays as it was."""
        values: Json = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                at_first = block["element"].get("initial_value")
                text = typed.get(block["block_id"], at_first)
                values[block["block_id"]] = {"value": {"type": "plain_text_input", "value": text}}
        filled = {**view, "id": "V1", "state": {"values": values}}
        return {"type": "view_submission", **self._from(user), "view": filled}

    def typed(self, text: str, user: str = "U0ANN", **more: str) -> Json:
        """Return the payload of `/manager text`."""
        return {
            "token": "legacy",
            "team_id": TEAM,
            "team_domain": "home",
            "channel_id": CHANNEL,
            "channel_name": "alerts",
            "user_id": user,
            "user_name": user[2:].lower(),
            "command": "/manager",
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self._hook(),
            "trigger_id": self._trigger(),
            **more,
        }

    def _from(self, user: str) -> Json:
        name = user[2:].lower()
        return {
            "user": {"id": user, "username": name, "name": name, "team_id": TEAM},
            "api_app_id": APP,
            "token": "legacy",
            "team": {"id": TEAM, "domain": "home"},
        }

    def _trigger(self) -> str:
        name = f"{next(self._numbers)}.trigger"
        self._triggers[name] = time.monotonic()
        return name

    def _hook(self) -> str:
        name = f"{TEAM}/{next(self._numbers)}/notARealHook"
        self._hooks[name] = _RESPONSES
        return f"{self.url}/actions/{name}"

    async def _send(self, sent: Envelope) -> None:
        """Send until it is confirmed, again after 3 s, or when there is another connection."""
        while not sent.ack.done():
            tried: set[int] = set()
            for one in reversed(self.sockets):
                tried.add(id(one))
                with suppress(ConnectionError, RuntimeError):
                    attempt = {"retry_attempt": sent.sent}
                    await one.send_str(json.dumps({**sent.document, **attempt}))
                    sent.sent += 1
                    break
            deadline = time.monotonic() + ACK_SECONDS
            while not sent.ack.done() and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
                if self.sockets and id(self.sockets[-1]) not in tried:
                    break

    async def _refresh(self) -> None:
        for one in list(self.sockets):
            await one.send_str(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))

    # What the app asks --------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/api/{method}", self._method)
        app.router.add_post("/actions/{name:.*}", self._respond)
        app.router.add_get("/link", self._link)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        server = site._server
        assert isinstance(server, asyncio.Server)
        self._ready.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _method(self, request: web.Request) -> web.Response:
        method, raw = request.match_info["method"], await request.read()
        self.asked.append(method)
        values = _values(request, raw)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        mine = _METHODS.get(method)
        if mine is None:
            return await self._upstream(request, method, raw)
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if token != wanted:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        return web.json_response(mine(self, values))

    async def _upstream(self, request: web.Request, method: str, raw: bytes) -> web.Response:
        if self.upstream is None:
            return web.json_response({"ok": False, "error": "unknown_method"})
        names = ("authorization", "content-type")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        async with (
            aiohttp.ClientSession() as client,
            client.request(
                request.method, f"{self.upstream.rstrip('/')}/{method}", data=raw, headers=headers
            ) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )

    def _open(self, values: Mapping[str, str]) -> Json:
        self.opened += 1
        if self.open_error:
            return {"ok": False, "error": self.open_error}
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets.add(ticket)
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link?ticket={ticket}&app_id={APP}"}

    def _group(self, values: Mapping[str, str]) -> Json:
        found = self.groups.get(values.get("usergroup", ""))
        if found is None:
            return {"ok": False, "error": "no_such_subteam"}
        return {"ok": True, "users": found}

    def _view(self, values: Mapping[str, str]) -> Json:
        born = self._triggers.pop(values.get("trigger_id", ""), None)
        if born is None:
            return {"ok": False, "error": "exchanged_trigger_id"}
        if time.monotonic() - born > TRIGGER_SECONDS:
            return {"ok": False, "error": "expired_trigger_id"}
        view = json.loads(values["view"])
        fault = _view_fault(view)
        if fault:
            return {"ok": False, "error": "invalid_arguments", "needed": fault}
        self.views.append(view)
        return {"ok": True, "view": {**view, "id": "V1"}}

    def _ephemeral(self, values: Mapping[str, str]) -> Json:
        self.told.append(dict(values))
        return {"ok": True, "message_ts": "1.1"}

    def _test(self, values: Mapping[str, str]) -> Json:
        return {"ok": True, "team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0BOT", "url": "x"}

    async def _respond(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not self._hooks.get(name):
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        self._hooks[name] -= 1
        self.told.append(await request.json())
        return web.Response(text="ok")

    async def _link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        info = {"connection_info": {"app_id": APP}, "num_connections": len(self.sockets) + 1}
        await socket.send_str(json.dumps({"type": "hello", **info}))
        self.sockets.append(socket)
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._heard(json.loads(message.data))
        finally:
            self.sockets.remove(socket)
        return socket

    def _heard(self, ack: Json) -> None:
        if self.deaf:
            return
        self.acks.append(ack)
        sent = self._waiting.pop(ack["envelope_id"], None)
        if sent is not None and not sent.ack.done():
            sent.ack.set_result(ack.get("payload") or {})


_METHODS = {
    "apps.connections.open": SlackSide._open,
    "usergroups.users.list": SlackSide._group,
    "views.open": SlackSide._view,
    "chat.postEphemeral": SlackSide._ephemeral,
    "auth.test": SlackSide._test,
}


@contextmanager
def slack_side(upstream: str | None = None) -> Iterator[SlackSide]:
    """Run the fake inside a `with` block."""
    with SlackSide(upstream) as found:
        yield found


def form(kind: str, payload: Json) -> bytes:
    """Return a payload as Slack posts it."""
    fields = {"payload": json.dumps(payload)} if kind == "interactive" else payload
    return urlencode(fields).encode()


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers by which Slack says that a body is its own."""
    stamp = str(int(time.time() if at is None else at))
    base = b"v0:" + stamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def post(url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """Post as Slack does: it waits 3 seconds, and no longer."""
    with httpx.Client(trust_env=False, timeout=ACK_SECONDS) as client:
        return client.post(url, content=body, headers=dict(headers))


def _values(request: web.Request, raw: bytes) -> dict[str, str]:
    found = dict(request.query)
    if request.content_type == "application/json":
        sent = json.loads(raw or b"{}")
        return found | {k: v if isinstance(v, str) else json.dumps(v) for k, v in sent.items()}
    return found | dict(parse_qsl(raw.decode()))


def _view_fault(view: Json) -> str | None:
    """Return which of Slack's limits on forms is broken."""
    if view.get("type") != "modal" or not 0 < len(view.get("blocks", ())) <= 100:
        return "modal with 1 to 100 blocks"
    if len(view.get("private_metadata", "")) > 3000:
        return "private_metadata of 3000"
    for name in ("title", "submit", "close"):
        text = view.get(name) or {}
        if text.get("type") != "plain_text" or not 0 < len(text.get("text", "")) <= 24:
            return f"{name} of 24"
    return None
