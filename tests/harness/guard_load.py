"""Many connected processes on one manager, and what they cost it.

    python -m tests.harness.guard_load --processes 1000 --seconds 30

Each process has a connection of its own, one agent, and reports both units every three seconds in
one message, as a guard with an ample budget does.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import grpc

from manager_agent.contract.frame import frames, messages_of
from manager_agent.contract.guard import FromGuard, FromManager, Grant, Hello, LeaseUnit, Report
from manager_agent.control.session import SESSION_METHOD
from tests.harness.manager import manager

HEARTBEAT_SECONDS = 3.0
UNITS: tuple[LeaseUnit, LeaseUnit] = ("usd", "tokens")
LIMITS = {"hourly_limit_usd": 1000, "daily_limit_usd": 5000, "hourly_token_limit": 10**9}


@dataclass
class Load:
    """What happened: messages sent and heard, reports in them, how long each answer took.

    `lost`: streams that ended before their time, by what was said.
    """

    sent: int = 0
    reports: int = 0
    heard: int = 0
    fences: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)


@dataclass
class Process:
    """One guard: what it holds of each unit, and since when it waits for which answer."""

    number: int
    load: Load
    agents: int
    seq: int = 0
    granted: dict[str, Grant] = field(default_factory=dict)
    allowances: dict[str, Grant] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=lambda: {"usd": 0, "tokens": 0})
    asked: dict[int, float] = field(default_factory=dict)

    async def run(self, address: str, ends: float, every: float) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
        random = Random(self.number)
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            call = channel.stream_stream(SESSION_METHOD)()
            listening = asyncio.create_task(self._listen(call))
            try:
                hello = Hello(f"load-{self.number}", host="h", boot_id="b")
                await self._say(call, FromGuard(hello=hello))
                await asyncio.sleep(random.random() * every)
                while time.monotonic() < ends:
                    await self._say(call, *(FromGuard(report=one) for one in self._reports()))
                    await asyncio.sleep(every)
                await call.done_writing()
            except grpc.aio.AioRpcError as error:
                self.load.lost[f"{await call.code()}: {await call.details()} ({error.code()})"] += 1
            listening.cancel()
            await asyncio.wait([listening])

    def _reports(self) -> list[Report]:
        allowances = [self._of_allowance(grant) for grant in self.allowances.values()]
        return [*allowances, *map(self._report, UNITS)]

    def _of_allowance(self, grant: Grant) -> Report:
        self.seq += 1
        return Report(
            holder=grant.holder,
            seq=self.seq,
            lease=grant.lease,
            agent=grant.agent,
            unit=grant.unit,
            granted_seen=grant.granted_total,
        )

    def _report(self, unit: LeaseUnit) -> Report:
        self.seq += 1
        self.asked[self.seq] = time.monotonic()
        grant = self.granted.get(unit)
        have = grant.granted_total if grant else 0
        self.settled[unit] = spent = have // 2
        return Report(
            holder=f"load-{self.number}",
            seq=self.seq,
            lease=grant.lease if grant else 0,
            agent=f"agent-{self.number % self.agents}",
            unit=unit,
            settled_total=spent,
            settled_calls=spent // 10,
            want=1_000_000 if unit == "usd" else 1000,
            granted_seen=have,
        )

    async def _say(self, call: Any, *messages: FromGuard) -> None:
        for frame in frames(messages):
            await call.write(frame)
            self.load.sent += 1
        self.load.reports += sum(one.report is not None for one in messages)

    async def _listen(self, call: Any) -> None:
        async for payload in call:
            self.load.heard += 1
            for said in messages_of(FromManager, payload):
                self.load.fences += said.fence is not None
                if said.grant is not None:
                    self._take(said.grant)

    def _take(self, grant: Grant) -> None:
        if grant.offline:
            self.allowances[grant.unit] = grant
            return
        self.granted[grant.unit] = grant
        began = self.asked.pop(grant.seq, None)
        if began is not None:
            self.load.waits.append(time.monotonic() - began)


def usage(pid: int) -> tuple[float, float]:
    """Return the seconds of processor time and the MiB of memory of a process."""
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(stat[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def drive(address: str, args: argparse.Namespace) -> Load:
    load = Load()
    ends = time.monotonic() + args.seconds
    runs = [
        Process(number, load, args.agents).run(address, ends, args.every)
        for number in range(args.processes)
    ]
    await asyncio.gather(*runs)
    return load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--every", type=float, default=HEARTBEAT_SECONDS)
    args = parser.parse_args()
    config = {"agent_budgets": {"default": LIMITS}}
    with (
        tempfile.TemporaryDirectory() as folder,
        manager(Path(folder) / "data", config) as running,
    ):
        idle_s, idle_mib = usage(running.pid)
        began = time.monotonic()
        load = asyncio.run(drive(running.where["otlp_grpc"], args))
        took = time.monotonic() - began
        busy_s, busy_mib = usage(running.pid)
        waits = sorted(load.waits)
        batches = running.metric("manager_guard_batches_total")
        print(
            json.dumps(
                {
                    "processes": args.processes,
                    "seconds": round(took, 1),
                    "sent": load.sent,
                    "reports": load.reports,
                    "heard": load.heard,
                    "fences": load.fences,
                    "lost": load.lost,
                    "answer_ms_p50": round(1000 * waits[len(waits) // 2], 1),
                    "answer_ms_p99": round(1000 * waits[len(waits) * 99 // 100], 1),
                    "cpu_percent": round(100 * (busy_s - idle_s) / took, 1),
                    "cpu_us_a_report": round(1e6 * (busy_s - idle_s) / load.reports),
                    "mib": [round(idle_mib), round(busy_mib)],
                    "batches": batches,
                    "commands_a_batch": round(
                        running.metric("manager_guard_batched_total") / batches, 1
                    ),
                    "slowest_batch_s": running.metric("manager_guard_batch_slowest_seconds"),
                    "ms_a_batch": round(
                        1000 * running.metric("manager_guard_batch_seconds_total") / batches, 2
                    ),
                }
            )
        )
        log = [line for line in running.log().splitlines() if "[error" in line]
        print(f"errors in its log: {len(log)}", *log[:3])


if __name__ == "__main__":
    main()
