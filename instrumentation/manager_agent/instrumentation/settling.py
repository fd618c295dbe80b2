"""Pure: how a call ended -> what it is settled at. What nobody counted is never taken for nothing.

- The provider counted it: its price, whatever was reserved.
- It never left, or was refused with a 4xx: nothing.
- It was answered with a 5xx, or not at all, after it was sent: in a hard limit all that it
  reserved, else what its input costs.
- Its stream was left or broke: in a hard limit all that it reserved, else its input, what came,
  and what is generated in two more seconds at the pace that was seen.
- Its answer has no usage: in a hard limit all that it reserved, else an estimate by its bytes.

What is not counted is flagged as estimated, so that spans and invoices may correct it.
"""

from typing import NamedTuple

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.money import nano_usd
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.estimate import BYTES_PER_TOKEN
from manager_agent.instrumentation.known_rates import moment_of

_LEFT_SECONDS = 2
"""How long a provider may go on generating after its stream was left."""
_NS_PER_SECOND = 10**9
_PER_MTOK = 1_000_000


class Settled(NamedTuple):
    """Nano-USD and tokens of an ended call; `estimated`: the provider did not count them."""

    nano: int
    tokens: int
    estimated: bool


_NOTHING = Settled(0, 0, False)


def settled(
    ended: Ended, bound: Bound, rates: DayRates | None, asked_for: DayRates | None
) -> Settled:
    """Return what to settle a call at.

    `rates`: of the model and tier that answered, None while the manager has not told them;
    `asked_for`: of the model that was asked for, to go on by until then.
    """
    status = ended.status
    if not ended.sent or (status is not None and 400 <= status < 500):
        return _NOTHING
    told = ended.counted
    answered = status is not None and status < 400
    if answered and told.usage is not None and told.complete and not told.estimated:
        return _counted(ended, told.usage, bound, rates, asked_for)
    if bound.hard:
        return _reserved(bound)
    if not answered:
        return _input_alone(ended, bound, asked_for)
    if told.usage is None or not told.estimated:
        return _reserved(bound)
    usage = told.usage if told.complete else _with_rest(ended, told.usage)
    return _at_most(_counted(ended, usage, bound, rates, asked_for), bound)


def _counted(
    ended: Ended,
    usage: Usage,
    bound: Bound,
    rates: DayRates | None,
    asked_for: DayRates | None,
) -> Settled:
    """Return the price of a usage; it may be more than was reserved, and is told as it is."""
    if usage.input_tokens is None or usage.output_tokens is None:
        tokens = bound.tokens
    else:
        tokens = usage.input_tokens + usage.output_tokens
    estimated = ended.counted.estimated
    if ended.counted.cost_usd is not None and not estimated:
        return Settled(nano_usd(ended.counted.cost_usd), tokens, False)
    nano = _price(rates or asked_for, usage, ended.ask.started_ns)
    if nano is not None:
        return Settled(nano, tokens, estimated or rates is None)
    if bound.assumed_nano_per_mtok is not None:
        return Settled(-(-tokens * bound.assumed_nano_per_mtok // _PER_MTOK), tokens, estimated)
    return Settled(bound.nano or 0, tokens, bool(bound.nano) or estimated)


def _price(by: DayRates | None, usage: Usage, started_ns: int) -> int | None:
    """Return what a usage costs by the rates of a day; None where that is not known."""
    if by is None:
        return None
    rates = by.rates[0] if len(by.rates) == 1 else by.at(moment_of(started_ns))
    return None if rates is None else rates.cost(usage)[0]


def _reserved(bound: Bound) -> Settled:
    return Settled(bound.nano or 0, bound.tokens, True)


def _input_alone(ended: Ended, bound: Bound, asked_for: DayRates | None) -> Settled:
    """Return what it costs to have the prompt read."""
    usage = Usage(input_tokens=bound.input_tokens, output_tokens=0)
    return _at_most(_counted(ended, usage, bound, asked_for, asked_for), bound)


def _with_rest(ended: Ended, usage: Usage) -> Usage:
    """Return the usage of a stream that was left, with what is still generated after it."""
    written = usage.output_tokens or 0
    came = ended.counted.delivered_bytes / BYTES_PER_TOKEN
    first = ended.first_chunk_ns
    if first is None or ended.ended_ns <= first:
        return usage._replace(output_tokens=None)
    rest = int(came * _LEFT_SECONDS * _NS_PER_SECOND / (ended.ended_ns - first)) + 1
    return usage._replace(output_tokens=written + rest)


def _at_most(found: Settled, bound: Bound) -> Settled:
    nano = found.nano if bound.nano is None else min(found.nano, bound.nano)
    return Settled(nano, min(found.tokens, bound.tokens), True)
