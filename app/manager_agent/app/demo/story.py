"""What happens in the demonstration, told by the provider's own ledger and what the agent was told.

The looping agent is stopped by its hard limit; somebody raises the limit from the command line, and
it goes on. Another agent's calls fail one after the other; its breaker opens, and closes again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from manager_agent.app.demo.ledger import Served
from manager_agent.app.demo.roster import FAILING, LOOPING

QUIET_SECONDS = 8.0
"""A refused agent whose calls go out no more for so long is stopped: one may wait 5 s for money."""
SILENT_SECONDS = 2.0
"""So long after failures nothing went out: a breaker is open, which it is for 5 s."""
RAISED_AFTER_SECONDS = 6.0
"""How long the stopped agent is shown before its limit is raised."""
RAISED_TO = LOOPING.monthly_limit_usd * 2
TRIPPED_BY = 5
_NANO = Decimal(10**9)
_GPT_4O = (2_500, 1_250, 10_000)
"""List price in nano-USD of a token of input, of input from the cache, of output."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the story, and seconds after the server was up."""

    text: str
    after_seconds: float


class Story:
    """Looks at the ledger now and then; `told` is what has happened so far.

    `act`: runs `manager-agent ARGUMENTS` as a person would, and says whether that worked.
    `refusals`: how often the looping agent was refused so far; a slow machine is quiet, too.
    """

    def __init__(self, act: Callable[[Sequence[str]], bool], refusals: Callable[[], int]) -> None:
        self.told: list[Told] = []
        self._act = act
        self._refusals = refusals
        self._refused = 0
        self._stopped_at: float | None = None
        self._raised_at: float | None = None
        self._resumed = self._opened = self._closed = False
        self._requests = 0
        self._moved_at = 0.0
        self._failing_seen = 0
        self._failing_at = 0.0

    @property
    def held(self) -> bool:
        """Whether the looping agent was stopped, and went on when its limit was raised."""
        return self._resumed

    @property
    def recovered(self) -> bool:
        """Whether the failing agent's breaker opened, and let it work again."""
        return self._closed

    def look(self, served: Sequence[Served], now: float) -> None:
        """Take what was served until `now`, in seconds after the server was up."""
        self._look_at_loop([one for one in served if under(one, LOOPING.agent)], now)
        self._look_at_failing([one for one in served if under(one, FAILING.agent)], now)

    def _look_at_loop(self, mine: Sequence[Served], now: float) -> None:
        if len(mine) != self._requests:
            self._requests, self._moved_at, self._refused = len(mine), now, self._refusals()
            if self._raised_at is not None and not self._resumed:
                self._resumed = True
                self._tell(f"{LOOPING.agent} goes on, with nothing to restart", now)
            return
        if self._stopped_at is None:
            quiet = now - self._moved_at > QUIET_SECONDS
            if mine and quiet and self._refusals() > self._refused:
                self._stopped_at = now
                billed = billed_usd(mine)
                self._tell(
                    f"{LOOPING.agent} is stopped by its hard limit of"
                    f" ${LOOPING.monthly_limit_usd:.2f}: the provider billed ${billed:.4f}",
                    now,
                )
        elif self._raised_at is None and now - self._stopped_at > RAISED_AFTER_SECONDS:
            command = ["budget", "set", LOOPING.agent, "--monthly-usd", f"{RAISED_TO:.2f}"]
            worked = self._act(command)
            self._raised_at = now if worked else None
            self._stopped_at = now
            self._tell(f"$ manager-agent {' '.join(command)}{'' if worked else '   failed'}", now)

    def _look_at_failing(self, mine: Sequence[Served], now: float) -> None:
        if len(mine) != self._failing_seen:
            self._failing_seen, self._failing_at = len(mine), now
        if not self._opened:
            last = [one.status for one in mine[-TRIPPED_BY:]]
            failed = len(last) == TRIPPED_BY and all(status >= 500 for status in last)
            if failed and now - self._failing_at > SILENT_SECONDS:
                self._opened = True
                self._tell(
                    f"{FAILING.agent}: {TRIPPED_BY} calls failed one after the other; its breaker"
                    " is open, and nothing goes out",
                    now,
                )
        elif not self._closed and [one.status for one in mine[-3:]] == [200] * 3:
            self._closed = True
            self._tell(f"{FAILING.agent}: three calls went well; its breaker is closed again", now)

    def _tell(self, text: str, now: float) -> None:
        self.told.append(Told(text, now))


def under(entry: Served, agent: str) -> bool:
    """Tell whether an agent of the fleet asked for this: its name leads the path."""
    return entry.path.startswith(f"/{agent}/")


def billed_usd(served: Sequence[Served]) -> Decimal:
    """Return what calls of gpt-4o cost at its list price."""
    dear, cached, output = _GPT_4O
    nano = 0
    for one in served:
        if one.billed and one.usage is not None:
            prompt = one.usage.prompt
            nano += (prompt.total - prompt.cache_read) * dear + prompt.cache_read * cached
            nano += one.usage.output * output
    return nano / _NANO
