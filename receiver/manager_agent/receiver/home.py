"""What ties the signals of one run of a tool together, where its resources do not."""

from functools import cache
from typing import Any

from manager_agent.receiver.span import Attributes, Resource
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import text

TOLD_NS = 2_000_000_000
"""A span and a log record of one call end within two seconds of each other: both are written when
the answer is complete, by a process that may be busy."""


def at_home(resource: Resource, scope: str, attributes: Attributes) -> Resource:
    """Return `resource` with the process by which all signals of one run are known.

    Tools without a row in `tables/homes.toml` keep the process that their resource names.
    """
    row = _row(scope)
    if row is None:
        return resource
    held = attributes.get(row["key"]) if "key" in row else resource.attributes.get(row["resource"])
    name = text(held)
    if name is None:
        return resource
    return resource._replace(process=f"{row['scope']}:{name}")


@cache
def told_by_several(scope: str) -> bool:
    """Tell whether the tool behind `scope` tells of one call by several signals."""
    return _row(scope) is not None


@cache
def _row(scope: str) -> dict[str, Any] | None:
    return next((r for r in table("homes")["home"] if scope.startswith(r["scope"])), None)
