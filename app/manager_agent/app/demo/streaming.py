"""A streamed answer as it is sent: at a pace, compressed, cut in the middle, left by its client."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from manager_agent.app.demo.compression import Squeeze
from manager_agent.app.demo.event_frames import Frame, encode
from manager_agent.app.demo.ledger import Ending

Done = Callable[[Ending, float], None]
"""Called once: how the stream ended, and which share of it was sent, 0 to 1."""


class Cut(Exception):
    """Makes the server close the connection in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When the next event is sent, and after how many the stream is cut (None: never)."""

    pause_seconds: float
    cut_after: int | None


class Stream:
    """The ASGI answer. `done` is told before the last event leaves, so that it is not too late."""

    def __init__(
        self,
        events: Sequence[str | Frame],
        headers: Mapping[str, str],
        squeeze: Squeeze,
        pace: Pace,
        done: Done,
    ) -> None:
        self._events = [e.encode() if isinstance(e, str) else encode(e) for e in events]
        self._headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
        self._squeeze = squeeze
        self._pace = pace
        self._done = done
        self._sent = 0
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, until it is at its end, cut, or nobody is there."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_until_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone = not sending.done()
            leaving.cancel()
            sending.cancel()
        if gone:
            self._end("left")
        else:
            sending.result()  # raises what it raised, `Cut` included

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        for number, event in enumerate(self._events, start=1):
            if number - 1 == self._pace.cut_after:
                self._end("cut")
                raise Cut
            last = number == len(self._events)
            if last:
                self._end("whole")
            body = self._squeeze(event, last)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._sent = number
            await asyncio.sleep(self._pace.pause_seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _end(self, ending: Ending) -> None:
        if not self._over:
            self._over = True
            share = 1.0 if ending == "whole" else self._sent / max(1, len(self._events))
            self._done(ending, share)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def without_cuts(record: logging.LogRecord) -> bool:
    """Tell whether a line of the server's log is news; a stream cut on purpose is none."""
    return not (record.exc_info and isinstance(record.exc_info[1], Cut))
