"""Which process sends."""

import os
import socket
from collections.abc import Mapping
from uuid import uuid4

from opentelemetry.sdk.resources import Resource

from manager_agent.instrumentation.identity import of_process, resource_attributes

_INSTANCE = "service.instance.id"


def resource_of(env: Mapping[str, str]) -> Resource:
    """Return this process as a resource.

    It has the instance id that the user's own providers have, where the SDK gives them one, so that
    the manager knows two reporters of one call as one process.
    """
    said = resource_attributes(env)
    own: dict[str, str | int] = {
        "process.pid": os.getpid(),
        "host.name": said.get("host.name") or socket.gethostname(),
    }
    if not env.get("OTEL_SERVICE_NAME", "").strip() and not said.get("service.name"):
        own["service.name"] = of_process().agent
    made = _created(own, said, env)
    if made.attributes.get(_INSTANCE):
        return made
    return made.merge(Resource({_INSTANCE: str(uuid4())}))


def _created(
    own: dict[str, str | int], said: Mapping[str, str], env: Mapping[str, str]
) -> Resource:
    try:
        return Resource.create(dict(own))
    except RuntimeError:
        # The SDK asks its detectors in threads, and a process that is leaving starts none: one
        # that is over in less than the outbox gathers. What is sent must not be lost for that.
        service = env.get("OTEL_SERVICE_NAME", "").strip()
        return Resource({**said, **({"service.name": service} if service else {}), **own})
