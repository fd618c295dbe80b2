"""The seam in botocore: the `send` of its HTTP session, where each attempt of boto3 passes.

Not the event `before-call`: it comes once a call, and botocore's own retries are attempts that
are billed; and clients that were made before would be out of reach. botocore retries every 503,
whatever the headers say, so an open breaker is answered with 402 too; the error's code tells.
"""

from functools import partial
from io import BytesIO
from types import ModuleType
from typing import Any

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.prepared import OURS, around
from manager_agent.instrumentation.raw_tee import RawTee
from manager_agent.instrumentation.refusal import BUDGET_STATUS, Refusal


def patch(module: ModuleType) -> None:
    """Put the seam into `botocore.httpsession`; a second time changes nothing."""
    session = module.URLLib3Session
    if not hasattr(session.send, OURS):
        session.send = around(session.send, "botocore", partial(_refused, module), _metered)


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
