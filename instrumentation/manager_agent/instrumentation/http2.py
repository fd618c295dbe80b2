"""One connection of HTTP/2: `h2` keeps its state, a socket that never blocks carries it.

Not gRPC's own library: docs/decisions/0014-channel.md. Belongs to one thread.
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from manager_agent.instrumentation.exchange import Exchange
from manager_agent.instrumentation.goaway import GoAwayFilter
from manager_agent.instrumentation.grpc_status import Status
from manager_agent.instrumentation.keepalive import Keepalive
from manager_agent.instrumentation.readiness import wait
from manager_agent.instrumentation.stranger import may_be_http2, stranger
from manager_agent.instrumentation.waker import Waker

_WINDOW = 1024 * 1024
_MOST_AT_ONCE = 256 * 1024
"""Bytes on their way to the kernel, and read at once: both directions get their turn."""
_PORTION = 64 * 1024

_AGAIN = (BlockingIOError, InterruptedError)
Header = tuple[str, str]


class Connection:
    """Streams over one socket. `step` moves all of them; what fails ends them with a status."""

    def __init__(self, sock: socket.socket, *, secure: bool) -> None:
        self._sock = sock
        self._secure = secure
        self._h2 = _begun()
        self._out = bytearray()
        self._exchanges: dict[int, Exchange] = {}
        self._filter = GoAwayFilter()
        self._alive = Keepalive(monotonic())
        self._first = b""
        self._more = False
        """There may be more to read that no socket tells of."""
        self._closed = False

    @property
    def usable(self) -> bool:
        """Tell whether another exchange can begin here."""
        return not self._closed and self._filter.said is None

    @property
    def over(self) -> bool:
        """Tell whether nothing happens here any more."""
        return self._closed

    @property
    def heard(self) -> float:
        """When something came last, by the monotonic clock, in seconds."""
        return self._alive.heard

    def begin(self, headers: Sequence[Header], *, compressed: bool, lasting: bool) -> Exchange:
        """Return a new exchange, its headers on their way.

        Raises `ProtocolError` of `h2` where headers are none that HTTP/2 knows.
        """
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, list(headers))
        exchange = Exchange(number, compressed=compressed, lasting=lasting)
        self._exchanges[number] = exchange
        return exchange

    def step(self, seconds: float, waker: Waker | None = None) -> bool:
        """Send and receive what can be, waiting for at most so long; tell whether somebody woke us.

        What is wrong ends the exchanges, and is not raised.
        """
        if self._closed:
            return False
        try:
            return self._step(seconds, waker)
        except Exception as error:  # noqa: BLE001 - bytes of a stranger, in code of others
            last = self._last_words(error)
            self._lose(*stranger(self._first, last, secure=self._secure))
        return False

    def reset(self, exchange: Exchange, status: Status) -> None:
        """Give an exchange up, and tell the server; not waiting for anything."""
        exchange.end(status)
        self._settle(exchange)
        self.step(0)

    def close(self) -> None:
        """Take leave, as far as that needs no waiting."""
        if not self._closed:
            with suppress(ProtocolError):  # it is over already
                self._h2.close_connection()
            self.step(0)
        self._lose("the connection was closed here", "")

    def abandon(self) -> None:
        """Close this process's copy of what the parent still uses, telling nobody."""
        self._lose("this is another process", "")

    def _step(self, seconds: float, waker: Waker | None) -> bool:
        self._write()
        beside = None if waker is None else waker.fileno()
        patience = 0.0 if self._more else min(seconds, self._watch())
        wait(self._sock, patience, write=bool(self._out), beside=beside)
        woken = waker is not None and waker.heard()
        self._read()
        self._write()
        if self._filter.said is not None and not self._exchanges:
            self._lose("the server takes leave", "")
        elif self._watched() and self._alive.dead(monotonic()):
            self._lose("it stopped answering, though the connection stands", "")
        return woken

    def _watched(self) -> bool:
        return any(each.lasting and each.outcome is None for each in self._exchanges.values())

    def _watch(self) -> float:
        """Return for how long nothing needs to be done for the connection, in seconds."""
        if not self._watched():
            return 3600.0
        now = monotonic()
        if self._alive.due(now):
            self._h2.ping(b"manager?")
            self._alive.asked(now)
            self._write()
        return self._alive.next_in(now)

    def _write(self) -> None:
        for exchange in list(self._exchanges.values()):
            self._fill(exchange)
        self._out += self._h2.data_to_send()
        while self._out:
            try:
                sent = self._sock.send(memoryview(self._out)[:_MOST_AT_ONCE])
            except OSError as error:
                if _again(error):
                    return
                raise
            del self._out[:sent]

    def _fill(self, exchange: Exchange) -> None:
        """Hand on of what is unsent as much as the server has room for."""
        number, unsent = exchange.number, exchange.unsent
        while unsent and len(self._out) < _MOST_AT_ONCE:
            room = self._h2.local_flow_control_window(number)
            size = min(room, self._h2.max_outbound_frame_size, len(unsent))
            if size <= 0:
                return
            self._h2.send_data(number, bytes(unsent[:size]))
            del unsent[:size]
            self._out += self._h2.data_to_send()
        if exchange.all_said and not unsent and not exchange.half_closed:
            exchange.half_closed = True
            self._h2.end_stream(number)

    def _read(self) -> None:
        self._more, read = False, 0
        while True:
            try:
                data = self._sock.recv(_PORTION)
            except OSError as error:
                if _again(error):
                    return
                raise
            if not data:
                raise ConnectionResetError("the connection was closed there")
            read += len(data)
            self._take(data)
            if read >= _MOST_AT_ONCE:
                self._more = True
                return

    def _take(self, data: bytes) -> None:
        self._alive.hear(monotonic())
        if len(self._first) < 16:
            self._first += data[:16]
            if not may_be_http2(self._first):
                raise ProtocolError("it does not begin with SETTINGS")
        before = self._filter.said
        for event in self._h2.receive_data(self._filter.feed(data)):
            self._on(event)
        if self._filter.said is not before:
            self._drain()

    def _on(self, event: Event) -> None:
        exchange = self._exchanges.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, DataReceived):
            number = event.stream_id
            self._h2.acknowledge_received_data(event.flow_controlled_length, number)
        if exchange is None:
            return
        if isinstance(event, ResponseReceived):
            exchange.on_headers(event.headers)
        elif isinstance(event, DataReceived):
            exchange.on_data(event.data)
        elif isinstance(event, TrailersReceived):
            exchange.on_trailers(event.headers)
        elif isinstance(event, StreamEnded):
            exchange.on_end()
        elif isinstance(event, StreamReset):
            exchange.on_reset(int(event.error_code))
            exchange.half_closed = True
        if exchange.outcome is not None:
            self._settle(exchange)

    def _settle(self, exchange: Exchange) -> None:
        """Forget an exchange that ended, also at the server where it may still go on."""
        if self._exchanges.pop(exchange.number, None) is None or self._closed:
            return
        with suppress(ProtocolError):  # it ended on both sides
            self._h2.reset_stream(exchange.number, ErrorCodes.CANCEL)

    def _drain(self) -> None:
        """End what the server says it will not serve; what it does serve goes on."""
        said = self._filter.said
        assert said is not None, "asked to drain by nobody"
        for number, exchange in list(self._exchanges.items()):
            if number > said.last:
                exchange.unserved = True
                why = f"it takes no more requests ({said.why or said.code})"
                exchange.end(Status("UNAVAILABLE", why))
                del self._exchanges[number]

    def _last_words(self, error: Exception) -> Exception:
        """Take what the server said before it closed; return which error says most."""
        if not isinstance(error, OSError):
            return error
        try:
            self._read()
        except Exception as later:  # noqa: BLE001 - as in `step`
            return error if isinstance(later, ConnectionError) else later
        return error

    def _lose(self, why: str, remedy: str) -> None:
        if self._filter.said is not None and self._filter.said.why:
            why = f"{why} ({self._filter.said.why})"
        self._closed = True
        self._sock.close()
        for exchange in self._exchanges.values():
            exchange.end(Status("UNAVAILABLE", why), remedy)
        self._exchanges.clear()


def _begun() -> H2Connection:
    state = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    state.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: 65536,
        },
    )
    state.initiate_connection()
    state.increment_flow_control_window(_WINDOW)
    return state


def _again(error: OSError) -> bool:
    """Tell whether a socket only has nothing to do for us now; of TLS, by the names of its kind."""
    return isinstance(error, _AGAIN) or type(error).__name__ in (
        "SSLWantReadError",
        "SSLWantWriteError",
    )
