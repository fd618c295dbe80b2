"""An agent on LiteLLM, as anybody writes it: one interface, two providers behind it."""

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch a list at its import

import litellm
from seeing import KEY, LONG, QUESTION, URL, see

MESSAGES: Any = [{"role": "system", "content": LONG}, {"role": "user", "content": QUESTION}]
STREAM: Any = {"stream": True, "stream_options": {"include_usage": True}}


def route(model: str) -> dict[str, Any]:
    if model.startswith("claude"):
        return {"model": f"anthropic/{model}", "api_base": URL, "api_key": KEY, "max_tokens": 600}
    return {"model": f"openai/{model}", "api_base": f"{URL}/v1", "api_key": KEY}


def sync(model: str) -> str:
    said: Any = litellm.completion(messages=MESSAGES, **route(model))
    return said.choices[0].message.content or ""


async def in_async(model: str) -> str:
    said: Any = await litellm.acompletion(messages=MESSAGES, **route(model))
    return said.choices[0].message.content or ""


def stream(model: str) -> str:
    chunks: Any = litellm.completion(messages=MESSAGES, **STREAM, **route(model))
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def astream(model: str) -> str:
    chunks: Any = await litellm.acompletion(messages=MESSAGES, **STREAM, **route(model))
    return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])


see(
    {
        "openai sync": ("gpt-4o-mini", sync),
        "openai async": ("gpt-4o", in_async),
        "openai stream": ("gpt-4.1", stream),
        "openai stream async": ("gpt-4.1-mini", astream),
        "anthropic sync": ("claude-sonnet-4-5", sync),
        "anthropic async": ("claude-haiku-4-5", in_async),
        "anthropic stream": ("claude-opus-4-5", stream),
        "anthropic stream async": ("claude-sonnet-4-6", astream),
    }
)
