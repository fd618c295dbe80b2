"""An agent on LangChain's chat models, as anybody writes it."""

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from seeing import KEY, LONG, QUESTION, URL, see

SAID: Any = [("system", LONG), ("human", QUESTION)]


def chat(model: str) -> Any:
    if model.startswith("claude"):
        return ChatAnthropic(  # type: ignore[call-arg]
            model=model, base_url=URL, api_key=KEY, max_tokens=600
        )
    return ChatOpenAI(model=model, base_url=f"{URL}/v1", api_key=KEY, stream_usage=True)


def sync(model: str) -> str:
    return str(chat(model).invoke(SAID).text)


async def in_async(model: str) -> str:
    return str((await chat(model).ainvoke(SAID)).text)


def stream(model: str) -> str:
    return "".join(str(chunk.text) for chunk in chat(model).stream(SAID))


async def astream(model: str) -> str:
    return "".join([str(chunk.text) async for chunk in chat(model).astream(SAID)])


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
