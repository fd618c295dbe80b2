"""Providers that speak OpenAI's chat with an accent: the same answers, usage told otherwise."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from manager_agent.app.demo.answers import Answer
from manager_agent.app.demo.openai_chat import CHAT, usage
from manager_agent.app.demo.wire import Json, Wire, event

_OPENROUTER_USD = Decimal("0.000002")  # what it charges for a token of any model


def charged(total_tokens: int) -> Decimal:
    """Return what OpenRouter says a call cost, in USD; no price table knows it."""
    return total_tokens * _OPENROUTER_USD


def _groq(told: Json) -> Json:
    return {**told, "queue_time": 0.01, "prompt_time": 0.02, "completion_time": 0.1}


def _openrouter(told: Json) -> Json:
    return {**told, "cost": float(charged(told["total_tokens"])), "is_byok": False}


def _deepseek(told: Json) -> Json:
    hit = told["prompt_tokens_details"]["cached_tokens"]
    cache = {
        "prompt_cache_hit_tokens": hit,
        "prompt_cache_miss_tokens": told["prompt_tokens"] - hit,
    }
    return {**told, **cache}


def _mistral(told: Json) -> Json:
    return {key: told[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _flavoured(
    provider: str, accent: Callable[[Json], Json], last: Callable[[Json], Json] = lambda told: {}
) -> Wire:
    """Return chat whose usage is told in an `accent`; `last`: usage -> more of the last choice."""

    def whole(body: Json, answer: Answer, response_id: str) -> Json:
        return {**CHAT.whole(body, answer, response_id), "usage": accent(usage(answer))}

    def events(body: Json, answer: Answer, response_id: str) -> Iterator[str]:
        told = accent(usage(answer))
        for text in CHAT.events(body, answer, response_id):
            data = str(text).removeprefix("data: ").strip()
            if data == "[DONE]":
                yield data_line(data)
                continue
            chunk = json.loads(data)
            if chunk.get("usage"):
                chunk["usage"] = told
            elif any(choice["finish_reason"] for choice in chunk["choices"]):
                chunk |= last(told)
            yield event(chunk)

    return replace(CHAT, whole=whole, events=events, provider=provider)


def data_line(text: str) -> str:
    """Return a server-sent event that is no JSON."""
    return f"data: {text}\n\n"


# By what their addresses have before the path of the API.
FLAVOURS: Mapping[str, Wire] = {
    "groq": _flavoured("groq", _groq, lambda told: {"x_groq": {"usage": told}}),
    "openrouter": _flavoured("openrouter", _openrouter, lambda told: {"usage": told}),
    "deepseek": _flavoured("deepseek", _deepseek, lambda told: {"usage": told}),
    "mistral": _flavoured("mistral_ai", _mistral, lambda told: {"usage": told}),
}
