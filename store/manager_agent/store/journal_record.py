"""Pure: how a request lies in a segment of the journal.

A record is a head (its sizes and two checksums), the name of the agent its sender proved to be, and
the request as it came. The head has a checksum of its own, so that a record whose body was damaged
is stepped over and the ones behind it are found.
"""

import struct
from collections.abc import Iterator
from zlib import crc32

from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.sink import Offer

_HEAD = struct.Struct("<4sBBHIII")
"""Mark, signal, whether an agent is named, bytes of its name, of the request, checksums of both
together and of the head so far; little endian."""

_SUMMED = _HEAD.size - 4
_MARK = b"MAJ1"
_SIGNALS: tuple[SignalName, ...] = ("traces", "logs", "metrics")


class DamagedError(ValueError):
    """The bytes are no record, or not the ones that were written."""


def packed(offer: Offer) -> bytes:
    """Return a request as a record."""
    agent = b"" if offer.agent is None else offer.agent.encode()
    head = _HEAD.pack(
        _MARK,
        _SIGNALS.index(offer.signal),
        offer.agent is not None,
        len(agent),
        len(offer.payload),
        crc32(offer.payload, crc32(agent)),
        0,
    )[:_SUMMED]
    return b"".join((head, crc32(head).to_bytes(4, "little"), agent, offer.payload))


def unpacked(record: bytes) -> Offer:
    """Return the request of a record. Raises `DamagedError`."""
    size = size_of(record)
    if size != len(record):
        raise DamagedError("a record is cut short")
    _, signal, named, agent_size, _, checksum, _ = _HEAD.unpack_from(record)
    begin = _HEAD.size + agent_size
    agent, payload = record[_HEAD.size : begin], record[begin:]
    if crc32(payload, crc32(agent)) != checksum or signal >= len(_SIGNALS):
        raise DamagedError("a record is not as it was written")
    return Offer(payload, _SIGNALS[signal], agent.decode() if named else None)


def size_of(data: bytes) -> int:
    """Return the size of the record that `data` begins with. Raises `DamagedError`."""
    if len(data) < _HEAD.size or not data.startswith(_MARK):
        raise DamagedError("no record begins here")
    *_, agent_size, size, _, checksum = _HEAD.unpack_from(data)
    if crc32(data[:_SUMMED]) != checksum:
        raise DamagedError("the head of a record is damaged")
    return _HEAD.size + int(agent_size) + int(size)


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each record of a segment, up to the first head that is torn.

    What is behind that was never acknowledged: a request is only when its record is on the disk.
    """
    view, at = memoryview(data), 0
    while at < len(data):
        try:
            size = size_of(bytes(view[at : at + _HEAD.size]))
        except DamagedError:
            return
        if at + size > len(data):
            return
        yield at, size
        at += size
