"""The words of a refusal by a circuit breaker."""

from datetime import UTC, datetime, timedelta

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.decision import Refuse
from manager_agent.contract.guard import BreakerState


def shut(key: BreakerKey, state: BreakerState, left_ms: int) -> Refuse:
    """Return the refusal of a call whose breaker the manager says is open."""
    how = "being tried again, one call at a time" if state.phase == "half_open" else "open"
    if state.forced:
        remedy = f"Ask who holds it open, or close it: manager-agent breaker close {key.text}"
    elif state.phase == "half_open":
        remedy = "Try again in some seconds; three calls that succeed in a row close it."
    else:
        remedy = f"Try again then, or close it now: manager-agent breaker close {key.text}"
    reason = f": {state.reason}" if state.reason else ""
    return Refuse(
        "breaker_open",
        f"The circuit breaker of {key.words} is {how}{reason}.",
        remedy,
        limit_name=f"breaker of {key.words}",
        resets_at=_at(left_ms),
    )


def held(place: tuple[str, str, str], left_ms: int) -> Refuse:
    """Return the refusal of a call that this process holds until the manager has decided."""
    agent, provider, family = place
    return Refuse(
        "breaker_open",
        f"The last calls of agent {agent} to {provider}'s {family} failed, one after the other.",
        "Look at what failed; then calls are tried again.",
        resets_at=_at(max(left_ms, 1)),
    )


def _at(left_ms: int) -> datetime | None:
    return datetime.now(UTC) + timedelta(milliseconds=left_ms) if left_ms else None
