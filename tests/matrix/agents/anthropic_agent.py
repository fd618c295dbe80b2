"""An agent on Anthropic's SDK, as anybody writes it, its long instructions cached."""

from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from seeing import KEY, LONG, QUESTION, URL, see

ASKED: Any = {
    "max_tokens": 600,
    "system": [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": QUESTION}],
}


def client() -> Anthropic:
    return Anthropic(base_url=URL, api_key=KEY)


def aclient() -> AsyncAnthropic:
    return AsyncAnthropic(base_url=URL, api_key=KEY)


def sync(model: str) -> str:
    return _text(client().messages.create(model=model, **ASKED))


async def in_async(model: str) -> str:
    async with aclient() as live:
        return _text(await live.messages.create(model=model, **ASKED))


def stream(model: str) -> str:
    with client().messages.stream(model=model, **ASKED) as events:
        return "".join(events.text_stream)


async def astream(model: str) -> str:
    async with aclient() as live, live.messages.stream(model=model, **ASKED) as events:
        return "".join([text async for text in events.text_stream])


def bare(model: str) -> str:
    """Stream without the helper."""
    events = client().messages.create(model=model, stream=True, **ASKED)
    return "".join(e.delta.text for e in events if e.type == "content_block_delta")


def raw(model: str) -> str:
    return _text(client().messages.with_raw_response.create(model=model, **ASKED).parse())


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content)


see(
    {
        "sync": ("claude-sonnet-4-5", sync),
        "async": ("claude-haiku-4-5", in_async),
        "stream": ("claude-opus-4-5", stream),
        "stream async": ("claude-sonnet-4-6", astream),
        "stream without helper": ("claude-opus-4-1", bare),
        "raw response": ("claude-opus-4-6", raw),
    }
)
