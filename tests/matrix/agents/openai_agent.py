"""An agent on OpenAI's SDK, as anybody writes it; runs on all majors since 1."""

from typing import Any

from openai import AsyncOpenAI, OpenAI
from seeing import KEY, LONG, QUESTION, URL, see

MESSAGES: Any = [{"role": "system", "content": LONG}, {"role": "user", "content": QUESTION}]
STREAM: Any = {"stream": True, "stream_options": {"include_usage": True}}


def client() -> OpenAI:
    return OpenAI(base_url=f"{URL}/v1", api_key=KEY)


def aclient() -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY)


def sync(model: str) -> str:
    said = client().chat.completions.create(model=model, messages=MESSAGES)
    return said.choices[0].message.content or ""


async def in_async(model: str) -> str:
    async with aclient() as live:
        said = await live.chat.completions.create(model=model, messages=MESSAGES)
        return said.choices[0].message.content or ""


def stream(model: str) -> str:
    with client().chat.completions.create(model=model, messages=MESSAGES, **STREAM) as chunks:
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def astream(model: str) -> str:
    async with aclient() as live:
        chunks = await live.chat.completions.create(model=model, messages=MESSAGES, **STREAM)
        return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])


def unasked(model: str) -> str:
    """Stream without asking for usage: no client can know it, it is to be estimated."""
    chunks = client().chat.completions.create(model=model, messages=MESSAGES, stream=True)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def raw(model: str) -> str:
    said = client().chat.completions.with_raw_response.create(model=model, messages=MESSAGES)
    return said.parse().choices[0].message.content or ""


def responses(model: str) -> str:
    said = client().responses.create(model=model, instructions=LONG, input=QUESTION)
    return said.output_text


async def responses_astream(model: str) -> str:
    async with aclient() as live:
        events = await live.responses.create(
            model=model, instructions=LONG, input=QUESTION, stream=True
        )
        return "".join([e.delta async for e in events if e.type == "response.output_text.delta"])


def embeddings(model: str) -> str:
    client().embeddings.create(model=model, input=[LONG, QUESTION])
    return ""


see(
    {
        "sync": ("gpt-4o-mini", sync),
        "async": ("gpt-4o", in_async),
        "stream": ("gpt-4.1", stream),
        "stream async": ("gpt-4.1-mini", astream),
        "stream, usage unasked": ("gpt-4.1-nano", unasked),
        "raw response": ("o3", raw),
        "responses": ("o4-mini", responses),
        "responses stream async": ("gpt-5-mini", responses_astream),
        "embeddings": ("text-embedding-3-small", embeddings),
    }
)
