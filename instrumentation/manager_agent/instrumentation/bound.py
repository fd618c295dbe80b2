"""The worst that a call may plausibly cost, known before it leaves: what is reserved for it.

Tokens of text are at most its bytes, for every byte-level tokenizer; a share that was learned for a
model may be tighter. Prices are the highest that the call can meet: whatever part of the prompt
turns out to be written to a cache, whatever part of the answer to be audio, and above which
threshold of input its rates lie. No tokenizer runs here: this is on the way of every call.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from manager_agent.contract.rates import ROOTS, Rates
from manager_agent.instrumentation.asked import Asked

FRAMING_TOKENS = 64
"""Of a prompt that no byte of its request stands for."""
_PER_MTOK = 1_000_000


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What bounds a call where its request does not say.

    `output_tokens`: most that the model generates for one answer. `input_tokens`: its context.
    `media_tokens`: most that one image, audio or file of it counts. `tokens_per_1000_bytes`: 1000
    is proven; less is learned.
    """

    output_tokens: int = 128_000
    input_tokens: int = 1_000_000
    media_tokens: int = 50_000
    tokens_per_1000_bytes: int = 1000


Fields = tuple[int, int, int | None, bool, int | None]
"""The fields of a `Bound` as a plain tuple, which is made in a third of the time."""


class Bound(NamedTuple):
    """Most tokens of a call, and nano-USD, None where its model has no price nor an assumed one.

    `hard`: nothing that is unknown when it ends may be taken for less than this.
    `assumed_nano_per_mtok`: what a million of its tokens is taken to cost, its model being without
    a price.
    """

    input_tokens: int
    output_tokens: int
    nano: int | None
    hard: bool = True
    assumed_nano_per_mtok: int | None = None

    @property
    def tokens(self) -> int:
        """Return what is reserved of a limit of tokens."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Dearest:
    """The highest price of a token of input and of output, in 1/`scale` nano-USD.

    `bands[b]` is for calls whose input is above b `thresholds`; `fixed` is each call's fee.
    """

    thresholds: tuple[int, ...]
    bands: tuple[tuple[int, int], ...]
    scale: int
    fixed: int

    def band(self, input_tokens: int) -> tuple[int, int]:
        """Return the highest prices of input and output in a call of at most so much input."""
        return self.bands[bisect_left(self.thresholds, input_tokens)]

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Return nano-USD that no call of at most so many tokens exceeds.

        That holds for any way in which cache, audio, images and reasoning share in the counts.
        """
        thresholds = self.thresholds
        dear_input, dear_output = self.bands[
            bisect_left(thresholds, input_tokens) if thresholds else 0
        ]
        total = self.fixed + input_tokens * dear_input + output_tokens * dear_output
        return -(-total // self.scale)


def bound(
    asked: Asked,
    ceilings: Ceilings,
    prices: Dearest | None,
    assumed_nano_per_mtok: int | None = None,
) -> Bound:
    """Return what to reserve for a call.

    `assumed_nano_per_mtok`: what a million tokens of a model without a price are taken to cost;
    without it such a call has no bound in money, which is not the same as costing nothing.
    """
    prompt = _prompt(asked, ceilings)
    most = asked.max_output_tokens
    output = ceilings.output_tokens if most is None else most
    if asked.choices > 1:
        output *= asked.choices
    if prices is not None:
        return Bound(prompt, output, prices.cost(prompt, output))
    if assumed_nano_per_mtok is None:
        return Bound(prompt, output, None)
    return Bound(prompt, output, _up((prompt + output) * assumed_nano_per_mtok, _PER_MTOK))


def dearest(rates: Rates) -> Dearest:
    """Return the highest prices of a model; to be kept as long as its rates are."""
    roots = [rates.fields.index(root) for root in ROOTS]
    bands: list[tuple[int, int]] = []
    for band in rates.bands:
        before = bands[-1] if bands else (0, 0)  # a lower band may hold, should it be the dearer
        sides = [max([band[root][0], *(band[part][0] for part in band[root][1])]) for root in roots]
        bands.append((max(before[0], sides[0]), max(before[1], sides[1])))
    return Dearest(rates.thresholds, tuple(bands), rates.scale, rates.fixed)


def _prompt(asked: Asked, ceilings: Ceilings) -> int:
    if not asked.media and not asked.held_context and asked.body_bytes is not None:
        return -(-asked.body_bytes * ceilings.tokens_per_1000_bytes // 1000) + FRAMING_TOKENS
    media = asked.media * ceilings.media_tokens
    if asked.media and asked.text_bytes is not None:
        size: int | None = asked.text_bytes  # the body is mostly what the media are made of
    else:
        size = asked.text_bytes if asked.body_bytes is None else asked.body_bytes
    if size is None or asked.held_context:
        return ceilings.input_tokens
    text = _up(size * ceilings.tokens_per_1000_bytes, 1000) + FRAMING_TOKENS
    return text + media


def _up(top: int, bottom: int) -> int:
    return -(-top // bottom)
