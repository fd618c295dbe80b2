"""How an agent's process talks to its manager: calls and streams of gRPC over one connection.

No threads of its own, nothing at exit, nothing that a fork could break: a child drops what it
inherited (`abandon`) and makes its own. Belongs to one thread, but for `Channel.wake`.
"""

from collections.abc import Sequence
from time import monotonic

from h2.exceptions import ProtocolError

from manager_agent.instrumentation.connecting import connect
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.exchange import Exchange
from manager_agent.instrumentation.grpc_status import Status
from manager_agent.instrumentation.http2 import Connection
from manager_agent.instrumentation.no_answer import failure, gave_up, unconnected, unreachable
from manager_agent.instrumentation.request_headers import request_headers
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError
from manager_agent.instrumentation.tls import NoConnectionError
from manager_agent.instrumentation.waker import Waker

_CONNECT_SECONDS = 5.0
_MOST_UNSENT = 1024 * 1024
"""Bytes of a stream that wait for the server; beyond, sending waits too."""


class Channel:
    """Calls and streams to one place; connects when it needs to, and again after a loss."""

    def __init__(self, to: Destination) -> None:
        self._to = to
        self._connections: list[Connection] = []
        """The present one last; before it those that serve what they began, and then end."""
        self._waker = Waker()

    def call(self, method: str, payload: bytes, seconds: float) -> bytes:
        """Return what a method answers within so many seconds.

        Raises `UnreachableError` or `GaveUpError`.
        """
        until = monotonic() + seconds
        exchange, ended = self._asked(method, payload, until)
        if exchange.unserved and monotonic() < until:
            # The server goes, and told that it did nothing about it.
            exchange, ended = self._asked(method, payload, until)
        if ended.code != "OK":
            raise failure(self._to, ended, exchange.remedy)
        if len(exchange.messages) != 1:
            found = f"{len(exchange.messages)} messages where one is the answer"
            raise failure(self._to, Status("INTERNAL", found))
        return exchange.messages[0]

    def open(self, method: str) -> "Stream":
        """Return a new stream; the server may refuse it later. Raises `UnreachableError`."""
        until = monotonic() + min(_CONNECT_SECONDS, self._to.timeout_seconds)
        try:
            connection = self._connected(until)
            return Stream(connection, self._begun(connection, method, None), self._to, self._waker)
        except GaveUpError as error:
            raise UnreachableError(str(error)) from error

    def wake(self) -> None:
        """Make the present or next `receive` return; from any thread, at any time."""
        self._waker.wake()

    def close(self) -> None:
        """Take leave of the server, and end every stream."""
        for connection in self._connections:
            connection.close()
        self._waker.close()

    def abandon(self) -> None:
        """Let go of what a fork inherited: the parent and the server notice nothing."""
        for connection in self._connections:
            connection.abandon()
        self._waker.close()

    def _asked(self, method: str, payload: bytes, until: float) -> tuple[Exchange, Status]:
        """Return what was exchanged, and how it ended."""
        connection = self._connected(until)
        began = monotonic()
        exchange = self._begun(connection, method, max(0.001, until - began))
        exchange.say([payload])
        exchange.all_said = True
        while exchange.outcome is None and (left := until - monotonic()) > 0:
            connection.step(left)
        if exchange.outcome is not None:
            return exchange, exchange.outcome
        late = Status("DEADLINE_EXCEEDED", f"no answer in {until - began:.1f} s")
        connection.reset(exchange, late)
        if connection.heard < began:
            # Nothing at all came: nobody may be there any more, and the next call shall see.
            connection.close()
        return exchange, late

    def _begun(self, connection: Connection, method: str, seconds: float | None) -> Exchange:
        try:
            return connection.begin(
                request_headers(self._to, method, seconds),
                compressed=self._to.compressed,
                lasting=seconds is None,
            )
        except (ProtocolError, ValueError) as error:
            raise gave_up(self._to, Status("", f"it was not asked: {error}")) from error

    def _connected(self, until: float) -> Connection:
        for connection in self._connections:
            connection.step(0)  # it may have ended while nobody looked
        self._connections = [each for each in self._connections if not each.over]
        if self._connections and self._connections[-1].usable:
            return self._connections[-1]
        try:
            connection = Connection(connect(self._to, until - monotonic()), secure=self._to.secure)
        except NoConnectionError as error:
            raise unconnected(self._to, error) from error
        self._connections.append(connection)
        return connection


class Stream:
    """Messages both ways over a channel; belongs to the channel's thread."""

    def __init__(
        self, connection: Connection, exchange: Exchange, to: Destination, waker: Waker
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._to = to
        self._waker = waker

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages, as much of them as goes at once; the rest goes while `receive` waits.

        Waits itself only where very much is unsent. Raises `UnreachableError` where it has ended.
        """
        self._exchange.say(messages)
        self._connection.step(0)
        while len(self._exchange.unsent) > _MOST_UNSENT and self._exchange.outcome is None:
            self._connection.step(1.0)
        if self._exchange.outcome is not None and not self._exchange.messages:
            raise self._ended()

    def receive(self, seconds: float) -> list[bytes]:
        """Return what came, as soon as something did, somebody called `wake`, or time is up.

        Raises `UnreachableError` when the stream has ended and all that came was returned.
        """
        until = monotonic() + seconds
        woken = self._connection.step(0, self._waker)
        while not self._exchange.messages:
            if self._exchange.outcome is not None:
                raise self._ended()
            left = until - monotonic()
            if woken or left <= 0:
                break
            woken = self._connection.step(left, self._waker)
        return self._exchange.took()

    def close(self, seconds: float = 1.0) -> None:
        """End it: what was sent goes, and the server has so many seconds to take it."""
        until = monotonic() + seconds
        self._exchange.all_said = True
        while self._exchange.outcome is None and (left := until - monotonic()) > 0:
            self._connection.step(left)
        if self._exchange.outcome is None:
            self._connection.reset(self._exchange, Status("CANCELLED"))

    def _ended(self) -> UnreachableError:
        ended = self._exchange.outcome or Status("UNKNOWN")
        why = ended.message or "the stream was ended there"
        return unreachable(self._to, Status(ended.code, why), self._exchange.remedy)
