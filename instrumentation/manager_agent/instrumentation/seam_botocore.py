"""The seam in botocore: the `send` of its HTTP session, where each attempt of boto3 passes.

Not the event `before-call`: it comes once a call, and botocore's own retries are attempts that
are billed; and clients that were made before would be out of reach. botocore retries every 503,
whatever the headers say, so an open breaker is answered with 402 too; the error's code tells.
"""

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
from manager_agent.instrumentation.refusal import BUDGET_STATUS, Refusal

_OURS = "__manager_agent__"
_PORTS = {"https": 443, "http": 80}


def patch(module: ModuleType) -> None:
    """Put the seam into `botocore.httpsession`; a second time changes nothing."""
    session = module.URLLib3Session
    if not hasattr(session.send, _OURS):
        session.send = _around(module, session.send)


def _around(module: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def send(session: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = _endpoint(request)
        if endpoint is None:
            return original(session, request, *args, **kwargs)
        call = gate.enter(endpoint, _body(request))
        if isinstance(call, Refusal):
            return _refused(module, request, call)
        token = gate.begin()
        try:
            response = original(session, request, *args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            gate.end(token)
        return _metered(call, request, response)

    setattr(send, _OURS, True)
    return send


def _endpoint(request: Any) -> Endpoint | None:
    try:
        url = urlsplit(request.url)
        port = url.port or _PORTS.get(url.scheme, 0)
        return gate.endpoint(url.hostname or "", port, url.path, request.method, request.headers)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("botocore.endpoint", "a request was let through unseen", error)
        return None


def _body(request: Any) -> bytes | None:
    body = request.body
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else None


class _Synthetic(BytesIO):
    """A raw response that botocore can read."""

    def stream(self, amt: int = 65536, **_: Any) -> Any:
        """Yield the body in pieces."""
        while piece := self.read(amt):
            yield piece


def _refused(module: ModuleType, request: Any, refusal: Refusal) -> Any:
    raw = _Synthetic(refusal.body)
    response = module.botocore.awsrequest.AWSResponse(
        request.url, BUDGET_STATUS, refusal.headers, raw
    )
    _ = response.content
    return response


def _metered(call: Call, request: Any, response: Any) -> Any:
    try:
        call.answered(response.status_code, response.headers)
        if request.stream_output:
            response.raw = RawTee(call, response.raw)
        else:
            call.whole(response.content)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("botocore.metered", "an answer cannot be metered", error)
    return response
