"""What pricing a call costs: our price book against genai-prices' own function, in one run."""

import timeit
from collections.abc import Callable
from datetime import UTC, datetime

import genai_prices

from manager_agent.contract.usage import Usage
from manager_agent.prices.book import PriceBook

CASES = [
    ("openai", "gpt-4o", Usage(1000, 500, 200)),
    ("anthropic", "claude-sonnet-4-5", Usage(250_000, 500, 100_000, 5_000)),
    ("gcp.gemini", "gemini-2.5-pro", Usage(1000, 500, 200)),
    ("deepseek", "deepseek-chat", Usage(1000, 500, 200)),
]


def microseconds(call: Callable[[], object], number: int) -> float:
    """Return the best of five runs, per call."""
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6


def main() -> None:
    book = PriceBook()
    now = datetime.now(UTC)
    print(f"{'provider':12} {'model':20} {'ours us':>8} {'genai-prices us':>16} {'times':>6}")
    for provider, model, usage in CASES:
        theirs = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )

        def ours_call(p: str = provider, m: str = model, u: Usage = usage) -> object:
            return book.price(u, p, (m, m), now)

        def their_call(p: str = provider, m: str = model, u: object = theirs) -> object:
            return genai_prices.calc_price(
                u, m, provider_id=p, genai_request_timestamp=now
            ).total_price

        ours, other = microseconds(ours_call, 5000), microseconds(their_call, 500)
        print(f"{provider:12} {model:20} {ours:8.2f} {other:16.1f} {other / ours:6.0f}")


if __name__ == "__main__":
    main()
