"""Many guards at once: streams as processes have them, each with a Hello, a lease, and renewals."""

import asyncio
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any

import grpc

from manager_agent.contract.frame import messages_of
from manager_agent.contract.guard import Bye, FromGuard, FromManager, Hello, Report
from manager_agent.contract.wire_format import encode
from manager_agent.control.session import SESSION_METHOD

_PATIENCE = 120.0
_WANT = 1_000_000
"""Nano-USD that each asks for: a tenth of a cent."""


@dataclass(frozen=True)
class Crowd:
    """`granted`: guards that were given a lease; `renewed`: that had it renewed while all were."""

    holders: int
    granted: int
    renewed: int
    seconds: float
    p50_ms: float
    p99_ms: float


class _Guard:
    """One stream over a connection of its own."""

    def __init__(self, address: str, agent: str) -> None:
        self.holder = str(uuid.uuid4())
        self.agent = agent
        self._options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(address, options=self._options)
        self._stream = self._channel.stream_stream(SESSION_METHOD)()
        self._seq = 0
        self.lease = 0

    async def greet(self) -> None:
        said = Hello(self.holder, host="crowd", boot_id=self.holder, pid=os.getpid())
        await self._say(FromGuard(hello=said))

    async def ask(self) -> float:
        """Report, and return the seconds until the grant that answers it."""
        self._seq += 1
        began = time.monotonic()
        report = Report(
            holder=self.holder,
            seq=self._seq,
            lease=self.lease,
            agent=self.agent,
            unit="usd",
            want=_WANT,
            need=_WANT if not self.lease else 0,
        )
        await self._say(FromGuard(report=report))
        while True:
            for message in messages_of(FromManager, await self._stream.read()):
                heard = message.grant
                if heard is not None and heard.seq >= self._seq and heard.lease:
                    self.lease = heard.lease
                    return time.monotonic() - began

    async def leave(self) -> None:
        await self._say(FromGuard(bye=Bye(self.holder)))
        await self._stream.done_writing()
        await self._channel.close()

    async def _say(self, message: Any) -> None:
        await self._stream.write(encode(message))


def gathered(address: str, holders: int, agent: str) -> Crowd:
    """Connect so many guards to a manager, all at once; return what they met."""
    return asyncio.run(_gather(address, holders, agent))


async def _gather(address: str, holders: int, agent: str) -> Crowd:
    guards = [_Guard(address, agent) for _ in range(holders)]
    began = time.monotonic()

    async def first(guard: _Guard) -> float:
        await guard.greet()
        return await guard.ask()

    granted = await _all([first(guard) for guard in guards])
    seconds = time.monotonic() - began
    renewed = await _all([guard.ask() for guard in guards])
    await _all([guard.leave() for guard in guards])
    taken = sorted(renewed) or [float("inf")]
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    return Crowd(holders, len(granted), len(renewed), seconds, p50 * 1000, p99 * 1000)


async def _all(work: list[Any]) -> list[float]:
    """Return the results of those that came in time and did not fail."""
    async with asyncio.timeout(_PATIENCE):
        found = await asyncio.gather(*work, return_exceptions=True)
    return [one for one in found if not isinstance(one, BaseException)]
