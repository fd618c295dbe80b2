"""Run cost: one conversation or trace of an agent costs more than it may, or than any before."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, harmless, iso, said, sample, sentences, titled
from manager_agent.rules.message import Fact, Message


def _done(message: Message) -> str | None:
    if said(message, "action") != "stop":
        return None
    return f"Further calls of this {said(message, 'run_is')} are refused; others go on."


def _advice(message: Message) -> str | None:
    run, scope = harmless(said(message, "run")), said(message, "run_is")
    if run is None:
        return "See its calls in the table `llm_calls`."
    of = f"--{scope} {run}"
    if said(message, "action") == "stop":
        return f"To let it go on: `manager-agent resume {of}`."
    return sentences(f"To stop it: `manager-agent pause {of}`.")


def _facts(now: datetime) -> dict[str, Fact]:
    return {
        "agent": "research-agent",
        "run": "thread-4711",
        "run_is": "conversation",
        "cost_usd": "6.20",
        "limit_usd": "2.60",
        "calls": 74,
        "since": iso(now - timedelta(minutes=9)),
        "last": iso(now),
        "earlier_runs": 143,
        "median_usd": "0.21",
        "dearest_usd": "1.30",
        "action": None,
    }


def _samples(now: datetime) -> Iterator[Message]:
    since = now - timedelta(minutes=9)
    cost = f"A run of research-agent cost $6.20 so far with 74 calls since {since:%H:%M:%S} UTC: "
    headline = f"{cost}30 times the median of 143 runs before, $0.21"
    yield sample(now, "run_cost", "warning", "research-agent", headline, _facts(now))
    stopped = {**_facts(now), "limit_usd": "5.00", "action": "stop"}
    headline = f"{cost}its limit is $5.00"
    yield sample(now, "run_cost", "critical", "research-agent", headline, stopped)


KIND = Kind(
    title=titled("A run costs too much"),
    samples=_samples,
    labels={
        "cost_usd": "Cost so far",
        "limit_usd": "Limit",
        "calls": "Calls",
        "since": "Since",
        "run": "Run",
        "median_usd": "Median of earlier runs",
        "dearest_usd": "Dearest of them",
        "earlier_runs": "Earlier runs",
    },
    hidden=frozenset({"agent", "run_is", "last", "action"}),
    done=_done,
    advice=_advice,
)
