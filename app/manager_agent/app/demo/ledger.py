"""The fake provider's own account of what it served: the truth that a meter is held against."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from manager_agent.app.demo.answers import Usage

Ending = Literal[
    "whole",  # answered to its end
    "left",  # the client was gone before
    "cut",  # the provider closed the connection in the middle
]


@dataclass(frozen=True, slots=True)
class Served:
    """The truth about one request: what a meter should have found. `usage` None: it failed.

    Every attempt of a client is one. `response_model` is what ran, whether the answer says so or
    not. `usage` of a stream that was not `whole`: what was generated until then. `provider`:
    canonical. `billed`: the client pays for it. `attempt`: how often this very request had come,
    this time included. `charged_usd`: what the answer says it cost, None: it says nothing.
    `started`: when the request came, in seconds since 1970.
    """

    path: str
    model: str
    response_model: str
    response_id: str
    status: int
    streaming: bool
    usage: Usage | None
    provider: str = "openai"
    billed: bool = True
    ending: Ending = "whole"
    attempt: int = 1
    charged_usd: Decimal | None = None
    started: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the entry as JSON; tokens under the names of `llm_calls`, None: unknown."""
        return {
            "path": self.path,
            "provider": self.provider,
            "model": self.model,
            "response_model": self.response_model,
            "response_id": self.response_id,
            "status": self.status,
            "streaming": self.streaming,
            "started": self.started,
            "attempt": self.attempt,
            "ending": self.ending,
            "billed": self.billed,
            "charged_usd": None if self.charged_usd is None else str(self.charged_usd),
            "usage": None if self.usage is None else _tokens(self.usage),
        }


def _tokens(usage: Usage) -> dict[str, int]:
    """Return all input and all output, and what lies inside them."""
    return {
        "input_tokens": usage.prompt.total,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.prompt.cache_read,
        "cache_write_tokens": usage.prompt.cache_write,
        "reasoning_tokens": usage.reasoning,
    }
