"""What becomes of calls while the manager cannot be reached, or was never heard of.

    MANAGER_UNREACHABLE says       that holds
    the manager said it, or did    that holds: in this life, or in an earlier one on this host
      so in an earlier process
    MANAGER_ENDPOINT is set        `static`: somebody said that there is a manager
    nothing of these               calls pass: nobody said so

`static` uses up what was granted, then refuses; `closed` refuses; `open` lets pass, flagged, as
much as `MANAGER_OPEN_CAP_USD` (1.0) in each hour of each process.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from manager_agent.contract.decision import Refuse
from manager_agent.contract.money import nano_usd, usd
from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.refusals import dollars

VARIABLE, ENDPOINT, CAP = "MANAGER_UNREACHABLE", "MANAGER_ENDPOINT", "MANAGER_OPEN_CAP_USD"
_MODES = ("static", "closed", "open")
_HOUR_NS = 3_600_000_000_000
_TYPICAL_NANO = 10_000_000
_ASSUMED_NANO_PER_TOKEN = 15_000
"""15 USD for a million tokens: what calls are taken to cost whose price nobody told."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the environment says. `mode`, `cap_nano`: None where it does not."""

    mode: str | None
    cap_nano: int | None
    explicit: bool
    url: str


def setting(env: Mapping[str, str], url: str) -> Setting:
    """Read the environment; what cannot be right is told, and taken as not said."""
    mode = env.get(VARIABLE, "").strip().lower() or None
    if mode is not None and mode not in _MODES:
        mishap.warn(
            "absence.mode",
            f"{VARIABLE}={mode!r}: one of {', '.join(_MODES)} is wanted; taken as not set",
        )
        mode = None
    cap: int | None = None
    said = env.get(CAP, "").strip()
    if said:
        try:
            cap = nano_usd(Decimal(said))
        except ArithmeticError:
            mishap.warn("absence.cap", f"{CAP}={said!r}: USD are wanted, such as 1.0; 1.0 is taken")
    return Setting(mode, cap, bool(env.get(ENDPOINT, "").strip()), url)


class Absence:
    """Decides for calls that no lease covers; safe to use from several threads."""

    def __init__(self, said: Setting, remembered: Callable[[str], str | None]) -> None:
        """`remembered`: what the manager said of an agent to an earlier process."""
        self._said = said
        self._remembered = remembered
        self._earlier: dict[str, str | None] = {}
        self._cap = _Cap()

    def after_fork(self) -> None:
        """Begin an account of its own in a child."""
        self._cap = _Cap()

    def mode(self, agent: str, heard: str | None) -> str:
        """Return `static`, `closed`, `open`, or `unmanaged`: nobody said that there is a manager.

        `heard`: what the manager said to this process, None before its first word.
        """
        if self._said.mode is not None:
            return self._said.mode
        if heard in _MODES:
            return heard
        if agent not in self._earlier:
            self._earlier[agent] = self._remembered(agent)
        return self._earlier[agent] or ("static" if self._said.explicit else "unmanaged")

    def refusal(
        self, agent: str, mode: str, limit_nano: int | None, why: str, now_ns: int
    ) -> Refuse | None:
        """Return why a call must not go out; None where it may, and `settle` is to be told."""
        if mode == "unmanaged" and self._said.cap_nano is None:
            return None
        if mode in ("open", "unmanaged"):
            most = self._most(limit_nano)
            if self._cap.take(most, now_ns):
                return None
            return self._over_cap(agent, most)
        return self._closed(agent, why)

    def settle(self, nano: int | None, tokens: int, now_ns: int) -> None:
        """Take note of what a call cost that passed; None where nobody knows."""
        self._cap.settle(tokens * _ASSUMED_NANO_PER_TOKEN if nano is None else nano, now_ns)

    def _most(self, limit_nano: int | None) -> int:
        cap = self._said.cap_nano
        if cap is not None:
            return cap
        return nano_usd(1) if limit_nano is None else min(limit_nano, nano_usd(1))

    def _closed(self, agent: str, why: str) -> Refuse:
        url = self._said.url
        where = "" if url in why else f"{url}: "
        start = "" if ENDPOINT in why else f"Start it, or set {ENDPOINT} to where it is. "
        return Refuse(
            "manager_unreachable",
            f"{agent} holds no money, and the manager cannot be reached: {where}{why or 'silence'}",
            f"{start}Set {VARIABLE}=open to let calls pass without it.",
        )

    def _over_cap(self, agent: str, most: int) -> Refuse:
        return Refuse(
            "manager_unreachable",
            f"The manager at {self._said.url} cannot be reached, and this process has spent"
            f" the {dollars(usd(most))} that it may spend without it in an hour",
            f"Start the manager, or raise {CAP}.",
        )


class _Cap:
    """What a process spends without a manager, by the hour; calls in flight count as typical."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._began_ns = 0
        self._spent = self._in_flight = 0
        self._typical = _TYPICAL_NANO

    def take(self, most: int, now_ns: int) -> bool:
        with self._lock:
            if now_ns - self._began_ns >= _HOUR_NS:
                self._began_ns, self._spent = now_ns, 0
            if self._spent + self._in_flight * self._typical >= most:
                return False
            self._in_flight += 1
            return True

    def settle(self, nano: int, now_ns: int) -> None:
        with self._lock:
            self._in_flight = max(0, self._in_flight - 1)
            self._spent += nano
            self._typical = max(1, nano)
