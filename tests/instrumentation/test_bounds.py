"""What a call reserves and what it settles at, by the rates that a manager told."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.guard import Policy
from manager_agent.contract.usage import Usage
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound, dearest
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.rate_client import RateClient
from manager_agent.instrumentation.sender import UnreachableError
from manager_agent.instrumentation.told import Told
from manager_agent.prices.book import PriceBook
from manager_agent.prices.custom import CustomPrice
from tests.harness.metered import CHAT, asked, ended

NOON_NS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
DAY_NS = 86_400 * 10**9
BOOK = PriceBook()
HARD = Policy(agent="a", enforcement="hard", unpriced="refuse")


class Manager:
    """Tells rates, or nothing; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, Any]]] = []
        self.away = False
        self.now = 0.0
        self.book = BOOK
        self.known = KnownRates()
        self.bounds = Bounds(self.known, lambda: self.now)

    def call(self, method: str, request: bytes, seconds: float) -> bytes:
        if self.away:
            raise UnreachableError("away")
        self.asked.append(json.loads(request)["models"])
        return rates_answer(request, self.book, datetime.now(UTC), b"key")

    def told(self, ask: Ask, policy: Policy = HARD) -> Bound:
        """Return the bound of a call, once the manager told its model's rates."""
        if self.bounds.of(ask, policy) is None:
            self.bounds.learn(self.call)
        found = self.bounds.of(ask, policy)
        assert found is not None
        return found


def chat(model: str | None = "gpt-4o", started_ns: int = NOON_NS, **more: Any) -> Ask:
    return asked(CHAT, Asked(model, **{"body_bytes": 936, **more}), started_ns=started_ns)


def test_until_the_manager_told_the_rates_there_is_no_bound() -> None:
    manager = Manager()

    before = manager.bounds.of(chat(), HARD), manager.bounds.wanted()
    manager.bounds.of(chat("gpt-4.1"), HARD)
    manager.bounds.learn(manager.call)
    after = manager.bounds.of(chat(max_output_tokens=100), HARD), manager.bounds.wanted()

    assert before == (None, True)
    # 2.50 USD and 10 USD for a million tokens.
    assert after == (Bound(1000, 100, 1000 * 2500 + 100 * 10_000), False)
    assert [each["models"] for each in manager.asked[0]] == [[None, "gpt-4o"], [None, "gpt-4.1"]]


def test_a_manager_that_is_away_is_not_asked_each_time() -> None:
    manager = Manager()
    manager.away = True
    manager.bounds.of(chat(), HARD)

    manager.bounds.learn(manager.call)
    at_once = manager.bounds.wanted()
    manager.now = 60.0
    later = manager.bounds.wanted()
    manager.away = False

    assert (at_once, later) == (False, True)
    assert manager.told(chat()).nano is not None


def test_a_new_day_goes_on_by_the_rates_of_the_day_before_until_its_own_are_here() -> None:
    manager = Manager()
    today = manager.told(chat())
    manager.away = True

    first = manager.bounds.of(chat(started_ns=NOON_NS + DAY_NS), HARD)
    wanted = manager.bounds.wanted()
    manager.away = False
    manager.bounds.learn(manager.call)
    then = manager.bounds.of(chat(started_ns=NOON_NS + DAY_NS), HARD)

    assert (first, wanted, then) == (today, True, today)
    assert manager.asked[-1][0]["day"] == "2026-11-21"
    assert not manager.bounds.wanted()


def test_a_model_that_had_no_price_is_asked_for_again() -> None:
    manager = Manager()
    unpriced = manager.told(chat("acme-1"))
    own = CustomPrice(Decimal(1), Decimal(2), model="acme-1")
    manager.book = PriceBook(custom=[own])

    early = manager.bounds.of(chat("acme-1"), HARD), manager.bounds.wanted()
    manager.now = 600.0
    again = manager.bounds.of(chat("acme-1"), HARD), manager.bounds.wanted()
    manager.bounds.learn(manager.call)
    priced = manager.bounds.of(chat("acme-1", max_output_tokens=1), HARD)

    assert unpriced.nano is None
    assert (early, again) == ((unpriced, False), (unpriced, True))
    assert priced is not None
    assert priced.nano == 1000 * 1000 + 2000
    assert not manager.bounds.wanted()


@pytest.mark.parametrize(
    ("unpriced", "nano"),
    [
        pytest.param("refuse", None, id="refused: no amount bounds it"),
        pytest.param("ceiling", 1100 * 100_000, id="taken to cost what the policy says"),
        pytest.param("allow", 0, id="let pass: counted in tokens alone"),
    ],
)
def test_a_model_without_a_price(unpriced: str, nano: int | None) -> None:
    policy = Policy(
        agent="a", enforcement="hard", unpriced=unpriced, ceiling_nano_per_mtok=100 * 10**9
    )

    found = Manager().told(chat("acme-1", max_output_tokens=100), policy)

    assert (found.nano, found.tokens) == (nano, 1100)


def test_who_runs_a_model_on_machines_of_their_own_gets_no_invoice_for_it() -> None:
    local = replace(CHAT, provider="ollama")

    found = Manager().told(asked(local, Asked("llama3", body_bytes=936, max_output_tokens=4)))

    assert (found.nano, found.tokens) == (0, 1004)


