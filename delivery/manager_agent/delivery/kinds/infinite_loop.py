"""Infinite loop: a run repeats itself without progress."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, harmless, resolved, said, sample, sentences, titled
from manager_agent.rules.message import Fact, Message


def _done(message: Message) -> str | None:
    if said(message, "action") != "stop":
        return None
    what = {"trace": "this run", "conversation": "this conversation"}
    which = what.get(said(message, "run_is") or "", "the agent")
    return f"Further calls of {which} are refused; others go on."


def _advice(message: Message) -> str | None:
    agent, run = harmless(message.agent), harmless(said(message, "run"))
    scope = said(message, "run_is")
    of = f"--{scope} {run}" if run and scope in ("trace", "conversation") else agent
    if of is None:
        return "See its calls in the table `llm_calls`."
    if said(message, "action") == "stop":
        return f"When it is mended: `manager-agent resume {of}`."
    whole = f"or the whole agent: `manager-agent pause {agent}`." if agent and of != agent else None
    return sentences(f"To stop it: `manager-agent pause {of}`{',' if whole else '.'}", whole)


def _facts(now: datetime) -> dict[str, Fact]:
    return {
        "agent": "research-agent",
        "agents": "research-agent",
        "run": "4bf92f3577b34da6a3ce929d0e0e4736",
        "run_is": "trace",
        "what": "web_search",
        "same": "the same arguments and results",
        "times": 9,
        "repeats": 9,
        "steps_in_round": 1,
        "since": (now - timedelta(seconds=74)).isoformat(timespec="seconds"),
        "last": now.isoformat(timespec="seconds"),
        "cost_usd": "1.86",
        "cost_per_minute_usd": "1.51",
        "calls": 9,
        "tokens": 184_300,
        "tokens_per_minute": 149_432,
        "score": 1.35,
        "score_parts": "proven 1.10, growing_input 0.25",
        "action": None,
    }


def _samples(now: datetime) -> Iterator[Message]:
    since = now - timedelta(seconds=74)
    headline = (
        "research-agent repeats the same arguments and results, 9 times since "
        f"{since:%H:%M:%S} UTC "
        "(web_search): $1.86 ($1.51 a minute), 184,300 tokens so far"
    )
    one = sample(now, "infinite_loop", "warning", "research-agent", headline, _facts(now))
    yield one
    stopped = {**_facts(now), "action": "stop", "times": 14, "repeats": 14}
    headline = headline.replace("9 times", "14 times")
    yield sample(now, "infinite_loop", "critical", "research-agent", headline, stopped)
    yield resolved(one, "research-agent: repeats itself without progress")


KIND = Kind(
    title=titled("Infinite loop"),
    samples=_samples,
    labels={
        "agents": "Agents",
        "what": "What repeats",
        "times": "Times",
        "cost_usd": "Cost so far",
        "cost_per_minute_usd": "Cost a minute",
        "tokens": "Tokens so far",
        "calls": "Calls",
        "since": "Since",
        "run": "Run",
    },
    hidden=frozenset(
        {
            "agent",
            "run_is",
            "same",
            "repeats",
            "steps_in_round",
            "last",
            "tokens_per_minute",
            "score",
            "score_parts",
            "action",
        }
    ),
    over=lambda message: f"{message.agent} repeats itself no more.",
    done=_done,
    advice=_advice,
)
