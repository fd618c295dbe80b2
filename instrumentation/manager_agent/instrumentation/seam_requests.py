"""The seam in requests: `Session.send`, which is below retries of the user's and above adapters."""

from functools import partial
from io import BytesIO
from types import ModuleType
from typing import Any

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.prepared import OURS, around
from manager_agent.instrumentation.raw_tee import RawTee
from manager_agent.instrumentation.refusal import Refusal

_REASONS = {402: "Payment Required", 503: "Service Unavailable"}


def patch(module: ModuleType) -> None:
    """Put the seam into `requests`; a second time changes nothing."""
    if not hasattr(module.Session.send, OURS):
        refused = partial(_refused, module)
        module.Session.send = around(module.Session.send, "requests", refused, _metered)


def _refused(module: ModuleType, request: Any, refusal: Refusal) -> Any:
    response = module.Response()
    response.status_code = refusal.status
    response.reason = _REASONS[refusal.status]
    response.headers.update(refusal.headers)
    response.url, response.request, response.encoding = request.url, request, "utf-8"
    response.raw = BytesIO(refusal.body)
    _ = response.content  # read, as after any request that is not a stream
    return response


def _metered(call: Call, request: Any, response: Any) -> Any:
    try:
        call.answered(response.status_code, response.headers)
        if getattr(response, "_content", False) is False:  # a stream that nobody has read yet
            response.raw = RawTee(call, response.raw)
        else:
            call.whole(response.content or b"")
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("requests.metered", "an answer cannot be metered", error)
    return response
