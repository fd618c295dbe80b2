"""The load's own process: `python -m manager_agent.app.bench.exporters`.

The first line on its stdin is an order. It answers `ready`, and begins when the second line says
until when, in seconds of the monotonic clock. At the end a line of JSON says what it saw.

Exporters are threads, each with a connection of its own and one request under way at a time, as in
an SDK. They share the machine with the receiver, so what they cost is reported, too.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from manager_agent.app.bench.figures import Ack
from manager_agent.app.bench.payload import Batch, Shape, batches, templates
from manager_agent.app.bench.senders import Sender, SendError, connect

_REST_SECONDS = 1.0
"""Rest after "try again later": the least that a manager asks for."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one process of exporters is to do.

    `target`: `host:port` for gRPC, a URL for HTTP. `first`: number of its first exporter, so that
    processes make different ids. `spans_per_second`: of all its exporters together; None: each
    sends its next request as soon as the last one is acknowledged. `twice`: each request is sent a
    second time after its answer.
    """

    target: str
    shape: Shape = field(default_factory=Shape)
    headers: dict[str, str] = field(default_factory=dict)
    exporters: int = 8
    first: int = 0
    spans_per_second: float | None = None
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the exporters of a process saw.

    `refused`: answers "try again later". `errors`: exporters that gave up, and why.
    `cpu_seconds`: what the process itself used meanwhile.
    """

    acks: list[Ack]
    refused: int
    errors: list[str]
    cpu_seconds: float


class Exporter:
    """One thread that sends request after request until the order says to end."""

    def __init__(self, order: Order, number: int, until: float) -> None:
        self.acks: list[Ack] = []
        self.refused = 0
        self.error: str | None = None
        self._order = order
        self._number = number
        self._until = until

    def run(self) -> None:
        """Send until the time is up; what a receiver refuses for good ends it, and is kept."""
        sender = connect(self._order.target, self._order.headers)
        requests = batches(self._order.shape, self._order.first + self._number, time.time_ns)
        try:
            for due, batch in _due(requests, self._order, self._number):
                if not self._deliver(sender, batch, due, batch.spans, batch.calls):
                    return
                if self._order.twice and not self._deliver(sender, batch, time.monotonic(), 0, 0):
                    return
        except SendError as error:
            self.error = str(error)
        finally:
            sender.close()

    def _deliver(self, sender: Sender, batch: Batch, due: float, spans: int, calls: int) -> bool:
        while not sender.send(batch.payload):
            self.refused += 1
            if time.monotonic() + _REST_SECONDS > self._until:
                return False
            time.sleep(_REST_SECONDS)
        now = time.monotonic()
        self.acks.append(Ack(now, now - due, spans, calls))
        return now < self._until


def _due(requests: Iterator[Batch], order: Order, number: int) -> Iterator[tuple[float, Batch]]:
    """Yield requests with the moment each is due; never before it.

    With a pace, an exporter that falls behind sends at once, and waiting is counted from the moment
    the request was due: a receiver that stands still for a second delays all of that second.
    """
    if order.spans_per_second is None:
        for batch in requests:
            yield time.monotonic(), batch
        return
    due = time.monotonic()
    for batch in requests:
        interval = order.exporters * batch.spans / order.spans_per_second
        if number:  # exporters begin one after the other, not all at once
            due += interval * number / order.exporters
            number = 0
        rest = due - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        yield due, batch
        due += interval


def export(order: Order, until: float) -> Seen:
    """Run all exporters of an order until that moment."""
    before = time.process_time()
    exporters = [Exporter(order, number, until) for number in range(order.exporters)]
    threads = [threading.Thread(target=each.run) for each in exporters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Seen(
        acks=sorted(ack for each in exporters for ack in each.acks),
        refused=sum(each.refused for each in exporters),
        errors=[each.error for each in exporters if each.error],
        cpu_seconds=time.process_time() - before,
    )


def main() -> None:
    """Do what the lines on stdin say."""
    told = json.loads(sys.stdin.readline())
    order = Order(**{**told, "shape": Shape(**told["shape"])})
    templates(order.shape)
    print("ready", flush=True)
    print(json.dumps(asdict(export(order, float(sys.stdin.readline())))), flush=True)


if __name__ == "__main__":
    main()
