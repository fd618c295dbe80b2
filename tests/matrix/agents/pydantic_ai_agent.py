"""An agent on Pydantic AI, as anybody writes it."""

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from seeing import KEY, LONG, QUESTION, URL, see

OPENAI = f"{URL}/v1"


def agent(model: str) -> Any:
    chosen: Any
    if model.startswith("claude"):
        chosen = AnthropicModel(model, provider=AnthropicProvider(base_url=URL, api_key=KEY))
    elif model.startswith("gpt-5"):
        chosen = OpenAIResponsesModel(model, provider=OpenAIProvider(base_url=OPENAI, api_key=KEY))
    else:
        chosen = OpenAIChatModel(model, provider=OpenAIProvider(base_url=OPENAI, api_key=KEY))
    return Agent(chosen, instructions=LONG)


def sync(model: str) -> str:
    return str(agent(model).run_sync(QUESTION).output)


async def in_async(model: str) -> str:
    return str((await agent(model).run(QUESTION)).output)


async def astream(model: str) -> str:
    async with agent(model).run_stream(QUESTION) as result:
        return "".join([text async for text in result.stream_text(delta=True)])


see(
    {
        "openai sync": ("gpt-4o-mini", sync),
        "openai async": ("gpt-4o", in_async),
        "openai stream async": ("gpt-4.1-mini", astream),
        "openai responses async": ("gpt-5-mini", in_async),
        "anthropic sync": ("claude-sonnet-4-5", sync),
        "anthropic async": ("claude-haiku-4-5", in_async),
        "anthropic stream async": ("claude-sonnet-4-6", astream),
    }
)
