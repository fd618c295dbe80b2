"""What an agent knows of prices: what its manager told, asked once, and nothing made up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from manager_agent.contract.control import MOST_MODELS
from manager_agent.contract.usage import Usage
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation import provider, spans
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.rate_client import RateClient
from manager_agent.instrumentation.sender import UnreachableError
from manager_agent.instrumentation.told import Told
from manager_agent.prices.book import PriceBook
from tests.harness.manager import manager
from tests.harness.metered import CHAT, MESSAGES, asked, ended

NOON_NS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
BOOK = PriceBook()


class Manager:
    """Answers as the control service does, or not at all."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.away = False
        self.now = 0.0

    def call(self, method: str, request: bytes, seconds: float) -> bytes:
        assert method.endswith("/Rates")
        if self.away:
            self.asked.append(0)
            raise UnreachableError("away")
        self.asked.append(len(json.loads(request)["models"]))
        return rates_answer(request, BOOK, datetime.now(UTC), b"key")

    def client(self) -> RateClient:
        return RateClient(self.call, lambda: self.now)


def call(model: str = "gpt-4o", tier: str | None = None, usage: Usage | None = None) -> Ended:
    told = Told(model, usage=usage or Usage(1000, 50, 200), tier=tier)
    return ended(asked(CHAT, Asked(model), started_ns=NOON_NS), told)


def costs(client: RateClient, calls: Sequence[Ended]) -> list[int | None]:
    client.learn(calls)
    return [client.cost_nano(each) for each in calls]


def test_the_first_call_has_its_cost_and_the_manager_is_asked_once() -> None:
    manager = Manager()
    client = manager.client()

    found = costs(client, [call(), call(usage=Usage(7, 7)), call(tier="batch")])
    again = costs(client, [call()])

    at = datetime.fromtimestamp(NOON_NS // 10**9, UTC)
    expected = [
        BOOK.price(usage, "openai", ("gpt-4o", "gpt-4o"), at, tier).cost_nano
        for usage, tier in (
            (Usage(1000, 50, 200), None),
            (Usage(7, 7), None),
            (Usage(1000, 50, 200), "batch"),
        )
    ]
    assert found == expected
    assert None not in found
    assert again == expected[:1]
    assert manager.asked == [2]


def test_many_models_are_asked_for_in_portions() -> None:
    manager = Manager()

    costs(manager.client(), [call(f"model-{n}") for n in range(MOST_MODELS + 1)])

    assert manager.asked == [MOST_MODELS, 1]


def test_without_a_manager_there_is_no_cost_and_it_is_not_asked_each_time() -> None:
    manager = Manager()
    client = manager.client()
    manager.away = True

    assert costs(client, [call()]) == costs(client, [call()]) == [None]
    assert len(manager.asked) == 1
    manager.away = False
    manager.now = 60.0
    assert costs(client, [call()]) != [None]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"rates": [{}]}', b'{"rates": 3}'])
def test_an_answer_that_is_none_breaks_nothing(answer: bytes) -> None:
    client = RateClient(lambda *_: answer, lambda: 0.0)

    assert costs(client, [call()]) == [None]


def test_unknown_usage_has_no_cost() -> None:
    client = Manager().client()

    assert costs(client, [call(usage=Usage(None, 5)), ended(told=Told("gpt-4o"))]) == [None, None]


def test_more_models_than_are_kept_do_no_harm() -> None:
    known = KnownRates()
    client = RateClient(Manager().call, lambda: 0.0, known)

    for start in range(0, 3000, 500):
        costs(client, [call(f"model-{n}") for n in range(start, start + 500)])

    assert costs(client, [call()]) != [None]
    assert len(known) <= 1024


def test_costs_on_spans_are_those_of_the_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the way: rates over gRPC, spans over OTLP, and both figures in one row."""
    monkeypatch.setattr(provider, "_outbox", None)
    config = {"prices": {"discounts": {"anthropic": 0.25}}}
    with manager(tmp_path / "data", config) as running:
        monkeypatch.setenv("MANAGER_ENDPOINT", f"http://{running.where['otlp_grpc']}")
        usage = Usage(100_000, 777, 5000, 3000, 1000, 10)
        for model, endpoint in (("gpt-4o", CHAT), ("claude-sonnet-4-5", MESSAGES)):
            told = Told(model, f"answer of {model}", "stop", usage=usage)
            spans.emit(ended(asked(endpoint, Asked(model)), told))
        charged = Told("gpt-4o", usage=usage, cost_usd=Decimal("0.125"))
        spans.emit(ended(told=charged))
        assert provider.flush(20)
        rows = running.sql(
            "SELECT cost_usd, reported_cost_usd, cost_source FROM llm_calls ORDER BY response_id"
        )
    thread = provider._outbox and provider._outbox._thread
    provider.shutdown(5)
    if thread:
        thread.join(10)

    by_us = [row for row in rows if row["cost_source"] == "local"]
    assert len(by_us) == 2
    assert all(row["cost_usd"] == row["reported_cost_usd"] for row in by_us)
    assert [row["cost_usd"] for row in rows if row["cost_source"] == "provider"] == [0.125]
