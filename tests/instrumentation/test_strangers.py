"""Who answers on the port may be anybody: no byte of theirs is more than a reason not to send."""

import socket
from collections.abc import Callable, Iterator, Sequence

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager_agent.instrumentation import channel as channels
from manager_agent.instrumentation.channel import Channel, Stream
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.grpc_messages import framed
from manager_agent.instrumentation.sender import GaveUpError, NotTakenError, UnreachableError
from tests.harness.talking_server import destination

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
DONE = [("grpc-status", "0")]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Act = Callable[[H2Connection], object]


def of_http2(*acts: Act) -> bytes:
    """Return what a server of HTTP/2 says to the first request of a connection."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "h")],
        end_stream=True,
    )
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    for act in acts:
        act(server)
    return server.data_to_send()


def headers(pairs: Sequence[tuple[str, str]], *, end: bool = False) -> Act:
    return lambda server: server.send_headers(1, pairs, end_stream=end)


def data(said: bytes, *, end: bool = False) -> Act:
    return lambda server: server.send_data(1, said, end_stream=end)


def reset(code: int) -> Act:
    return lambda server: server.reset_stream(1, code)


ANSWER = of_http2(headers(HEADERS), data(framed(b"yes", compressed=False)), headers(DONE, end=True))


class Stranger:
    """Says these bytes to whoever connects, and no more; may be gone before it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open: list[socket.socket] = []
        self._channel = Channel(destination(4317))
        self.said, self.gone = b"", False
        monkeypatch.setattr(channels, "connect", self._connect)

    def channel(self, said: bytes, *, gone: bool = False) -> Channel:
        """Return a channel to it."""
        self.close()
        self.said, self.gone = said, gone
        self._channel = Channel(destination(4317))
        return self._channel

    def close(self) -> None:
        self._channel.close()
        while self._open:
            self._open.pop().close()

    def _connect(self, to: Destination, seconds: float) -> socket.socket:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.sendall(self.said)
        far.shutdown(socket.SHUT_WR)
        self._open.append(far)
        if self.gone:
            far.close()
        return near


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    found = Stranger(monkeypatch)
    yield found
    found.close()


CASES = [
    pytest.param(ANSWER, None, "", id="an answer"),
    pytest.param(b"", UnreachableError, "UNAVAILABLE: ", id="nothing"),
    pytest.param(
        b"HTTP/1.1 400 Bad Request\r\n\r\n", UnreachableError, "HTTP/1, not gRPC", id="HTTP/1"
    ),
    pytest.param(
        b"\x15\x03\x01\0\x02\x02F", UnreachableError, "https:// in place of http://", id="TLS"
    ),
    pytest.param(
        b"220 mail ESMTP ready\r\n" * 9, UnreachableError, "no HTTP/2", id="a mail server"
    ),
    pytest.param(PREFACE * 9, UnreachableError, "no HTTP/2", id="an echo"),
    pytest.param(
        of_http2(headers([(":status", "404")], end=True)),
        GaveUpError,
        "UNIMPLEMENTED: HTTP 404",
        id="a web server",
    ),
    pytest.param(
        of_http2(headers([(":status", "502")]), data(b"<html>", end=True)),
        UnreachableError,
        "UNAVAILABLE: HTTP 502",
        id="a proxy",
    ),
    pytest.param(
        of_http2(headers([(":status", "200"), ("content-type", "text/html")]), data(b"hi")),
        UnreachableError,
        "text/html, not of gRPC",
        id="a page",
    ),
    pytest.param(
        of_http2(headers([*HEADERS, ("grpc-status", "8"), ("grpc-message", "full%21")], end=True)),
        UnreachableError,
        "RESOURCE_EXHAUSTED: full!",
        id="trailers only",
    ),
    pytest.param(
        of_http2(headers([*HEADERS, *DONE], end=True)), GaveUpError, "0 messages", id="no message"
    ),
    pytest.param(
        of_http2(
            headers(HEADERS), data(framed(b"a", compressed=False) * 2), headers(DONE, end=True)
        ),
        GaveUpError,
        "2 messages",
        id="two messages",
    ),
    pytest.param(
        of_http2(
            headers(HEADERS), data(framed(b"yes", compressed=False)[:-1]), headers(DONE, end=True)
        ),
        GaveUpError,
        "in the midst of a message",
        id="half a message",
    ),
    pytest.param(
        of_http2(headers(HEADERS), data(framed(b"yes", compressed=False), end=True)),
        UnreachableError,
        "without grpc-status",
        id="no trailers",
    ),
    pytest.param(
        of_http2(headers(HEADERS), data(b"\x07\0\0\0\0")), GaveUpError, "found 7", id="no frame"
    ),
    pytest.param(
        of_http2(headers(HEADERS), reset(11)), UnreachableError, "reset (11)", id="a reset"
    ),
    pytest.param(of_http2(reset(1)), GaveUpError, "INTERNAL", id="a reset for an error of ours"),
    pytest.param(
        of_http2(lambda server: server.close_connection(11, b"calm down", 0)),
        UnreachableError,
        "calm down",
        id="sent away",
    ),
]


@pytest.mark.parametrize("gone", [False, True], ids=["", "gone at once"])
@pytest.mark.parametrize(("said", "kind", "told"), CASES)
def test_what_is_said_is_understood(
    stranger: Stranger, said: bytes, kind: type[NotTakenError] | None, told: str, gone: bool
) -> None:
    channel = stranger.channel(said, gone=gone)
    if kind is None:
        assert channel.call("/t/x", b"?", 20) == b"yes"
        return

    with pytest.raises(NotTakenError) as found:
        channel.call("/t/x", b"?", 20)

    assert type(found.value) is kind
    assert told in str(found.value)


MANGLED = st.lists(
    st.tuples(st.integers(0, len(ANSWER) - 1), st.integers(0, 3), st.binary(max_size=4)),
    min_size=1,
    max_size=6,
)


def mangled(changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Return an answer with bytes replaced by others, some of them fewer or more."""
    said = bytearray(ANSWER)
    for at, gone, new in changes:
        said[at : at + gone] = new
    return bytes(said)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=100,
    deadline=None,
    derandomize=True,
)
@given(st.one_of(MANGLED.map(mangled), st.binary(max_size=200)), st.booleans())
def test_any_bytes_are_an_answer_or_a_reason(stranger: Stranger, said: bytes, gone: bool) -> None:
    try:
        answer = stranger.channel(said, gone=gone).call("/t/x", b"?", 2)
    except (UnreachableError, GaveUpError) as error:
        answer = str(error).encode()

    assert isinstance(answer, bytes)


def drain(stream: Stream) -> None:
    while stream.receive(2):
        pass


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=50,
    deadline=None,
    derandomize=True,
)
@given(st.one_of(MANGLED.map(mangled), st.binary(max_size=200)), st.booleans())
def test_a_stream_of_any_bytes_ends(stranger: Stranger, said: bytes, gone: bool) -> None:
    stream = stranger.channel(said, gone=gone).open("/t/x")

    with pytest.raises(UnreachableError):
        drain(stream)
