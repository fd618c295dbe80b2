"""A server that behaves as Slack does, for tests and for trying things out.

Here: HTTP, and the incoming webhook. `fake_web` is the Web API; whatever else is served there is
added to `FakeSlack.routes`. It is strict where Slack is, by rules of its own (`fake_blocks`): it
shares no code with what builds the blocks.
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from manager_agent.delivery.slack.fake_answer import (
    Answer,
    Request,
    Route,
    api_rate_limited,
    rate_limited,
    refusal,
)
from manager_agent.delivery.slack.fake_blocks import blocks_fault
from manager_agent.delivery.slack.fake_web import BOT_TOKEN, Posted, Workspace

__all__ = [
    "BOT_TOKEN",
    "SECRET",
    "Answer",
    "FakeSlack",
    "Posted",
    "Request",
    "Workspace",
    "api_rate_limited",
    "fault",
    "mentions",
    "rate_limited",
    "refusal",
]

_CONTROL = re.compile(r"<[^>]*>")
_DATE = re.compile(r"<!date\^\d+\^[^|>]+\|[^>]+>")


def fault(payload: Any) -> str | None:
    """Return the word with which Slack refuses `payload`, or None where it takes it."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    if not payload.get("text") and not payload.get("blocks"):
        return "no_text"
    if len(payload.get("text", "")) > 40_000:
        return "msg_too_long"
    blocks = payload.get("blocks", [])
    if blocks_fault(blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_000:
        return "msg_blocks_too_long"
    return None


def mentions(payload: Any) -> list[str]:
    """Return what in `payload` Slack would turn into a mention or a link; dates are harmless."""
    text = json.dumps(payload, ensure_ascii=False)
    return [found for found in _CONTROL.findall(text) if not _DATE.fullmatch(found)]


class FakeSlack:
    """Serves on a free port of 127.0.0.1 inside a `with` block.

    `url` is the webhook: it gives `answers` one after another, then checks each message as Slack
    does and takes it. `received` holds the payloads that were taken, `tried` all of them, in order.
    `api_url` is the Web API, of `workspace`. `routes` are asked first about each request.
    """

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.received: list[dict[str, Any]] = []
        self.tried: list[dict[str, Any]] = []
        self.workspace = Workspace()
        self.routes: list[Route] = [self.workspace.route]
        self._answers = iter(answers)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The webhook's URL, a secret as the real one is."""
        return f"http://127.0.0.1:{self._server.server_port}/services/T00000000/B00000000/{SECRET}"

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL is to be."""
        return f"http://127.0.0.1:{self._server.server_port}/api/"

    def __enter__(self) -> "FakeSlack":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, raw: bytes) -> Answer:
        """Return the answer to a request with this body, and record it."""
        with self._lock:
            try:
                payload = json.loads(raw)
            except ValueError:
                return Answer(400, "invalid_payload")
            self.tried.append(payload)
            answer = next(self._answers, None)
            if answer is None:
                word = fault(payload)
                answer = Answer(400, word) if word else Answer()
            if answer.status == 200 and not (answer.reset or answer.hold):
                self.received.append(payload)
            return answer

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request, by the first route that knows its path."""
        for route in self.routes:
            answer = route(request)
            if answer is not None:
                return answer
        if request.method != "POST" or not request.path.startswith("/services/"):
            return Answer(404, "not found")
        return self.take(request.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): text for name, text in self.headers.items()}
                self.give(slack.answer(Request(self.command, self.path, headers, body)))

            def give(self, answer: Answer) -> None:
                while answer.hold and not slack._closing.wait(0.05 if answer.drip else None):
                    self.wfile.write(b" ")
                if answer.reset or answer.hold:
                    return _reset(self.connection)
                body = answer.body.encode()
                self.send_response(answer.status)
                for name, text in answer.headers:
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing: the path is a secret, in tests as elsewhere."""

        return Handler


SECRET = "notTheRealSecretOfAnyone"
"""The last part of `FakeSlack.url`, to be looked for where it must not be."""


def _reset(connection: socket.socket) -> None:
    # Lingering for no time makes the kernel send a reset instead of a polite end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
