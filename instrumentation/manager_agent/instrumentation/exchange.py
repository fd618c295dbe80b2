"""One request over gRPC and its answer: what is still to be sent, and what came so far."""

from collections import deque
from collections.abc import Iterable, Sequence

from manager_agent.instrumentation import grpc_status
from manager_agent.instrumentation.grpc_messages import MalformedError, Unframing, framed
from manager_agent.instrumentation.grpc_status import Status

Pairs = Iterable[tuple[bytes, bytes]]


class Exchange:
    """The state of one stream of HTTP/2; does no I/O."""

    def __init__(self, number: int, *, compressed: bool, lasting: bool) -> None:
        self.number = number
        self.lasting = lasting
        """Whether it has no deadline, so that the connection must be watched for it."""
        self.unsent = bytearray()
        self.all_said = False
        """Nothing follows what is unsent."""
        self.half_closed = False
        """All was handed on, the end with it."""
        self.messages: deque[bytes] = deque()
        self.outcome: Status | None = None
        self.remedy = ""
        self.unserved = False
        """The server told that it did nothing about it: it may be sent again."""
        self._compressed = compressed
        self._unframing = Unframing()
        self._answering = False

    def say(self, messages: Sequence[bytes]) -> None:
        """Add messages to what is unsent."""
        for message in messages:
            self.unsent += framed(message, compressed=self._compressed)

    def took(self) -> list[bytes]:
        """Return the messages that came, and forget them."""
        taken = list(self.messages)
        self.messages.clear()
        return taken

    def on_headers(self, pairs: Pairs) -> None:
        """Take what an answer begins with; it may be all of it."""
        self._answering = True
        ended = grpc_status.of_headers(grpc_status.headers_of(pairs))
        if ended is not None:
            self.end(ended)

    def on_data(self, data: bytes) -> None:
        """Take a part of the answer."""
        if self.outcome is not None:
            return
        try:
            self.messages.extend(self._unframing.feed(data))
        except MalformedError as error:
            self.end(Status("INTERNAL", str(error)))

    def on_trailers(self, pairs: Pairs) -> None:
        """Take what an answer ends with."""
        ended = grpc_status.of_trailers(grpc_status.headers_of(pairs))
        if ended.code == "OK" and self._unframing.midway:
            ended = Status("INTERNAL", "the answer ended in the midst of a message")
        self.end(ended)

    def on_end(self) -> None:
        """Take it that nothing follows, trailers or not."""
        self.end(grpc_status.of_trailers({}))

    def on_reset(self, code: int) -> None:
        """Take it that the server gave this stream up."""
        self.unserved = self.unserved or (code == 7 and self.outcome is None)
        self.end(grpc_status.of_reset(code))

    def end(self, status: Status, remedy: str = "") -> None:
        """Note how it ended; the first word counts."""
        if self.outcome is None:
            self.outcome = status
            self.remedy = remedy
            self.unsent.clear()
