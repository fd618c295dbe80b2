"""A server that behaves as Slack's incoming webhook does, for tests and for trying things out.

It is strict where Slack is, by rules of its own: it shares no code with what builds the blocks.
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

_CONTROL = re.compile(r"<[^>]*>")
_DATE = re.compile(r"<!date\^\d+\^[^|>]+\|[^>]+>")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one request.

    `reset`: break the connection instead. `hold`: keep the client waiting till the server closes,
    with `drip` by a blank now and then, which is an answer that never ends.
    """

    status: int = 200
    body: str = "ok"
    headers: tuple[tuple[str, str], ...] = ()
    reset: bool = False
    hold: bool = False
    drip: bool = False


def rate_limited(seconds: int) -> Answer:
    """Return the answer to too many messages."""
    return Answer(429, "rate_limited", (("Retry-After", str(seconds)),))


def fault(payload: Any) -> str | None:
    """Return the word with which Slack refuses `payload`, or None where it takes it."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    if not payload.get("text") and not payload.get("blocks"):
        return "no_text"
    if len(payload.get("text", "")) > 40_000:
        return "msg_too_long"
    blocks = payload.get("blocks", [])
    if len(blocks) > 50 or not all(_block_fits(block) for block in blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_000:
        return "msg_blocks_too_long"
    return None


def mentions(payload: Any) -> list[str]:
    """Return what in `payload` Slack would turn into a mention or a link; dates are harmless."""
    text = json.dumps(payload, ensure_ascii=False)
    return [found for found in _CONTROL.findall(text) if not _DATE.fullmatch(found)]


class FakeSlack:
    """Serves on a free port of 127.0.0.1 inside a `with` block; `url` is the webhook.

    Gives `answers` one after another, then checks each message as Slack does and takes it.
    `received` holds the payloads that were taken, `tried` all of them, in order.
    """

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.received: list[dict[str, Any]] = []
        self.tried: list[dict[str, Any]] = []
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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = slack.take(self.rfile.read(int(self.headers["Content-Length"])))
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


def _block_fits(block: Any) -> bool:
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}}:
            return 1 <= len(text) <= 150
        case {"type": "section", "text": {"type": "mrkdwn", "text": str(text)}}:
            return 1 <= len(text) <= 3000
        case {"type": "section", "fields": [_, *_] as fields}:
            return len(fields) <= 10 and all(_text_fits(field, 2000) for field in fields)
        case {"type": "context", "elements": [_, *_] as elements}:
            return len(elements) <= 10 and all(_text_fits(one, 2000) for one in elements)
        case {"type": "actions", "elements": [_, *_] as elements}:
            return len(elements) <= 25 and all(map(_button_fits, elements))
        case {"type": "divider"}:
            return True
    return False


def _button_fits(button: Any) -> bool:
    match button:
        case {
            "type": "button",
            "text": {"type": "plain_text", "text": str(text)},
            "action_id": str(action),
            "value": str(value),
        }:
            styles = (None, "primary", "danger")
            fits = 1 <= len(text) <= 75 and 1 <= len(action) <= 255 and 1 <= len(value) <= 2000
            return fits and button.get("style") in styles
    return False


def _text_fits(text: Any, limit: int) -> bool:
    match text:
        case {"type": "mrkdwn" | "plain_text", "text": str(found)}:
            return 1 <= len(found) <= limit
    return False
