"""How a refused call is answered, without anything on the wire."""

from dataclasses import dataclass

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.wires import WIRES

BUDGET_STATUS, BREAKER_STATUS = 402, 503


@dataclass(frozen=True, slots=True)
class Refusal:
    """A synthetic HTTP answer; SDKs raise their own typed error of it, once.

    402 is retried by nobody. 503, of an open breaker, would be without `x-should-retry: false`.
    There is no `retry-after`: clients that know the one header and not the other would wait and
    come back.
    """

    refuse: Refuse
    status: int
    headers: dict[str, str]
    body: bytes


def refusal(endpoint: Endpoint, refuse: Refuse) -> Refusal:
    """Word `refuse` as the provider of `endpoint` words its errors."""
    status = BREAKER_STATUS if refuse.reason == "breaker_open" else BUDGET_STATUS
    body = WIRES[endpoint.api].refusal(refuse, status)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-should-retry": "false",
        "x-manager-blocked": refuse.reason,
    }
    return Refusal(refuse, status, headers, body)
