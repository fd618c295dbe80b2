"""Pure: what one call cost, and how sure that is."""

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
    models = call.response_model, call.request_model
    rates = book.rates_at(call.start_ns, call.provider, models, call.service_tier)
    nano = None if rates is None else rates.cost(_usage(call))[0]
    if nano is None:
        return _reported(call, otherwise="unpriced")
    partly = call.input_tokens is None or call.output_tokens is None or call.usage_estimated
    return call.costing(nano, "estimated" if partly else "local")


def _reported(call: Call, otherwise: str | None) -> Call:
    if call.reported_cost_nano is not None:
        return call.costing(call.reported_cost_nano, "estimated")
    return call.costing(None, otherwise)


def _usage(call: Call) -> Usage:
    """Return what is known, the unknown half counted as nothing: a lower bound."""
    return _new(
        Usage,
        (
            call.input_tokens or 0,
            call.output_tokens or 0,
            call.cache_read_tokens,
            call.cache_write_tokens,
            call.cache_write_1h_tokens or 0,
            call.reasoning_tokens,
            None,
            None,
            None,
            None,
            None,
            None,
        ),
    )


_new = tuple.__new__  # a record of all its values in order, in a sixth of the usual time
