"""What is said where a receiver does not take what it is sent, and what to do."""

from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.grpc_status import Status
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError
from manager_agent.instrumentation.tls import NoConnectionError

_LATER = frozenset(
    {
        *("CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE"),
        *("UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNKNOWN"),
    }
)
"""What OTLP names as worth another try; and what somebody may put right while we wait."""
_TOKEN = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP 401", "HTTP 403"})


def failure(to: Destination, ended: Status, remedy: str = "") -> UnreachableError | GaveUpError:
    """Return the error of a call that ended so."""
    if ended.code in _LATER:
        return unreachable(to, ended, remedy)
    return gave_up(to, ended)


def gave_up(to: Destination, ended: Status) -> GaveUpError:
    """Return the error of what is never taken."""
    why = _why(ended)
    return GaveUpError(f"{to.url} refused ({why})", code=ended.code, why=why)


def unreachable(to: Destination, ended: Status, remedy: str = "") -> UnreachableError:
    """Return the error of a receiver that takes nothing at present."""
    remedy = remedy or (
        "set MANAGER_TOKEN to a token it knows"
        if ended.code in _TOKEN
        else "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"
    )
    why = _why(ended)
    message = f"{to.url} takes nothing ({why}): {remedy}"
    return UnreachableError(message, code=ended.code, why=why, remedy=remedy)


def unconnected(to: Destination, error: NoConnectionError) -> UnreachableError:
    """Return the error of a connection that could not be made."""
    return unreachable(to, Status("", str(error)), error.remedy)


def _why(ended: Status) -> str:
    return ": ".join(filter(None, ended))
