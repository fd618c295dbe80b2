"""What a call costs more: `manager-agent run python paired_agent.py CALLS` prints JSON.

Calls of the OpenAI SDK over a transport in memory, in turns: to a host that is nobody's (bare), the
same once more (what two series of the same differ by), to a model's with gate, meter and span but
without a guard, and with the guard; by the clock and by the processor time of the calling thread.

And the guard alone, without SDK, request, answer or span, in loops of `TOGETHER` calls: to decide
and line up what ended; then a call's share of settling them. The cost of reading the clock is
measured and taken off. And the same two steps in the midst of calls of the SDK, each timed alone,
where nothing of them is in the processor's caches.
"""

import gc
import json
import os
import statistics
import sys
import time
from typing import Any

import httpx2
from openai import OpenAI

from manager_agent.contract.decision import Allow
from manager_agent.instrumentation import gate, guarding
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.local_policy import AllowAll
from manager_agent.instrumentation.unread import WholeAnswer

WARM_UP = 200
TOGETHER = 50
LOOPS = 1000
_USAGE = {"prompt_tokens": 160, "completion_tokens": 48, "total_tokens": 208}
_MESSAGE = {"role": "assistant", "content": "Region 7 earned 41.2. " * 8}
_CHOICE = {"index": 0, "message": _MESSAGE, "finish_reason": "stop"}
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
_BODY = json.dumps({**_HEAD, "choices": [_CHOICE], "usage": _USAGE}).encode()
_ASKED: Any = {
    "model": "gpt-4o",
    "max_tokens": 300,
    "messages": [
        {"role": "system", "content": "You are brief. " * 40},
        {"role": "user", "content": "What did region 7 earn last quarter?"},
    ],
}


class Spy:
    """Hands everything on, takes the time of it, and keeps the last that ended."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.decided: list[int] = []
        self.settled: list[int] = []
        self.wait, self.wait_async = policy.wait, policy.wait_async

    def decide(self, ask: Any) -> Any:
        began = time.thread_time_ns()
        decision = self._policy.decide(ask)
        self.decided.append(time.thread_time_ns() - began)
        return decision

    def settle(self, ended: Any) -> Any:
        self.ended = ended
        began = time.thread_time_ns()
        receipt = self._policy.settle(ended)
        self.settled.append(time.thread_time_ns() - began)
        return receipt


def _client(place: str) -> OpenAI:
    head = {"content-type": "application/json"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=head, content=_BODY))
    http = httpx2.Client(transport=transport)
    return OpenAI(base_url=f"http://{place}/v1", api_key="none", http_client=http, max_retries=0)


def _in_turns(calls: int, guard: Any) -> dict[str, Any]:
    place = os.environ["MANAGER_LLM_HOSTS"].partition("=")[0]
    kinds = {
        "bare": (_client("nobody.invalid"), guard),
        "bare again": (_client("nobody.invalid"), guard),
        "metered": (_client(place), AllowAll()),
        "guarded": (_client(place), guard),
    }
    cpu: dict[str, list[int]] = {kind: [] for kind in kinds}
    clock: dict[str, list[int]] = {kind: [] for kind in kinds}
    refused = 0
    names = list(kinds)
    for number in range(WARM_UP + calls):
        if number % 200 == 0:
            gc.collect()  # here, not in the middle of somebody's call
        for turn in range(len(names)):
            kind = names[(number + turn) % len(names)]
            client, policy = kinds[kind]
            gate.use(policy)
            began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
            try:
                client.chat.completions.create(**_ASKED)
            except Exception:  # noqa: BLE001 - a refusal; it spoils the figures, so it is told
                refused += 1
            cpu[kind].append(time.thread_time_ns() - began_cpu)
            clock[kind].append(time.perf_counter_ns() - began)
    ours = ("cpu", cpu), ("clock", clock)
    told = {name: {kind: each[kind][WARM_UP:] for kind in kinds} for name, each in ours}
    return {**told, "allowed": 2 * calls, "refused": refused}


def _isolated(spy: Spy, guard: Any) -> dict[str, Any]:
    """Measure loops of `TOGETHER` calls: in the caller's thread, then settling all of them.

    With nothing else under way in this process, as far as it has a say in that. A loop in which one
    of them had no money at once is none of a call that finds it: those are counted.
    """
    called, settled, timer, without = [], [], _timer(), 0
    several = [_again(spy.ended, number) for number in range(TOGETHER)]
    _quiet()
    for _ in range(LOOPS):
        began = time.thread_time_ns()
        decisions = []
        for ended in several:
            decisions.append(guard.decide(ended.ask))
            guard.settle(ended)
        between = time.thread_time_ns()
        guarding.current().drain()
        ready = time.thread_time_ns()
        if all(type(decision) is Allow for decision in decisions):
            called.append((between - began - timer) / TOGETHER)
            settled.append((ready - between - timer) / TOGETHER)
        else:
            without += 1
    first = len(called) // 10
    both = [one + two for one, two in zip(called, settled, strict=True)]
    return {
        "timer": timer / 1000,
        "without money": without,
        **_spread("", both[first:]),
        **_spread("caller ", called[first:]),
        **_spread("settling ", settled[first:]),
    }


def _quiet() -> None:
    """Wait until other threads have done what calls before left to them: a minute at most."""
    deadline = time.monotonic() + 60
    busy = 1.0
    while busy > 0.005 and time.monotonic() < deadline:
        before = time.process_time()
        time.sleep(0.5)
        busy = time.process_time() - before


def _timer() -> int:
    """Return what it takes to read the clock, nanoseconds: it is in all that is measured."""
    found = []
    for _ in range(1000):
        began = time.thread_time_ns()
        found.append(time.thread_time_ns() - began)
    return int(statistics.median(found))


def _in_place(spy: Spy, calls: int) -> dict[str, float]:
    """Measure the two steps in the midst of calls of the SDK."""
    gate.use(spy)
    client, timer = _client(os.environ["MANAGER_LLM_HOSTS"].partition("=")[0]), _timer()
    for number in range(calls):
        client.chat.completions.create(**_ASKED)
        if number == calls // 10:
            spy.decided, spy.settled = [], []
    decided = [each - timer for each in spy.decided]
    settled = [each - timer for each in spy.settled]
    return {**_spread("decide ", decided), **_spread("line up ", settled)}


def _spread(of: str, taken: Any) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        f"{of}p10": ordered[len(ordered) // 10] / 1000,
        f"{of}p50": ordered[len(ordered) // 2] / 1000,
        f"{of}p99": ordered[len(ordered) * 99 // 100] / 1000,
    }


def _again(ended: Any, number: int) -> Ended:
    """Return a call like `ended` under another id, its answer read: by the span, in an agent."""
    like = ended.ask
    ask = Ask(
        f"{number:032x}", like.endpoint, like.asked, like.identity, like.context, like.started_ns
    )
    answer = WholeAnswer(ask, 200, {}, _BODY)
    again = Ended(ask, ended.decision, ended.ended_ns, "whole", answer, 200)
    assert again.counted.usage is not None
    return again


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1])
    guard = gate.policy()
    spy = Spy(guard)
    gate.use(spy)
    place = os.environ["MANAGER_LLM_HOSTS"].partition("=")[0]
    _client(place).chat.completions.create(**_ASKED)
    found = _in_turns(calls, guard)
    found["isolated_us"] = _isolated(spy, guard)
    found["in_place_us"] = _in_place(spy, calls)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
