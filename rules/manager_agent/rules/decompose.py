"""Why it cost more: a difference in cost split into causes that add up to it, to the nano-USD.

From what was usual to what is, one thing after another is put in the place of the usual: the number
of calls (volume), how they share out among models (mix), input tokens a call, output tokens a call,
the share of the input that was read from or written to a cache (cache), and last what tokens cost
(price). Each part is what the cost changes by at its step, so the parts add up whatever the data.
The order matters where several things change at once, and is always this one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Weights:
    """What tokens of a model cost beside each other; `input` is input that no cache knows."""

    input: float = 1.0
    cache_read: float = 0.1
    cache_write: float = 1.25
    output: float = 4.0


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one model in one stretch of time; `input` is ALL input, cache included.

    `cost`: nano-USD.
    """

    provider: str
    model: str
    calls: float
    input: float
    output: float
    cache_read: float
    cache_write: float
    cost: float

    @property
    def key(self) -> _Key:
        """The model's identity."""
        return (self.provider, self.model)


@dataclass(frozen=True, slots=True)
class Parts:
    """The causes of a difference in cost, nano-USD; they add up to it exactly."""

    volume: int
    mix: int
    input: int
    output: int
    cache: int
    price: int

    @property
    def total(self) -> int:
        """The difference itself."""
        return self.volume + self.mix + self.input + self.output + self.cache + self.price

    def by_size(self) -> list[tuple[str, int]]:
        """Return the parts by name, those that explain most first; parts of nothing left out."""
        named = [(name, getattr(self, name)) for name in Parts.__slots__]
        return sorted((one for one in named if one[1]), key=lambda one: (-abs(one[1]), one[0]))


@dataclass(frozen=True, slots=True)
class _Shape:
    """One call of a model: its tokens, the cached shares of its input, and its price.

    `flat`: nano-USD of a call whose tokens say nothing, instead of `price` times tokens.
    """

    input: float
    output: float
    read: float
    write: float
    price: float
    flat: float | None

    def cost(self, weights: Weights) -> float:
        if self.flat is not None:
            return self.flat
        return self.price * self.weight(weights)

    def weight(self, weights: Weights) -> float:
        fresh = max(0.0, 1 - self.read - self.write)
        of_input = fresh * weights.input + self.read * weights.cache_read
        of_input += self.write * weights.cache_write
        return self.input * of_input + self.output * weights.output


def decompose(
    before: Sequence[Used],
    after: Sequence[Used],
    weights: Mapping[tuple[str, str], Weights] | None = None,
) -> Parts:
    """Return why `after` cost more or less than `before`; at most one entry a model in each.

    `weights`: by provider and model; what is missing has those of most models.
    """
    old, new = {one.key: one for one in before}, {one.key: one for one in after}
    known = weights or {}
    calls = (sum(one.calls for one in before), sum(one.calls for one in after))
    start, end = round(sum(one.cost for one in before)), round(sum(one.cost for one in after))
    if calls[0] <= 0 or calls[1] <= 0:
        return Parts(end - start, 0, 0, 0, 0, 0)
    steps = [0.0] * 4
    for key in sorted(old.keys() | new.keys()):
        share = new[key].calls if key in new else 0.0
        shapes = _shapes(old.get(key), new.get(key), known.get(key, Weights()))
        for place, shape in enumerate(shapes[:4]):
            steps[place] += share * shape
    at = [start, round(start * calls[1] / calls[0]), *map(round, steps), end]
    return Parts(*(later - earlier for earlier, later in pairwise(at)))


def _shapes(old: Used | None, new: Used | None, weights: Weights) -> list[float]:
    """Return what a call of a model costs: as it was, then with new input, output, and cache."""
    if new is None or new.calls <= 0:
        return [0.0] * 4
    if old is None or old.calls <= 0:
        return [new.cost / new.calls] * 4
    was, now = _shape(old, weights), _shape(new, weights)
    if was.flat is not None or now.flat is not None:
        return [old.cost / old.calls] * 4
    longer = replace(was, input=now.input)
    wordier = replace(longer, output=now.output)
    cached = replace(wordier, read=now.read, write=now.write)
    return [step.cost(weights) for step in (was, longer, wordier, cached)]


def _shape(used: Used, weights: Weights) -> _Shape:
    of_input = max(used.input, 0.0)
    read = min(max(used.cache_read / of_input, 0.0), 1.0) if of_input else 0.0
    write = min(max(used.cache_write / of_input, 0.0), 1.0 - read) if of_input else 0.0
    plain = _Shape(
        of_input / used.calls, max(used.output, 0.0) / used.calls, read, write, 1.0, None
    )
    weight = plain.weight(weights)
    each = used.cost / used.calls
    if weight <= 0:
        return _Shape(plain.input, plain.output, read, write, 0.0, each)
    return _Shape(plain.input, plain.output, read, write, each / weight, None)
