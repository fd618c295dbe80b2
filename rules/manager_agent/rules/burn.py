"""Dollars burnt on failures: what an agent's failed calls cost of late, beside all it spent.

A breaker that counts failures does not see an agent that fails seldom but dearly, or slowly: long
answers that break off, or paid answers that nobody can use and that are asked for again.
"""

from dataclasses import dataclass

from manager_agent.rules.amounts import counted, dollars
from manager_agent.rules.breaker import Terms

_PARTS = 20
_MINUTE_US = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Burnt:
    """What changed of an agent's spending: nano-USD in all, and of calls that failed.

    `failed`: how many calls these are. Corrections of what was told before are negative.
    """

    nano: int = 0
    failed_nano: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Burn:
    """Spending of the last `Terms.burnt_us` in twenty parts: (its number, what), oldest first."""

    parts: tuple[tuple[int, Burnt], ...] = ()

    def add(self, told: Burnt, now_us: int, terms: Terms) -> "Burn":
        """Return it with what was told now, and without what is too old."""
        number = now_us * _PARTS // terms.burnt_us
        kept = [part for part in self.parts if part[0] > number - _PARTS]
        if kept and kept[-1][0] >= number:
            number, before = kept.pop()
            told = _sum((before, told))
        return Burn((*kept, (number, told)))

    def trips(self, terms: Terms) -> str | None:
        """Return why calls should stop, in words; None where all is well.

        Where most of what is spent is spent well, stopping it would do more harm than good.
        """
        all_ = _sum(tuple(part for _, part in self.parts))
        if not terms.burnt_nano or all_.failed_nano <= terms.burnt_nano:
            return None
        if all_.failed_nano * 100 < all_.nano * terms.burnt_percent:
            return None
        return (
            f"{counted(all_.failed, 'failed call')} cost {dollars(all_.failed_nano)} in"
            f" {terms.burnt_us / _MINUTE_US:g} min, of {dollars(all_.nano)} spent"
        )


def _sum(several: tuple[Burnt, ...]) -> Burnt:
    return Burnt(
        sum(one.nano for one in several),
        sum(one.failed_nano for one in several),
        sum(one.failed for one in several),
    )
