"""A guard as the manager sees one: a stream over gRPC, in words a test can write."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from manager_agent.contract.frame import messages_of
from manager_agent.contract.guard import (
    Bye,
    FromGuard,
    FromManager,
    Grant,
    Hello,
    Outcomes,
    Policy,
    Question,
    Report,
)
from manager_agent.contract.wire_format import encode
from manager_agent.control.session import SESSION_METHOD

T = TypeVar("T")
DEADLINE_SECONDS = 30.0

_FIELD: dict[type[Any], str] = {
    Hello: "hello",
    Report: "report",
    Outcomes: "outcomes",
    Question: "question",
    Bye: "bye",
}


class Guard:
    """One process's stream. `heard` holds everything the manager said on it, in order."""

    def __init__(
        self,
        address: str,
        holder: str,
        agent: str = "a",
        token: str | None = None,
        greet: bool = True,
    ) -> None:
        self.holder = holder
        self.agent = agent
        self.heard: list[FromManager] = []
        self.error: grpc.RpcError | None = None
        self.ended = False
        self._seq = 0
        self._sent: queue.Queue[bytes | None] = queue.Queue()
        self._news = threading.Condition()
        self._channel = grpc.insecure_channel(address)
        method = self._channel.stream_stream(SESSION_METHOD)
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._call = method(iter(self._sent.get, None), metadata=metadata)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        if greet:
            self.say(Hello(holder, host="host", boot_id="boot", pid=1))

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; the thread that read it ends, too."""
        self._sent.put(None)
        self._call.cancel()
        self._thread.join(DEADLINE_SECONDS)
        self._channel.close()

    def say(self, message: Any) -> None:
        self.say_bytes(encode(FromGuard(**{_FIELD[type(message)]: message})))

    def say_bytes(self, payload: bytes) -> None:
        self._sent.put(payload)

    def report(self, **values: Any) -> int:
        """Send a report; return its number."""
        self._seq += 1
        said = {"holder": self.holder, "agent": self.agent, "unit": "tokens", **values}
        self.say(Report(seq=self._seq, **said))
        return self._seq

    def ask(self, **values: Any) -> Grant:
        """Report, and return the grant that answers it."""
        seq = self.report(**values)
        agent = values.get("agent", self.agent)
        return self.until(
            f"an answer to {values}",
            lambda: next(
                (
                    grant
                    for grant in self.grants()
                    if grant.seq >= seq and grant.agent == agent and not grant.offline
                ),
                None,
            ),
        )

    def grants(self) -> list[Grant]:
        return [one.grant for one in list(self.heard) if one.grant is not None]

    def policies(self) -> list[Policy]:
        return [one.policy for one in list(self.heard) if one.policy is not None]

    def until(self, what: str, found: Callable[[], T | None]) -> T:
        """Return what `found` finds once it finds it."""
        ends = time.monotonic() + DEADLINE_SECONDS
        with self._news:
            while not (got := found()):
                left = ends - time.monotonic()
                assert left > 0, f"no {what} within {DEADLINE_SECONDS} s; heard {self.heard}"
                assert not self.ended or self.error is None, f"no {what}: {self.error}"
                self._news.wait(min(left, 0.1))
        return got

    def end(self) -> grpc.RpcError | None:
        """Return with what the stream ended, once the manager ended it."""
        self._thread.join(DEADLINE_SECONDS)
        assert self.ended, "the stream goes on"
        return self.error

    def _listen(self) -> None:
        try:
            for payload in _payloads(self._call):
                with self._news:
                    self.heard += messages_of(FromManager, payload)
                    self._news.notify_all()
        except grpc.RpcError as error:
            self.error = error
        with self._news:
            self.ended = True
            self._news.notify_all()


def _payloads(call: Any) -> Iterator[bytes]:
    yield from call
