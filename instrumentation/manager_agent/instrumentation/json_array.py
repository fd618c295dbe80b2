"""The objects of a JSON array, read from bytes that are cut anywhere, in bounded memory."""

import re

from manager_agent.instrumentation.bounded import Bounded

_OUTSIDE = re.compile(rb'[{}"]')
_INSIDE = re.compile(rb'["\\]')


class JsonArray:
    """Gives each outermost object: Gemini's streams are an array where nobody asked for events.

    An error answer, which is an object and no array, is given as well. One longer than
    `LONGEST_EVENT` is given without its middle.
    """

    def __init__(self) -> None:
        self._object = Bounded()
        self._depth = 0
        self._quoted = False
        self._escaped = False  # the last byte was a backslash: the next one is text

    def feed(self, data: bytes) -> list[bytes]:
        """Read on, and return the objects that are complete now."""
        objects: list[bytes] = []
        start, at = 0, 1 if self._escaped and data else 0
        self._escaped = self._escaped and not data
        while found := (_INSIDE if self._quoted else _OUTSIDE).search(data, at):
            at = found.end()
            match found[0]:
                case b'"':
                    self._quoted = not self._quoted and self._depth > 0
                case b"\\":
                    self._escaped = at == len(data)
                    at += 1
                case b"{":
                    start = at - 1 if self._depth == 0 else start
                    self._depth += 1
                case _ if self._depth:
                    self._depth -= 1
                    if self._depth == 0:
                        self._object.add(data[start:at])
                        objects.append(self._object.value())
                        self._object = Bounded()
        if self._depth:
            self._object.add(data[start:])
        return objects

    def rest(self) -> bytes:
        """Return nothing: half an object tells nothing."""
        return b""
