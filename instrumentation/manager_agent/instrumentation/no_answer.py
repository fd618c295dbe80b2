"""What is said where a receiver does not take what it is sent, and what to do."""

from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.grpc_status import Status
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError

_LATER = frozenset(
    {
        *("CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE"),
        *("UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNKNOWN"),
    }
)
"""What OTLP names as worth another try; and what somebody may put right while we wait."""
_TOKEN = ("UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP 401", "HTTP 403")


def failure(to: Destination, ended: Status, remedy: str = "") -> UnreachableError | GaveUpError:
    """Return the error of a call that ended so."""
    why = f"{ended.code}: {ended.message}"
    if ended.code in _LATER:
        return unreachable(to, why, remedy)
    return GaveUpError(f"{to.url} refused ({why})")


def unreachable(to: Destination, why: str, remedy: str = "") -> UnreachableError:
    """Return the error of a receiver that does not take what it is sent; `why` names a code."""
    if not remedy:
        remedy = (
            "set MANAGER_TOKEN to a token it knows"
            if why.startswith(_TOKEN)
            else "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"
        )
    return UnreachableError(f"{to.url} takes nothing ({why}): {remedy}")
