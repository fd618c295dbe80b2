"""Attributes of log records and data points: bytes -> plain values, one bad pair at a time."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto

from manager_agent.receiver.crowd import crowded
from manager_agent.receiver.decode import MOST_ATTRIBUTES, plain, read_pair, resource_of
from manager_agent.receiver.span import Attributes, Resource

_LONGEST_KEPT = 16 * 1024
"""Resources up to which they are read once; larger ones come from nobody that means well."""


def attributes_of(raws: Sequence[bytes], dropped: Counter[str]) -> Attributes:
    """Return the attributes that `raws` hold; a malformed one is left out and counted."""
    if len(raws) > MOST_ATTRIBUTES:
        dropped["too_many_attributes"] += len(raws) - MOST_ATTRIBUTES
        raws = raws[:MOST_ATTRIBUTES]
    attributes: Attributes = {}
    for raw in raws:
        read = read_pair(raw)
        if read is None:
            dropped["malformed_attribute"] += 1
        else:
            attributes[read[0]] = read[1]
    return attributes


def text_of(raw: bytes) -> str:
    """Return the text that an `AnyValue` holds, empty where it holds something else."""
    try:
        return AnyValue.FromString(raw).string_value
    except DecodeError:
        return ""


def sender_of(raw: bytes, dropped: Counter[str]) -> Resource:
    """Return who sent a request, from the bytes of its resource."""
    read = _sender if len(raw) <= _LONGEST_KEPT else _sender.__wrapped__
    resource, whole = read(raw)
    if not whole:
        dropped["malformed_resource"] += 1
    return resource


@lru_cache(4096)
def _sender(raw: bytes) -> tuple[Resource, bool]:
    try:
        if crowded("resource", raw):
            raise DecodeError("it holds too much")
        read = ResourceProto.FromString(raw)
        attributes = {pair.key: plain(pair.value) for pair in read.attributes}
    except (DecodeError, RecursionError):
        return resource_of({}, raw), False
    return resource_of(attributes, raw), True


@lru_cache(4096)
def scope_of(raw: bytes) -> str:
    """Return the name of an instrumentation scope, empty where it cannot be read."""
    try:
        return InstrumentationScope.FromString(raw).name
    except DecodeError:
        return ""
