"""An agent on Google's SDK, as anybody writes it."""

from typing import Any

from google import genai
from google.genai import types
from seeing import KEY, LONG, QUESTION, URL, see

OPTIONS = types.HttpOptions(
    base_url=URL,
    retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.1),
)
CONFIG: Any = {"system_instruction": LONG}


def client() -> genai.Client:
    return genai.Client(api_key=KEY, http_options=OPTIONS)


def sync(model: str) -> str:
    held = client()
    said = held.models.generate_content(model=model, contents=QUESTION, config=CONFIG)
    return said.text or ""


async def in_async(model: str) -> str:
    live = client().aio
    said = await live.models.generate_content(model=model, contents=QUESTION, config=CONFIG)
    return said.text or ""


def stream(model: str) -> str:
    held = client()
    chunks = held.models.generate_content_stream(model=model, contents=QUESTION, config=CONFIG)
    return "".join(chunk.text or "" for chunk in chunks)


async def astream(model: str) -> str:
    live = client().aio
    chunks = await live.models.generate_content_stream(
        model=model, contents=QUESTION, config=CONFIG
    )
    return "".join([chunk.text or "" async for chunk in chunks])


def embeddings(model: str) -> str:
    held = client()
    held.models.embed_content(model=model, contents=[LONG, QUESTION])
    return ""


see(
    {
        "sync": ("gemini-2.5-flash", sync),
        "async": ("gemini-2.5-pro", in_async),
        "stream": ("gemini-2.5-flash-lite", stream),
        "stream async": ("gemini-2.0-flash", astream),
        "embeddings": ("gemini-embedding-001", embeddings),
    }
)
