"""How a refused call is answered, without anything on the wire."""

import json
from dataclasses import dataclass

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.refusals import explained
from manager_agent.instrumentation.wires import WIRES

BUDGET_STATUS, BREAKER_STATUS = 402, 503


@dataclass(frozen=True, slots=True)
class Refusal:
    """A synthetic HTTP answer; SDKs raise their own typed error of it, once.

    402 is retried by nobody. 503, of an open breaker, would be without `x-should-retry: false`.
    There is no `retry-after`: clients that know the one header and not the other would wait and
    come back.
    """

    status: int
    message: str
    headers: dict[str, str]
    body: bytes


def refusal(endpoint: Endpoint, refuse: Refuse) -> Refusal:
    """Word `refuse` as the provider of `endpoint` words its errors."""
    status = BREAKER_STATUS if refuse.reason == "breaker_open" else BUDGET_STATUS
    body = _body(endpoint, refuse, status)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-should-retry": "false",
        "x-manager-blocked": refuse.reason,
    }
    return Refusal(status, _message(refuse), headers, body)


def _body(endpoint: Endpoint, refuse: Refuse, status: int) -> bytes:
    try:
        return WIRES[endpoint.api].refusal(refuse, status)
    except Exception as error:  # noqa: BLE001 - a refusal stands, however it is worded
        mishap.note("refusal.body", "a refusal could not be worded as the provider does", error)
        error_body = {"message": _message(refuse), "type": refuse.reason}
        return json.dumps({"error": error_body}).encode()


def _message(refuse: Refuse) -> str:
    try:
        return explained(refuse)
    except Exception as error:  # noqa: BLE001 - a refusal stands, however it is worded
        mishap.note("refusal.message", "a refusal could not be worded in full", error)
        return f"Refused by Manager Agent ({refuse.reason}): {refuse.message} {refuse.remedy}"
