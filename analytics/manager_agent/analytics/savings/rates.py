"""What tokens of a model cost at today's prices, and of the cheaper model beside it."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime
from re import compile as pattern

from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook

_TOKENS = 100_000
"""Below where prices rise with the length of a prompt."""
_BESIDE = (
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4.1", "gpt-4.1-mini"),
    ("gpt-4.1-mini", "gpt-4.1-nano"),
    ("gpt-5", "gpt-5-mini"),
    ("gpt-5-mini", "gpt-5-nano"),
    ("gpt-5.1", "gpt-5-mini"),
    ("gpt-5.2", "gpt-5-mini"),
    ("o3", "o4-mini"),
    ("claude-opus-4", "claude-sonnet-4-5"),
    ("claude-opus-4-1", "claude-sonnet-4-5"),
    ("claude-opus-4-5", "claude-sonnet-4-5"),
    ("claude-opus-4-6", "claude-sonnet-4-6"),
    ("claude-sonnet-4", "claude-haiku-4-5"),
    ("claude-sonnet-4-5", "claude-haiku-4-5"),
    ("claude-sonnet-4-6", "claude-haiku-4-5"),
    ("gemini-2.5-pro", "gemini-2.5-flash"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
)
_DATED = r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-\d{4}|-latest)?"
_NAMES = [(pattern(dear.replace(".", r"\.") + _DATED), other) for dear, other in _BESIDE]


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-USD of 100,000 tokens of a model: input, read from the cache, written to it, output.

    `other_input`, `other_output`: of the cheaper model beside it, None where there is none.
    """

    provider: str
    model: str
    input: int
    cached: int
    written: int
    output: int
    other_input: int | None = None
    other_output: int | None = None

    @property
    def premium(self) -> bool:
        """Whether there is a cheaper model beside it."""
        return self.other_input is not None

    @property
    def row(self) -> tuple[object, ...]:
        """Its fields in order."""
        return astuple(self)


def rates(models: Iterable[tuple[str, str]], prices: PriceBook, now: datetime) -> list[Rates]:
    """Return the rates of each provider and model that have a price at `now`."""
    return [found for each in models if (found := _rates(*each, prices, now)) is not None]


def _rates(provider: str, model: str, prices: PriceBook, now: datetime) -> Rates | None:
    mine = _costs(provider, model, prices, now)
    if mine is None:
        return None
    other = next((other for name, other in _NAMES if name.fullmatch(model)), None)
    costs = _costs(provider, other, prices, now) if other else None
    if costs is None or costs[0] >= mine[0] or costs[3] > mine[3]:
        return Rates(provider, model, *mine)
    return Rates(provider, model, *mine, costs[0], costs[3])


def _costs(
    provider: str, model: str, prices: PriceBook, now: datetime
) -> tuple[int, int, int, int] | None:
    """Return nano-USD of the tokens as input, read, written and output; None without a price."""
    usages = (
        Usage(_TOKENS, 0, 0, 0),
        Usage(_TOKENS, 0, _TOKENS, 0),
        Usage(_TOKENS, 0, 0, _TOKENS),
        Usage(0, _TOKENS, 0, 0),
    )
    found = [prices.price(usage, provider, [model], now).cost_nano for usage in usages]
    fresh, read, written, output = found
    if not fresh or output is None:
        return None
    return fresh, fresh if read is None else read, fresh if written is None else written, output
