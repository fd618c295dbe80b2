"""The control service tells agents what models cost; bounded, and only those who may send."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from manager_agent.contract.control import MOST_MODELS, RATES_METHOD
from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.usage import Usage
from manager_agent.control.rates import BadRequestError, agents_key, rates_answer
from manager_agent.prices.book import PriceBook
from tests.harness.manager import manager

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOOK = PriceBook()
KEY = agents_key(b"the manager's own")
GPT = {"provider": "openai", "models": [None, "gpt-4o"], "tier": None}


def answer(*models: Any) -> list[DayRates]:
    request = json.dumps({"models": list(models)}).encode()
    told = json.loads(rates_answer(request, BOOK, NOW, KEY))["rates"]
    return [DayRates.from_json(each) for each in told]


def test_agents_get_a_key_that_is_not_the_managers() -> None:
    told = json.loads(rates_answer(b'{"models": []}', BOOK, NOW, KEY))["digest_key"]

    assert bytes.fromhex(told) == KEY == agents_key(b"the manager's own")
    assert KEY not in (b"the manager's own", agents_key(b"another manager's"))


def test_each_model_is_told_of_in_its_place() -> None:
    found = answer(
        GPT, {"provider": "openai", "models": ["gpt-none"]}, {**GPT, "day": "2026-01-02"}
    )

    assert [each.reason for each in found] == ["priced", "unpriced_model", "priced"]
    usage = Usage(1000, 50)
    expected = BOOK.price(usage, "openai", (None, "gpt-4o"), NOW)
    assert found[0].price(usage, NOW) == expected


@pytest.mark.parametrize(
    ("request_body", "says"),
    [
        (b"\xff", "no {"),
        (b"[]", "no {"),
        (b"[" * 60_000, "no {"),
        (b'{"models": 1}', "no list"),
        (json.dumps({"models": [GPT] * (MOST_MODELS + 1)}).encode(), "no list"),
        (b'{"models": [1]}', "no object"),
        (b'{"models": [{}]}', "no list of at most 4 names"),
        (json.dumps({"models": [{**GPT, "models": ["a"] * 5}]}).encode(), "at most 4 names"),
        (json.dumps({"models": [{**GPT, "models": ["a" * 300]}]}).encode(), "256 characters"),
        (json.dumps({"models": [{**GPT, "tier": 7}]}).encode(), "no text"),
        (json.dumps({"models": [{**GPT, "day": "tomorrow"}]}).encode(), "no date"),
        (json.dumps({"models": [{**GPT, "day": 7}]}).encode(), "no date"),
        (b" " * 100_000, "100000 bytes"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_was_found(
    request_body: bytes, says: str
) -> None:
    with pytest.raises(BadRequestError, match=says):
        rates_answer(request_body, BOOK, NOW, KEY)


def test_a_real_manager_tells_those_who_may_send(tmp_path: Path) -> None:
    config = {"receiver": {"tokens": ["the-token-of-an-agent"]}}
    request = json.dumps({"models": [GPT]}).encode()
    shown = (("authorization", "Bearer the-token-of-an-agent"),)
    with (
        manager(tmp_path / "data", config) as running,
        grpc.insecure_channel(running.where["otlp_grpc"]) as channel,
    ):
        ask = channel.unary_unary(RATES_METHOD)
        told = json.loads(ask(request, timeout=20, metadata=shown))
        with pytest.raises(grpc.RpcError) as unknown:
            ask(request, timeout=20)
        with pytest.raises(grpc.RpcError) as nonsense:
            ask(b"?", timeout=20, metadata=shown)

    assert DayRates.from_json(told["rates"][0]).reason == "priced"
    assert unknown.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert nonsense.value.code() is grpc.StatusCode.INVALID_ARGUMENT
