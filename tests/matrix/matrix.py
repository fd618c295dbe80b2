"""The matrix: SDKs x modes x outcomes, each cell's three accounts laid side by side."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from manager_agent.app.demo.faults import Faults
from manager_agent.app.demo.ledger import Served
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from manager_agent.contract.money import NANO_PER_USD
from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook
from tests.harness.manager import Manager, manager
from tests.matrix.cells import BROKEN, KINDS, OUTCOMES, Attempt, Cell, Outcome, Saw
from tests.matrix.environments import Environment
from tests.matrix.running import Ran, Where, agent_of, ran

FAULTS: Mapping[Outcome, Faults] = {
    "allowed": Faults(chunk_seconds=0.002),
    "refused": Faults(),
    "500 then ok": Faults(fail_first=1, retry_after_ms=1),
    "always 500": Faults(fail_every=1, retry_after_ms=1),
}
AT_ONCE = 2
SETTLE_SECONDS = 10.0
_CALLS = """
    SELECT agent, request_model, http_status, cost_usd, cost_source, input_tokens, output_tokens,
           cache_read_tokens, cache_write_tokens, reasoning_tokens
    FROM llm_calls ORDER BY agent, request_model, ts
"""
_SPANS = "SELECT agent, attributes FROM spans WHERE role = 'call'"
_DECISIONS = "SELECT agent, count(*) AS n FROM decisions WHERE decision = 'refuse' GROUP BY agent"


def run(wanted: Sequence[Environment], place: Path) -> list[Cell]:
    """Run the agents of the environments, which are there, and return every cell."""
    with ExitStack() as stack:
        running = stack.enter_context(manager(place / "data", _CONFIG))
        _hold_closed(running, wanted)
        providers = {
            outcome: stack.enter_context(serving(_settings(outcome))) for outcome in OUTCOMES
        }
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        jobs = [
            pool.submit(ran, environment, outcome, _where(running, providers[outcome]), place)
            for environment in wanted
            for outcome in OUTCOMES
        ]
        done = [_told(job.result()) for job in jobs]
        return list(_cells(done, running, providers))


def _told(ran: Ran) -> Ran:
    """Say on stderr that a process has ended, and what it wrote there: warnings of ours, too."""
    print(f"{agent_of(ran.environment, ran.outcome)}: {ran.seconds:.0f} s", file=sys.stderr)
    if ran.stderr.strip():
        print(f"it said: {ran.stderr.strip()}", file=sys.stderr)
    return ran


_CONFIG = {
    "monitoring": {"check_interval_seconds": 3600},
    "storage": {"snapshot_seconds": 3600},
    "thresholds": {"max_consecutive_failures": 1_000_000},
}


def _hold_closed(running: Manager, wanted: Sequence[Environment]) -> None:
    """Let no breaker open: what is looked at here is how each failure is told."""
    with httpx.Client(base_url=running.where["api"], trust_env=False) as client:
        for environment in wanted:
            for outcome in OUTCOMES:
                key = quote(f"agent:{agent_of(environment, outcome)}")
                answer = client.post(f"/api/v1/breakers/{key}/close", json={"why": "the matrix"})
                assert answer.is_success, answer.text


def _settings(outcome: Outcome) -> ProviderSettings:
    return ProviderSettings(pace=0, rate_429=0, rate_500=0, faults=FAULTS[outcome])


def _where(running: Manager, provider: Provider) -> Where:
    return Where(
        running.where["otlp_grpc"], running.where["api"], provider.url.removeprefix("http://")
    )


def _cells(
    done: Sequence[Ran], running: Manager, providers: Mapping[Outcome, Provider]
) -> Iterator[Cell]:
    rows = _rows(running, sum(len(provider.served) for provider in providers.values()))
    spans = running.sql(_SPANS)
    refusals = {row["agent"]: int(row["n"]) for row in running.sql(_DECISIONS)}
    prices = PriceBook()
    for each in done:
        agent = agent_of(each.environment, each.outcome)
        served = [
            entry
            for entry in providers[each.outcome].served
            if entry.path.startswith(f"/{each.environment.name}/")
        ]
        asked = max(1, sum(saw.mode != BROKEN for saw in each.saw))
        for saw in each.saw:
            yield Cell(
                environment=each.environment.name,
                outcome=each.outcome,
                saw=saw,
                served=[_truth(entry, prices) for entry in served if entry.model == saw.model],
                counted=[_row(row) for row in rows if _is_of(row, agent, saw)],
                told=sum(_names(span, agent, saw) for span in spans),
                # Decisions do not name a model: each mode has its share, if all have one.
                decisions=_share(refusals.get(agent, 0), asked),
                own=_own(each.environment),
                emitters=each.environment.emitters,
            )


def _rows(running: Manager, wanted: int) -> list[dict[str, Any]]:
    """Return the calls once there are as many as were served, or as they are after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        rows = running.sql(_CALLS)
        if len(rows) == wanted or time.monotonic() > deadline:
            return rows
        time.sleep(0.2)  # the condition above, polled


def _is_of(row: Mapping[str, Any], agent: str, saw: Saw) -> bool:
    return bool(row["agent"] == agent and row["request_model"] == saw.model)


def _names(span: Mapping[str, Any], agent: str, saw: Saw) -> bool:
    return bool(span["agent"] == agent and f'"{saw.model}"' in (span["attributes"] or ""))


def _share(refusals: int, modes: int) -> int:
    return refusals // modes if refusals % modes == 0 else refusals


def _own(environment: Environment) -> list[str]:
    roots = {"google-genai": "google", "boto3": "botocore", "pydantic-ai-slim": "pydantic_ai"}
    shown = [roots.get(name, name.replace("-", "_")) for name in environment.shows]
    return [*shown, *_BELOW.get(environment.name, ())]


# Whose exceptions come through what is built on their SDKs.
_BELOW = {
    "langchain": ("openai", "anthropic"),
    "openai-agents": ("openai", "agents"),
    "pydantic-ai": ("openai", "anthropic"),
}


def _row(row: Mapping[str, Any]) -> Attempt:
    cost = row["cost_usd"]
    nano = None if cost is None else int(Decimal(str(cost)) * NANO_PER_USD)
    return Attempt(row["http_status"], {k: row[k] for k in KINDS}, nano, row["cost_source"])


def _truth(entry: Served, prices: PriceBook) -> Attempt:
    if entry.usage is None:  # an error that nobody pays for
        return Attempt(entry.status, dict.fromkeys(KINDS, 0), 0)
    told: dict[str, int] = entry.as_json()["usage"]
    models = [entry.response_model, entry.model]
    priced = prices.price(Usage(**told), entry.provider, models, datetime.now(UTC))
    return Attempt(entry.status, told, priced.cost_nano)