def test_nothing_is_generated_where_vectors_are_made() -> None:
    vectors = replace(CHAT, kind="embeddings")

    found = Manager().told(asked(vectors, Asked("text-embedding-3-small", body_bytes=936)))

    assert found[:3] == (1000, 0, 1000 * 20)


@pytest.mark.parametrize(
    ("tier", "times"),
    [
        pytest.param(None, 1, id="none"),
        pytest.param("auto", 1, id="the project's own"),
        pytest.param("priority", 2, id="a dearer one"),
        pytest.param("flex", 1, id="a cheaper one may still be served at the list price"),
    ],
)
def test_a_tier_that_was_asked_for_is_reserved_at_its_price(tier: str | None, times: int) -> None:
    manager = Manager()
    ask = chat("gpt-5", max_output_tokens=100)

    found = manager.told(chat("gpt-5", max_output_tokens=100, tier=tier)).nano

    plain = manager.told(ask).nano
    assert found == (plain or 0) * times


def test_a_tier_that_was_served_unasked_is_reserved_from_then_on() -> None:
    manager = Manager()
    plain = manager.told(chat("gpt-5")).nano or 0

    manager.bounds.ended(ended(chat("gpt-5"), Told("gpt-5", tier="priority", complete=True)))

    assert manager.told(chat("gpt-5")).nano == 2 * plain


def test_a_price_by_the_hour_bounds_its_own_hours() -> None:
    manager = Manager()
    deep = replace(CHAT, provider="deepseek")
    rates = BOOK.day("deepseek", ("deepseek-chat",), None, date(2026, 11, 20))
    found = {
        hour: manager.told(
            asked(deep, Asked("deepseek-chat", body_bytes=936), started_ns=_at(hour))
        ).nano
        for hour in (0, 6, 12, 18)
    }

    for hour, nano in found.items():
        assert nano is not None
        own = rates.at(datetime(2026, 11, 20, hour, tzinfo=UTC))
        assert own is not None
        assert nano == dearest(own).cost(1000, 8192)


def _at(hour: int) -> int:
    return int(datetime(2026, 11, 20, hour, tzinfo=UTC).timestamp()) * 10**9


COUNT = st.integers(0, 3000)


@given(COUNT, COUNT, st.sampled_from(["gpt-4o", "gpt-5", "o3"]), st.booleans())
def test_what_a_call_settles_at_is_what_its_span_says(
    read: int, written: int, model: str, dated: bool
) -> None:
    manager = Manager()
    usage = Usage(read, written, read // 2, reasoning_tokens=written // 3)
    told = Told(f"{model}-2025-08-07" if dated else model, usage=usage, complete=True)
    call = ended(chat(model), told)
    bound = manager.told(chat(model))
    client = RateClient(manager.call, known=manager.known)

    first = manager.bounds.spent(call, told, bound)
    manager.bounds.learn(manager.call)
    settled = manager.bounds.spent(call, told, bound)

    client.learn([call])
    assert settled == (client.cost_nano(call), read + written, False)
    assert first[2], "by the rates of the model that was asked for, until its own are told"


def test_calls_of_one_kind_reserve_what_they_mostly_use_where_a_little_over_is_allowed() -> None:
    manager = Manager()
    firm = replace(HARD, enforcement="firm")
    worst = manager.told(chat(), firm)

    for _ in range(199):
        manager.bounds.ended(_used(220, 45))
    before = manager.bounds.of(chat(), firm)
    manager.bounds.ended(_used(220, 45))
    usual = manager.bounds.of(chat(), firm)
    larger = manager.bounds.of(chat(body_bytes=9360), firm)
    hard = manager.bounds.of(chat(), HARD)

    assert before == worst
    assert hard is not None
    assert hard.tokens == worst.tokens
    assert usual is not None
    assert larger is not None
    # Buckets are an eighth of a doubling wide.
    assert 220 <= usual.input_tokens <= 220 * 9 // 8 + 1
    assert 45 <= usual.output_tokens <= 45 * 9 // 8 + 1
    assert 2200 <= larger.input_tokens <= 2200 * 9 // 8 + 1, "by the size of the prompt"
    assert usual.nano == usual.input_tokens * 2500 + usual.output_tokens * 10_000


def test_estimates_teach_nothing() -> None:
    manager = Manager()
    firm = replace(HARD, enforcement="firm")
    worst = manager.told(chat(), firm)
    told = Told("gpt-4o", usage=Usage(1, 1), estimated=True, complete=True)

    for _ in range(300):
        manager.bounds.ended(ended(chat(), told))

    assert manager.bounds.of(chat(), firm) == worst


def _used(read: int, written: int) -> Ended:
    return ended(chat(), Told("gpt-4o", usage=Usage(read, written), complete=True))


def test_a_call_without_a_limit_reserves_what_its_model_generates_at_most() -> None:
    manager = Manager()

    found = [manager.told(chat(model)).output_tokens for model in ("gpt-4o", "acme-1")]

    assert found == [16_384, 128_000]


def test_a_manager_that_tells_no_limits_is_an_older_one() -> None:
    manager = Manager()

    def older(method: str, request: bytes, seconds: float) -> bytes:
        told = json.loads(manager.call(method, request, seconds))
        for rates in told["rates"]:
            del rates["max_output_tokens"], rates["context_tokens"]
        return json.dumps(told).encode()

    manager.bounds.of(chat(), HARD)
    manager.bounds.learn(older)
    found = manager.bounds.of(chat(held_context=True), HARD)

    assert found is not None
    assert found[:2] == (1_000_000, 128_000)
