"""Attributes of log records and data points: bytes -> plain values, one bad pair at a time."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto

from manager_agent.receiver.decode import plain, resource_of
from manager_agent.receiver.span import Attributes, Resource


def attributes_of(raws: Iterable[bytes], dropped: Counter[str]) -> Attributes:
    """Return the attributes that `raws` hold; a malformed one is left out and counted."""
    attributes: Attributes = {}
    for raw in raws:
        try:
            pair = KeyValue.FromString(raw)
            attributes[pair.key] = plain(pair.value)
        except (DecodeError, RecursionError):
            dropped["malformed_attribute"] += 1
    return attributes


def text_of(raw: bytes) -> str:
    """Return the text that an `AnyValue` holds, empty where it holds something else."""
    try:
        return AnyValue.FromString(raw).string_value
    except DecodeError:
        return ""


def sender_of(raw: bytes, dropped: Counter[str]) -> Resource:
    """Return who sent a request, from the bytes of its resource."""
    resource, whole = _sender(raw)
    if not whole:
        dropped["malformed_resource"] += 1
    return resource


@lru_cache(4096)
def _sender(raw: bytes) -> tuple[Resource, bool]:
    try:
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
