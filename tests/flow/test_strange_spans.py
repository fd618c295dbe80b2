"""Spans that no emitter should send are stored or refused; they never stop their sender."""

import time
from dataclasses import replace

import pytest

from tests.harness.manager import Manager
from tests.harness.otlp import Sender, one_call, request


@pytest.mark.parametrize(
    ("attributes", "agent"),
    [
        pytest.param({"gen_ai.usage.input_tokens": 2**63 - 1}, "strange-huge", id="2^63-1 tokens"),
        pytest.param(
            {
                "gen_ai.usage.input_tokens": 2**63 - 1,
                "gen_ai.usage.output_tokens": 2**63 - 1,
                "gen_ai.usage.cache_read.input_tokens": 2**63 - 1,
            },
            "strange-sum",
            id="a sum above 64 bits",
        ),
        pytest.param({"gen_ai.usage.input_tokens": -5}, "strange-minus", id="negative tokens"),
        pytest.param({"gen_ai.usage.input_tokens": "1e400"}, "strange-inf", id="infinite text"),
        pytest.param({"gen_ai.usage.input_tokens": float("nan")}, "strange-nan", id="nan tokens"),
        pytest.param(
            {"gen_ai.usage.cost.amount": 1e300, "gen_ai.usage.cost.source": "provider"},
            "strange-cost",
            id="an absurd cost",
        ),
        pytest.param(
            {"gen_ai.usage.cost.amount": -1e300, "gen_ai.usage.cost.source": "provider"},
            "strange-credit",
            id="an absurd credit",
        ),
        pytest.param(
            {"gen_ai.response.finish_reasons": [float("nan"), float("inf")]},
            "strange-list",
            id="nan in a kept list",
        ),
        pytest.param({"http.response.status_code": 2**40}, "strange-status", id="a huge status"),
        pytest.param({"gen_ai.agent.name": "\x00nul\x00"}, "\x00nul\x00", id="NUL in a name"),
        pytest.param({"gen_ai.response.id": "r" * 2**20}, "strange-long", id="an endless id"),
        pytest.param({"gen_ai.request.model": ["a", "b"]}, "strange-model", id="a list as model"),
        pytest.param({"gen_ai.request.model": b"\xff\xfe"}, "strange-bytes", id="bytes as model"),
        pytest.param({"k" * 100_000: 1, "": 2}, "strange-keys", id="strange keys"),
    ],
)
def test_a_strange_span_never_stops_its_sender(
    attributes: dict[str, object], agent: str, running: Manager, sender: Sender
) -> None:
    """A batch that can never be stored would be sent again for ever, and block all behind it."""
    strange = one_call(agent if agent.isprintable() else "nul", 1, **attributes)
    beside = one_call(f"beside {strange.service}", 2)

    sender.send(request([strange, beside]))

    assert running.calls_of(beside.service) == 1
    assert running.calls_of(agent) == 1
    assert running.get("/api/v1/manager/status")["status"] == "ok"


def test_impossible_times_are_stored(running: Manager, sender: Sender) -> None:
    """An end before the start, an end beyond any clock, a start in 1970."""
    backward = replace(one_call("clock-back", 1), duration_ns=-(10**9))
    endless = replace(one_call("clock-end", 1), duration_ns=2**63 - time.time_ns())
    early = replace(one_call("clock-1970", 1), start_ns=1)

    sender.send(request([backward, endless, early]))

    assert [running.calls_of(f"clock-{name}") for name in ("back", "end", "1970")] == [1, 1, 1]


def test_an_endless_span_slows_nobody(running: Manager, sender: Sender) -> None:
    """Two emitters of one process, each with a span that never ended: others are as quick."""
    first = replace(one_call("endless", 0), process="endless")
    calls = [
        replace(
            one_call("endless", number, **{"gen_ai.usage.input_tokens": 1000 + number}),
            process="endless",
            start_ns=first.start_ns + number * 10**7,
            duration_ns=10**6,
            scope=f"test.emitter-{number % 2}",
        )
        for number in range(6000)
    ]
    calls[:2] = [replace(call, duration_ns=2**61) for call in calls[:2]]

    began = time.monotonic()
    for some in range(0, len(calls), 1000):
        sender.send(request(calls[some : some + 1000]))

    assert time.monotonic() - began < 20
    assert running.calls_of("endless") == len(calls)
