"""Pure: one span -> what it says of calls, agents and tools, in canonical terms."""

from functools import lru_cache
from typing import Final, cast

from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.outcome import STREAM_EVENTS
from manager_agent.receiver.recipe import Recipe
from manager_agent.receiver.shape import Shape
from manager_agent.receiver.span import ERROR, Span
from manager_agent.receiver.traits import (
    NONE_VARIES,
    asks_only,
    deciders,
    decision_of,
    failed,
    read_traits,
)

_ALONE: Final = object()
"""Each span of this shape must be read by itself."""

_NOTHING: Final = object()
"""Spans of this shape have nothing to do with GenAI."""

_MOST_SORTS = 1024  # they keep their shapes, which are strangers'


class _Sort:
    """Spans of one shape that also agree in the attributes that decide, though these vary."""

    __slots__ = ("recipe", "seen")

    def __init__(self) -> None:
        self.seen = False
        self.recipe: object = None


def recognise(span: Span, door: Door) -> Fact | None:
    """Return what `span` says, None where it has nothing to do with GenAI."""
    shape = span.shape
    if shape is None or span.status == ERROR:
        return _alone(span, door)
    recipe = shape.recipe
    if recipe is None or span.events:
        recipe = _recipe_of(span, shape)
    if recipe is _NOTHING:
        return None
    if recipe is _ALONE:
        return _alone(span, door)
    return cast(Recipe, recipe).fact(span.own, span.resource.agent, door)


def _alone(span: Span, door: Door) -> Fact | None:
    attributes = span.attributes
    traits = read_traits(span, attributes, NONE_VARIES)
    return None if traits is None else Recipe(traits).fact(attributes, span.resource.agent, door)


def _recipe_of(span: Span, shape: Shape) -> object:
    """Return the recipe for a span whose shape alone does not tell it, or did not so far."""
    if any(event.attributes for event in span.events):  # an exception
        return _ALONE
    streamed = any(event.name in STREAM_EVENTS for event in span.events)
    said = decision_of(span.own, deciders(shape.varying))
    if said is None:
        return _ALONE
    plain = not (streamed or said)
    if plain and shape.recipe is not None:
        return shape.recipe
    sort = shape if plain else _sort(shape, streamed, said)
    if sort.recipe is None:
        if not sort.seen:  # most that are seen once are never seen again
            sort.seen = True
            return _ALONE
        sort.recipe = _learnt(span, shape)
    return sort.recipe


@lru_cache(_MOST_SORTS)
def _sort(shape: Shape, streamed: bool, said: tuple[object, ...]) -> _Sort:
    return _Sort()


def _learnt(span: Span, shape: Shape) -> object:
    """Return what holds for every span like `span`."""
    varying = frozenset(shape.varying)
    traits = read_traits(span, span.attributes, varying)
    if traits is None:
        return _NOTHING
    if failed(traits):
        return _ALONE
    return Recipe(traits, None if asks_only(traits, varying) else shape.constants)
