"""The seam in requests: `Session.send`, which is below retries of the user's and above adapters."""

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from manager_agent.instrumentation import gate, mishap
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.raw_tee import RawTee
from manager_agent.instrumentation.refusal import Refusal

_OURS = "__manager_agent__"
_PORTS = {"https": 443, "http": 80}
_REASONS = {402: "Payment Required", 503: "Service Unavailable"}


def patch(module: ModuleType) -> None:
    """Put the seam into `requests`; a second time changes nothing."""
    if not hasattr(module.Session.send, _OURS):
        module.Session.send = _around(module, module.Session.send)


def _around(module: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def send(session: Any, request: Any, **kwargs: Any) -> Any:
        endpoint = _endpoint(request)
        if endpoint is None:
            return original(session, request, **kwargs)
        call = gate.enter(endpoint, _body(request))
        if isinstance(call, Refusal):
            return _refused(module, request, call)
        token = gate.begin()
        try:
            response = original(session, request, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            gate.end(token)
        return _metered(call, response)

    setattr(send, _OURS, True)
    return send


def _endpoint(request: Any) -> Endpoint | None:
    try:
        url = urlsplit(request.url)
        port = url.port or _PORTS.get(url.scheme, 0)
        return gate.endpoint(url.hostname or "", port, url.path, request.method, request.headers)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("requests.endpoint", "a request was let through unseen", error)
        return None


def _body(request: Any) -> bytes | None:
    """Return the body where it is in memory; files and generators are not touched."""
    body = request.body
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else None


def _refused(module: ModuleType, request: Any, refusal: Refusal) -> Any:
    response = module.Response()
    response.status_code = refusal.status
    response.reason = _REASONS[refusal.status]
    response.headers.update(refusal.headers)
    response.url, response.request, response.encoding = request.url, request, "utf-8"
    response.raw = BytesIO(refusal.body)
    _ = response.content  # read, as after any request that is not a stream
    return response


def _metered(call: Call, response: Any) -> Any:
    try:
        call.answered(response.status_code, response.headers)
        if getattr(response, "_content", False) is False:  # a stream that nobody has read yet
            response.raw = RawTee(call, response.raw)
        else:
            call.whole(response.content or b"")
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("requests.metered", "an answer cannot be metered", error)
    return response
