"""The records of the matrix: what the agent saw, what the provider served, what we counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["allowed", "refused", "500 then ok", "always 500"]
OUTCOMES: tuple[Outcome, ...] = ("allowed", "refused", "500 then ok", "always 500")

UNKNOWABLE = ("stream, usage unasked",)
"""Modes whose usage no client can know: it is to be estimated, and said to be so."""

BROKEN = "the process"
"""Stands for a mode where the process itself failed, or took too long."""

KINDS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


@dataclass(frozen=True, slots=True)
class Saw:
    """What the agent saw in one mode: characters of all answers, or its exception."""

    mode: str
    model: str
    chars: int
    exception: str | None
    message: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: by the provider's ledger, or as a row of `llm_calls`. Cost in nano-USD."""

    http_status: int | None
    tokens: Mapping[str, int | None] | None
    cost_nano: int | None
    source: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it was answered with an error, or not at all."""
        return self.http_status is None or self.http_status >= 400


@dataclass(frozen=True, slots=True)
class Cell:
    """One mode of one SDK under one outcome. `told`: spans of its calls; `decisions`: refusals."""

    environment: str
    outcome: Outcome
    saw: Saw
    served: Sequence[Attempt]
    counted: Sequence[Attempt]
    told: int
    decisions: int
    own: Sequence[str]
    emitters: int = 0
