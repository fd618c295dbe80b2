"""The demonstration's fleet: who works, with what, under which budget."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Member:
    """One agent of the fleet. `works_with` is for readers.

    `monthly_limit_usd` is its budget. Of a month, since an hour or a day that ends in the middle of
    a demonstration gives the agent that loops new money, and the story would be another.
    """

    agent: str
    monthly_limit_usd: Decimal
    works_with: str


# The one that loops: its limit stops it half a minute after it started.
LOOPING = Member("research-agent", Decimal("0.40"), "openai, gpt-4o, tools")
# The one whose provider fails for a while.
FAILING = Member("sync-agent", Decimal("1"), "openai, gpt-4o-mini, a provider that fails")
FLEET = (
    LOOPING,
    Member("coding-agent", Decimal("60"), "anthropic async, claude-sonnet-4-6, tools; a spike"),
    Member("support-agent", Decimal("5"), "anthropic streams, claude-haiku-4-5, cached prompt"),
    Member("triage-agent", Decimal("20"), "openai async, gpt-4o-mini, streams; an error burst"),
    FAILING,
)
