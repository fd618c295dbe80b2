"""Pure: what one call cost, and how sure that is."""

from datetime import UTC, datetime
from functools import lru_cache

from manager_agent.contract.attributes import BY_HAND
from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook
from manager_agent.receiver.call import Call


def costed(call: Call, book: PriceBook) -> Call:
    """Return `call` with `cost_nano` and `cost_source`.

    `provider`: the provider itself said so. `local`: our price times the provider's counts.
    `estimated`: the counts are a guess, a part of them is unknown, the emitter's own figure had to
    stand in for a price we do not have, or who recorded the call by hand said what it cost.
    `unpriced`: counts, but no price. None: no counts.
    """
    if call.cost_by_provider and call.reported_cost_nano is not None:
        return call.costing(call.reported_cost_nano, "provider")
    if call.emitters == BY_HAND and call.reported_cost_nano is not None:
        return call.costing(call.reported_cost_nano, "estimated")
    if call.error and not call.input_tokens and call.input_tokens is not None:
        return call.costing(0, "local")
    if call.input_tokens is None and call.output_tokens is None:
        return _reported(call, otherwise=None)
    priced = book.price(
        _usage(call),
        call.provider,
        (call.response_model, call.request_model),
        _second(call.start_ns // 10**9),
        call.service_tier,
    )
    if priced.cost_nano is None:
        return _reported(call, otherwise="unpriced")
    partly = call.input_tokens is None or call.output_tokens is None or call.usage_estimated
    return call.costing(priced.cost_nano, "estimated" if partly else "local")


def _reported(call: Call, otherwise: str | None) -> Call:
    if call.reported_cost_nano is not None:
        return call.costing(call.reported_cost_nano, "estimated")
    return call.costing(None, otherwise)


def _usage(call: Call) -> Usage:
    """Return what is known, the unknown half counted as nothing: a lower bound."""
    return Usage(
        call.input_tokens or 0,
        call.output_tokens or 0,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.cache_write_1h_tokens or 0,
        call.reasoning_tokens,
    )


@lru_cache(1024)
def _second(since_1970: int) -> datetime:
    return datetime.fromtimestamp(since_1970, UTC)
