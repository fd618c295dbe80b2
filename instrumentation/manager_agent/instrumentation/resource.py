"""Which process sends."""

import os
import socket
from collections.abc import Mapping
from uuid import uuid4

from opentelemetry.sdk.resources import OTELResourceDetector, Resource

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
    try:
        made = Resource.create(dict(own))
    except RuntimeError:  # a process about to end: the SDK may start no thread to look around
        made = OTELResourceDetector().detect().merge(Resource(dict(own)))
    if made.attributes.get(_INSTANCE):
        return made
    return made.merge(Resource({_INSTANCE: str(uuid4())}))
