"""What the seams of requests and botocore share: a `send` of prepared requests, over urllib3."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from manager_agent.instrumentation import gate, mishap
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.refusal import Refusal

OURS = "__manager_agent__"
"""Marks a `send` that has its seam."""
_PORTS = {"https": 443, "http": 80}


def around(
    original: Callable[..., Any],
    client: str,
    refused: Callable[[Any, Refusal], Any],
    metered: Callable[[Call, Any, Any], Any],
) -> Callable[..., Any]:
    """Return `original`, a session's `send`, with the seam of `client` around it.

    `refused`: (request, refusal) -> the client's answer of it. `metered`: (call, request, answer)
    -> the answer, metered or read along with.
    """

    @wraps(original)
    def send(session: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = _endpoint(client, request)
        if endpoint is None:
            return original(session, request, *args, **kwargs)
        call = gate.enter(endpoint, _body(request))
        if isinstance(call, Refusal):
            return refused(request, call)
        token = gate.begin()
        try:
            response = original(session, request, *args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            gate.end(token)
        return metered(call, request, response)

    setattr(send, OURS, True)
    return send


def _endpoint(client: str, request: Any) -> Endpoint | None:
    try:
        url = urlsplit(request.url)
        port = url.port or _PORTS.get(url.scheme, 0)
        return gate.endpoint(url.hostname or "", port, url.path, request.method, request.headers)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note(f"{client}.endpoint", "a request was let through unseen", error)
        return None


def _body(request: Any) -> bytes | None:
    """Return the body where it is in memory; files and generators are not touched."""
    body = request.body
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else None
