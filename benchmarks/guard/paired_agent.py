"""What a call costs more: `manager-agent run python paired_agent.py CALLS` prints JSON.

Calls of the OpenAI SDK over a transport in memory, in turns: to a host that is nobody's (bare), to
a model's with gate, meter and span but without a guard, and with the guard. Medians are of the
processor time of the calling thread, p99 of what the clock shows. And the guard alone: decide and
line up to be settled, without gate, SDK or span; then a call's share of settling many together.
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

from manager_agent.instrumentation import gate, guarding
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.local_policy import AllowAll
from manager_agent.instrumentation.unread import WholeAnswer

WARM_UP = 200
TOGETHER = 50
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
    """Hands everything on, and keeps the last of each."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.refused = 0
        self.wait, self.wait_async = policy.wait, policy.wait_async

    def decide(self, ask: Any) -> Any:
        self.ask = ask
        return self._policy.decide(ask)

    def settle(self, ended: Any) -> Any:
        self.ended = ended
        return self._policy.settle(ended)


def _client(place: str) -> OpenAI:
    head = {"content-type": "application/json"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=head, content=_BODY))
    http = httpx2.Client(transport=transport)
    return OpenAI(base_url=f"http://{place}/v1", api_key="none", http_client=http, max_retries=0)


def _in_turns(calls: int, guard: Any) -> dict[str, Any]:
    place = os.environ["MANAGER_LLM_HOSTS"].partition("=")[0]
    kinds = {
        "bare": (_client("nobody.invalid"), guard),
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
        for turn in range(3):
            kind = names[(number + turn) % 3]
            client, policy = kinds[kind]
            gate.use(policy)
            began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
            try:
                client.chat.completions.create(**_ASKED)
            except Exception:  # noqa: BLE001 - a refusal; it spoils the figures, so it is told
                refused += 1
            cpu[kind].append(time.thread_time_ns() - began_cpu)
            clock[kind].append(time.perf_counter_ns() - began)
    told = {kind: _figures(cpu[kind][WARM_UP:], clock[kind][WARM_UP:]) for kind in kinds}
    pairs = zip(cpu["guarded"][WARM_UP:], cpu["metered"][WARM_UP:], strict=True)
    added = statistics.median(with_it - without for with_it, without in pairs)
    return {**told, "guard_us": added / 1000, "allowed": 2 * calls, "refused": refused}


def _figures(cpu: list[int], clock: list[int]) -> dict[str, float]:
    ordered = sorted(clock)
    return {
        "p50": statistics.median(cpu) / 1000,
        "clock_p50": ordered[len(ordered) // 2] / 1000,
        "p99": ordered[len(ordered) * 99 // 100] / 1000,
    }


def _isolated(spy: Spy, guard: Any, calls: int) -> dict[str, float]:
    """Measure in the caller's thread; "settling" is a call's share of what another one does."""
    taken, settled = [], []
    for number in range(calls + WARM_UP):
        ended = _again(spy.ended, number)
        began = time.thread_time_ns()
        guard.decide(ended.ask)
        guard.settle(ended)
        taken.append(time.thread_time_ns() - began)
        if number % TOGETHER == 0:
            began = time.thread_time_ns()
            guarding.current().drain()
            settled.append((time.thread_time_ns() - began) // TOGETHER)
    taken = sorted(taken[WARM_UP:])
    return {
        "p50": taken[len(taken) // 2] / 1000,
        "p99": taken[len(taken) * 99 // 100] / 1000,
        "settling": statistics.median(settled) / 1000,
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
    print(json.dumps({**found, "isolated_us": _isolated(spy, guard, calls)}), flush=True)


if __name__ == "__main__":
    main()
