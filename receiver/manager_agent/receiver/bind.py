"""What a token that names an agent does to the spans sent with it: they are that agent's."""

from collections.abc import Iterable, Iterator

from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.span import Span


def owned(arrived: Iterable[Arrived], agent: str) -> Iterator[Arrived]:
    """Yield what came with a token of `agent` as said by it."""
    for span, fact in arrived:
        yield Arrived(_bound(span, agent), _stamped(fact, agent))


def _bound(span: Span, agent: str) -> Span:
    """Return `span` as sent by a process of `agent` alone.

    Claims of one process may be one call. A process name is easily guessed, so without this a
    stolen token could claim a part in the calls of other agents.
    """
    resource = span.resource
    return span._replace(resource=resource._replace(process=f"{agent}/{resource.process}"))


def _stamped(fact: Fact | None, agent: str) -> Fact | None:
    """Return `fact` as said by `agent`, whatever the span called itself."""
    return None if fact is None else fact._replace(agent=agent, stamped=True)
