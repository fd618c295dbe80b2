"""Exporters that send unique calls as fast as they can, and again what was not acknowledged."""

import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

import grpc
import httpx

from tests.harness.otlp import Sender, Sending, hex_id, llm, request

_EXPORTERS = 6
_MOST_SPANS = 12
_PATIENCE_SECONDS = 0.2
"""Between two attempts; a real exporter waits longer."""


class Load:
    """Threads that export to one address until they are told to stop making new calls.

    `emitters`: spans of each call, each of another instrumentation and in another request.
    `acknowledged` maps the ids of spans that were answered OK to the response id of their call.
    """

    def __init__(self, where: Mapping[str, str], *, emitters: int, seed: int) -> None:
        self.acknowledged: dict[str, str] = {}
        self.refusals = 0
        self._emitters = emitters
        self._rng = random.Random(seed)
        self._where = dict(where)
        self._lock = threading.Lock()
        self._held_back: deque[Sending] = deque()
        self._made = 0
        self._stopped = threading.Event()
        self._given_up = threading.Event()
        self._threads = [
            threading.Thread(target=self._export, args=(number,)) for number in range(_EXPORTERS)
        ]

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return self._made

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if kind is not None:
            self.abandon()
        for thread in self._threads:
            thread.join()

    def so_far(self) -> dict[str, str]:
        """Return what is acknowledged at this moment."""
        with self._lock:
            return dict(self.acknowledged)

    def finish(self, seconds: float = 60.0) -> None:
        """Make no new calls; return when all that were made are acknowledged."""
        self._stopped.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        waiting = [thread.name for thread in self._threads if thread.is_alive()]
        if waiting:
            self._given_up.set()
        assert not waiting, f"{len(waiting)} exporters are still turned away after {seconds} s"

    def abandon(self) -> None:
        """Make no new calls, and give up those that are turned away."""
        self._stopped.set()
        self._given_up.set()

    def _export(self, number: int) -> None:
        with Sender(self._where) as sender:
            while batch := self._batch():
                payload = request(batch).SerializeToString()
                while not _sent(sender, payload, over_http=number % 3 == 0):
                    with self._lock:
                        self.refusals += 1
                    if self._given_up.wait(_PATIENCE_SECONDS):
                        return
                with self._lock:
                    for span in batch:
                        self.acknowledged[span.span_id] = span.attributes["gen_ai.response.id"]

    def _batch(self) -> list[Sending]:
        """Return the next spans; one of each call at once, the others later. Empty at the end."""
        with self._lock:
            size = self._rng.randrange(1, _MOST_SPANS)
            while not self._stopped.is_set() and len(self._held_back) < 4 * _MOST_SPANS:
                self._held_back.extend(self._call())
            if self._emitters > 1:
                self._rng.shuffle(self._held_back)
            return [self._held_back.popleft() for _ in range(min(size, len(self._held_back)))]

    def _call(self) -> list[Sending]:
        self._made += 1
        answer = {"gen_ai.response.id": f"chatcmpl-{self._made:07}"}
        now = time.time_ns()
        return [
            Sending(
                hex_id(self._rng, 32),
                hex_id(self._rng, 16),
                now,
                attributes=llm("gpt-4o-mini", (1000 + self._made, 10), **answer),
                scope=f"test.emitter-{number}",
                service=f"agent-{self._made % 7}",
                process=f"p{self._made % 5}",
            )
            for number in range(self._emitters)
        ]


def _sent(sender: Sender, payload: bytes, *, over_http: bool) -> bool:
    """Tell whether the manager took it; the only other thing it may say is "later"."""
    try:
        if over_http:
            answer = sender.post(payload)
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200
        sender.raw(payload, timeout=30)
    except httpx.TransportError:
        return False
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise
        return False
    return True
