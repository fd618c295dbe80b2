"""A run of an agent as its telemetry tells it: model and tool calls, with what an emitter shows."""

from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Any, Literal

from benchmarks.detection.sizes import Sizes

Row = dict[str, Any]
Emitter = Literal[
    "full",  # digests of turns, tool arguments and results
    "tools",  # digests of tool arguments and results, none of requests
    "arguments",  # digests of turns and tool arguments, no results
    "guard",  # digests of turns; no tools, no trace that lasts
    "counts",  # tokens alone
]
EMITTERS: tuple[Emitter, ...] = ("full", "tools", "arguments", "guard", "counts")

_INPUT_NANO, _OUTPUT_NANO = 1_250, 10_000
_TOKENS_PER_SECOND = 60.0


@dataclass(slots=True)
class Rows:
    """All that was told: model calls and tool calls; `ts` in seconds since the world's begin."""

    calls: list[Row] = field(default_factory=list)
    tools: list[Row] = field(default_factory=list)


class Run:
    """Writes the steps of one run, one after the other; `seconds` is where it has come to."""

    def __init__(
        self, rows: Rows, random: Random, agent: str, emitter: Emitter, sizes: Sizes, begin: float
    ) -> None:
        self.rows, self.random, self.agent, self.emitter = rows, random, agent, emitter
        self.sizes, self.seconds = sizes, begin
        self.trace = _name(random)
        self.conversation: str | None = None
        self.context, self._output = sizes.tokens(random)
        self._history = _name(random)
        self._answer = ""

    def call(
        self,
        turn: str,
        answer: str,
        *,
        new: int | None = None,
        output: int | None = None,
        error: str | None = None,
        lasts: float | None = None,
        alone: bool = False,
    ) -> None:
        """Ask a model. `turn`: what is new in the request; `alone`: it carries no history."""
        grown = new if new is not None else 20 + int(self.random.expovariate(1 / 300))
        last = _digest(self._answer, turn)
        if not alone:
            self.context = min(self.context + grown, 180_000)
            self._history = _digest(self._history, turn)
            self._answer = answer
        told = output if output is not None else self.sizes.tokens(self.random)[1]
        seconds = lasts if lasts is not None else self._latency(told)
        digests = self._call_digests(
            None if alone else last, _digest(turn) if alone else self._history
        )
        trace = _name(self.random) if self.emitter == "guard" else self.trace
        tokens = self.context if not alone or new is None else new
        self.rows.calls.append(
            {
                "call_id": _name(self.random), "ts": self.seconds, "duration_ms": seconds * 1000,
                "agent": self.agent, "provider": "openai", "model": "gpt-5", "operation": "chat",
                "input_tokens": tokens, "output_tokens": 0 if error else told,
                "cost": 0 if error else tokens * _INPUT_NANO + told * _OUTPUT_NANO,
                "status": "error" if error else "ok", "error_type": error, "trace_id": trace,
                "conversation_id": self.conversation, **digests,
            }
        )  # fmt: skip
        self.seconds += seconds
        if not alone:
            self.context += told

    def tool(
        self,
        name: str,
        arguments: str,
        result: str,
        *,
        error: str | None = None,
        lasts: float | None = None,
    ) -> None:
        """Run a tool."""
        seconds = lasts if lasts is not None else min(self.random.lognormvariate(-1.5, 1.2), 60)
        shows = self.emitter in ("full", "tools", "arguments")
        results = self.emitter in ("full", "tools")
        if self.emitter != "guard":
            self.rows.tools.append(
                {
                    "ts": self.seconds, "duration_ms": seconds * 1000, "agent": self.agent,
                    "tool": name, "status": "error" if error else "ok", "error_type": error,
                    "error_message": error and f"{error}: it failed",
                    "arguments_digest": _digest(name, arguments) if shows else None,
                    "result_digest": _digest(result) if results and not error else None,
                    "conversation_id": self.conversation, "trace_id": self.trace,
                }
            )  # fmt: skip
        self.seconds += seconds

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def new(self) -> str:
        """Return content that was never there before."""
        return _name(self.random)

    def _latency(self, output: int) -> float:
        return min(0.4 + self.random.lognormvariate(-0.7, 0.6) + output / _TOKENS_PER_SECOND, 120)

    def _call_digests(self, turn: str | None, whole: str) -> dict[str, str | None]:
        shown = self.emitter in ("full", "arguments", "guard")
        return {
            "prompt_digest": whole if shown else None,
            "turn_digest": turn if shown else None,
        }


def _name(random: Random) -> str:
    return f"{random.getrandbits(64):016x}"


def _digest(*content: str) -> str:
    return blake2b("\x1f".join(content).encode(), digest_size=8).hexdigest()
