"""An answer that came whole: on the caller's way only its counts are read, all else later."""

from collections.abc import Mapping

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.estimate import estimated
from manager_agent.instrumentation.lenient import says
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wire import Headers
from manager_agent.instrumentation.wires import WIRES

STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream", "application/x-ndjson")
_SAY_ALL_IN_THE_BODY = frozenset(("api.openai.com", "api.anthropic.com"))
"""Hosts whose headers tell nothing of usage or cost; a look at headers takes microseconds."""
_OBJECT = ord("{")
_SEEN = 640
_EITHER_END = _SEEN // 2
"""Bytes of an answer that are searched for an error on its caller's way."""


class WholeAnswer:
    """The body of an answer, not compressed, with the call that it is for."""

    __slots__ = ("_ask", "_body", "_headers", "_status", "size")

    def __init__(
        self, ask: Ask, status: int, headers: Mapping[str, str] | Headers, body: bytes
    ) -> None:
        self._ask, self._status, self._headers, self._body = ask, status, headers, body
        self.size = len(body)

    def counted(self) -> Told:
        """Return usage, model, tier and cost."""
        try:
            if self._status < 400 and self._body[:1] == b"{":
                wire = WIRES[self._ask.endpoint.api]
                told = wire.counted(self._ask.endpoint, self._body)
                if told is not None:
                    if self._ask.endpoint.host in _SAY_ALL_IN_THE_BODY:
                        return told
                    return wire.headers(told, self._headers)
        except Exception as error:  # noqa: BLE001 - not the agent's concern; `told` reads on
            mishap.note("meter.counted", "the counts of an answer cannot be read", error)
        return self.told()

    def told(self) -> Told:
        """Return all that it tells, estimates included."""
        ask = self._ask
        try:
            told = with_headers(ask, self._read(), self._headers)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("meter.whole", "an answer cannot be metered", error)
            told = Told()
        return with_estimate(ask, told)

    def is_sound(self, most_bytes: int) -> bool:
        """Say whether it is an object that tells of no error, and small with its request.

        Of a long one both ends are looked at: what failed has little to tell. Should an error be in
        the middle of it, it counts when all of it is read.
        """
        body, request, size = self._body, self._ask.body, self.size
        if not body or body[0] != _OBJECT:
            return False
        if size + (0 if request is None else len(request)) > most_bytes:
            return False
        if size > _SEEN:
            body = body[:_EITHER_END] + body[-_EITHER_END:]
        return b'"error"' not in body or not says(body, b'"error"')

    def _read(self) -> Told:
        """Return what a whole body tells, be it a stream's that somebody collected."""
        endpoint, status, body = self._ask.endpoint, self._status, self._body
        wire = WIRES[endpoint.api]
        if status < 400 and body[:1] != b"{":
            kind = (self._headers.get("content-type", "") or "").lower()
            if kind.startswith(STREAMS):
                reader = wire.stream(endpoint, kind)
                reader.feed(body)
                return reader.told()
        return wire.whole(endpoint, status, body)


def with_estimate(ask: Ask, told: Told) -> Told:
    """Return `told` with the counts that it lacks, where they can be estimated."""
    if not told.delivered_bytes:
        return told
    asked = ask.asked
    if asked.text_bytes is None and ask.body is not None:  # so far only glanced at
        asked = WIRES[ask.endpoint.api].asked(ask.endpoint, ask.body)
    return estimated(asked, told)


def with_headers(ask: Ask, told: Told, headers: Mapping[str, str] | Headers) -> Told:
    """Return `told` with what only the headers say: Bedrock's counts, a proxy's cost."""
    try:
        return WIRES[ask.endpoint.api].headers(told, headers)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("meter.headers", "the headers of an answer cannot be read", error)
        return told
