"""What spans tell of calls: how those went that no guard watched, and what all of them cost."""

from dataclasses import dataclass

SPANS = "spans"
"""The holder in whose name spans tell outcomes: nobody that could be told anything."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What changed of an agent's spending on a provider's model family, guarded or not; nano-USD.

    `failed_nano` is the part of `nano` that `failed` calls cost, which did not succeed. Each call
    is told once; what a later span corrects comes as a difference, which may be negative.
    """

    agent: str
    provider: str
    family: str
    nano: int
    failed_nano: int = 0
    failed: int = 0
