"""A provider of scripted answers: each test says what comes over the wire, byte by byte.

Other than the demo's provider it computes nothing: a test knows the usage it must find, can hold
a stream half-way until it has looked, break it, compress it, or be slow on purpose.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEADLINE = 20.0


@dataclass
class Reply:
    """What one request is answered with.

    `pieces`, none of them empty, go out one by one; before the piece of number `hold_before` the
    server waits for `go`. `cut`: the connection breaks after the pieces. `silent`: nothing is
    answered until `go`.
    """

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    hold_before: int | None = None
    cut: bool = False
    silent: bool = False
    go: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Hit:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class LlmServer:
    """What the server answers, `reply` to each request, and `hits`, what arrived."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.hits: list[Hit] = []
        self.url = ""
        self.port = 0


@contextmanager
def answering(reply: Reply) -> Iterator[LlmServer]:
    """Serve on a free loopback port until the block ends."""
    server = LlmServer(reply)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.port = http.server_address[1]
    server.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.reply.go.set()
        http.shutdown()
        thread.join(DEADLINE)
        http.server_close()


def _handler(server: LlmServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if "chunked" in self.headers.get("transfer-encoding", ""):
                body = self._chunks()
            reply = server.reply
            server.hits.append(Hit(self.command, self.path, dict(self.headers), body))
            try:
                self._answer(reply)
            except OSError:  # the client has gone, as tests have it do
                self.close_connection = True

        do_GET = do_POST

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, reply: Reply) -> None:
            if reply.silent:
                reply.go.wait(DEADLINE)
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("transfer-encoding", "chunked")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for number, piece in enumerate(reply.pieces):
                if number == reply.hold_before:
                    reply.go.wait(DEADLINE)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            if reply.cut:
                self.close_connection = True
                self.connection.shutdown(2)
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


OPENAI_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
OPENAI_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there"},
            "finish_reason": "stop",
        }
    ],
    "usage": OPENAI_USAGE,
}
ANTHROPIC_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 11, "output_tokens": 7},
}


def whole(body: dict[str, Any], **said: Any) -> Reply:
    """Answer with one piece of JSON."""
    return Reply([json.dumps(body).encode()], **said)


def openai_stream(**said: Any) -> Reply:
    """Answer a chat completion in five pieces, its usage at the end."""
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    common["model"] = OPENAI_CHAT["model"]

    def piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    chunks = [
        piece({"role": "assistant", "content": "Hello"}),
        piece({"content": " there"}),
        piece({}, "stop"),
        {"choices": [], "usage": OPENAI_USAGE},
    ]
    pieces = [b"data: " + json.dumps(common | chunk).encode() + b"\n\n" for chunk in chunks]
    return Reply([*pieces, b"data: [DONE]\n\n"], content_type="text/event-stream", **said)


def anthropic_stream(**said: Any) -> Reply:
    """Answer a message in six pieces, its usage at the beginning and the end."""
    message = ANTHROPIC_MESSAGE | {
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 11, "output_tokens": 1},
    }
    text = {"type": "text_delta", "text": "Hello there"}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(pieces, content_type="text/event-stream", **said)
