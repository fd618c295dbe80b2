"""Models that have a cheaper one beside them, and what tokens of both cost at today's prices."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from re import fullmatch

from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook

_TOKENS = 100_000
_DATE = r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-\d{4}|-latest)?"
_BESIDE = (
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4.1", "gpt-4.1-mini"),
    ("gpt-4.1-mini", "gpt-4.1-nano"),
    ("gpt-5", "gpt-5-mini"),
    ("gpt-5-mini", "gpt-5-nano"),
    ("o3", "o4-mini"),
    ("claude-opus-4-1", "claude-sonnet-4-5"),
    ("claude-opus-4-5", "claude-sonnet-4-5"),
    ("claude-sonnet-4-5", "claude-haiku-4-5"),
    ("claude-sonnet-4", "claude-haiku-4-5"),
    ("gemini-2.5-pro", "gemini-2.5-flash"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
)
Cheaper = tuple[str, str, str, int, int, int, int]


def cheaper(
    models: Iterable[tuple[str, str]], prices: PriceBook, now: datetime
) -> Iterator[Cheaper]:
    """Yield provider, model, the cheaper one, and nano-USD of 100,000 tokens: input and output of
    the model, then of the other. Pairs without a price, or that save nothing, are left out."""
    for provider, model in models:
        for dear, other in _BESIDE:
            if fullmatch(dear.replace(".", r"\.") + _DATE, model) is None:
                continue
            mine, others = _of(prices, provider, model, now), _of(prices, provider, other, now)
            if mine and others and others[0] < mine[0]:
                yield (provider, model, other, *mine, *others)


def _of(prices: PriceBook, provider: str, model: str, now: datetime) -> tuple[int, int] | None:
    fresh = prices.price(Usage(_TOKENS, 0, 0, 0), provider, [model], now).cost_nano
    answer = prices.price(Usage(0, _TOKENS, 0, 0), provider, [model], now).cost_nano
    return None if fresh is None or answer is None else (fresh, answer)
