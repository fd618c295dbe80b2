"""What the fake model answers: pure, and the same for the same seed, request and repetition."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from manager_agent.app.demo.prompt_cache import CHARS_PER_TOKEN, Prompt, tokens

Json = Mapping[str, Any]

# Providers answer with the dated name of what they ran; prices are looked up by it.
DATED = {
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",  # later ones carry no date
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "o4-mini": "o4-mini-2025-04-16",
}
PROSE = (
    "the agent reads a page and finds figures that differ from last week so it looks again "
    "at the source before it writes a short note with costs per region and an open question "
)
SHORTEST, LONGEST = 120, 360  # tokens of an answer, unless the request allows fewer
THINKING = 256  # reasoning tokens of models that think
THINKERS = ("o1", "o3", "o4", "gpt-5", "gemini-2.5-pro")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of one of the client's tools; `arguments` by parameter name."""

    name: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `output` contains `reasoning`; `prompt` holds the input's."""

    prompt: Prompt
    output: int
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model: text, or a tool call instead; `cut` by the request's limit."""

    model: str
    text: str
    tool: ToolUse | None
    cut: bool
    usage: Usage


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the client offers: its `required` parameters get made-up arguments."""

    name: str
    required: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ask:
    """What matters of a request to a model, whatever its protocol.

    `limit`: most tokens the answer may have, None: no limit. `must_use_tool`: text is not allowed.
    `speaks`: False for an embedding, whose answer has no tokens.
    """

    model: str
    prompt: Prompt
    limit: int | None
    tools: Sequence[Tool] = ()
    must_use_tool: bool = False
    speaks: bool = True


def answer(ask: Ask, draw: Random, size: int = 0) -> Answer:
    """Return the model's answer to `ask`, its size and choices taken from `draw`.

    `size`: tokens of its output in all, as far as `ask` allows; 0: drawn.
    """
    thought = THINKING if ask.model.startswith(THINKERS) else 0
    model = DATED.get(ask.model, ask.model)
    if not ask.speaks:
        return Answer(model, "", None, False, Usage(ask.prompt, 0))
    if ask.tools and (ask.must_use_tool or (not size and draw.random() < 0.5)):
        tool = ask.tools[0]
        use = ToolUse(tool.name, {name: f"{name} of last quarter" for name in tool.required})
        spoken = tokens(tool.name) + tokens(json.dumps(use.arguments))
        return Answer(model, "", use, False, Usage(ask.prompt, thought + spoken, thought))
    wanted = max(1, size - thought) if size else draw.randint(SHORTEST, LONGEST)
    spoken = wanted if ask.limit is None else max(1, min(wanted, ask.limit - thought))
    text = _text(spoken, draw)
    return Answer(model, text, None, spoken < wanted, Usage(ask.prompt, thought + spoken, thought))


def failure(draw: Random, *, rate_429: float, rate_500: float) -> Literal[200, 429, 500]:
    """Return the HTTP status a request meets, at the given rates (0 to 1)."""
    chance = draw.random()
    if chance < rate_429:
        return 429
    return 500 if chance < rate_429 + rate_500 else 200


def pieces(text: str, size: int = 24 * CHARS_PER_TOKEN) -> list[str]:
    """Cut `text` as a stream delivers it."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def _text(size: int, draw: Random) -> str:
    """Return prose that counts as exactly `size` tokens."""
    start, length = draw.randrange(len(PROSE)), size * CHARS_PER_TOKEN
    endless = PROSE * (length // len(PROSE) + 2)
    return endless[start : start + length]
