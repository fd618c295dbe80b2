"""Pure: a request of any signal -> spans and what they say, with a count of what was left out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.logs import decode_logs
from manager_agent.receiver.metrics import decode_metrics
from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.span import Span


@dataclass(slots=True)
class Reading:
    """What came of one request, and the number of items left out, by reason."""

    arrived: list[Arrived]
    dropped: Counter[str] = field(default_factory=Counter)


class Reader:
    """Reads requests of all signals. Not safe for use by several threads at once.

    `recognised`: what a span says.
    """

    def __init__(self, recognised: Callable[[Span], Fact | None]) -> None:
        self._decoder = Decoder()
        self._recognised = recognised

    def read(self, payload: bytes, signal: SignalName) -> Reading:
        """Return what a request tells. Raises `MalformedRequestError` where it is none."""
        if signal == "metrics":
            points = decode_metrics(payload)
            return Reading(points.arrived, points.dropped)
        decoded = decode_logs(payload) if signal == "logs" else self._decoder.decode(payload)
        arrived = [Arrived(span, self._recognised(span)) for span in decoded.spans]
        return Reading(arrived, decoded.dropped)
