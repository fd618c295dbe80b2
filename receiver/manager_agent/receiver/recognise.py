"""Pure: one span -> what it says of calls, agents and tools, in canonical terms."""

from typing import Final, cast

from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.recipe import Recipe
from manager_agent.receiver.shape import Shape
from manager_agent.receiver.span import ERROR, Span
from manager_agent.receiver.traits import NONE_VARIES, asks_only, deciding, failed, read_traits

_ALONE: Final = object()
"""Each span of this shape must be read by itself."""

_NOTHING: Final = object()
"""Spans of this shape have nothing to do with GenAI."""


def recognise(span: Span, door: Door) -> Fact | None:
    """Return what `span` says, None where it has nothing to do with GenAI."""
    shape = span.shape
    if shape is None or span.status == ERROR or span.events:
        return _alone(span, door)
    recipe = shape.recipe
    if recipe is None:
        if not shape.seen:  # most shapes that are seen once are never seen again
            shape.seen = True
            return _alone(span, door)
        recipe = shape.recipe = _learnt(span, shape)
    if recipe is _NOTHING:
        return None
    if recipe is _ALONE:
        return _alone(span, door)
    return cast(Recipe, recipe).fact(span.own, span.resource.agent, door)


def _alone(span: Span, door: Door) -> Fact | None:
    attributes = span.attributes
    traits = read_traits(span, attributes, NONE_VARIES)
    return None if traits is None else Recipe(traits).fact(attributes, span.resource.agent, door)


def _learnt(span: Span, shape: Shape) -> object:
    """Return what holds for every span of the shape of `span`."""
    varying = frozenset(shape.varying)
    if not deciding().isdisjoint(varying):
        return _ALONE
    traits = read_traits(span, span.attributes, varying)
    if traits is None:
        return _NOTHING
    if failed(traits):
        return _ALONE
    return Recipe(traits, None if asks_only(traits, varying) else shape.constants)
