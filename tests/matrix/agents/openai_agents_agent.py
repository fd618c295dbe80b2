"""An agent on OpenAI's Agents SDK, as anybody writes it; its own tracing, which would go to
OpenAI, is off.
"""

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from seeing import KEY, LONG, QUESTION, URL, see

set_tracing_disabled(True)


def agent(model: str) -> Agent:
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY)
    kind = OpenAIChatCompletionsModel if model == "gpt-4.1" else OpenAIResponsesModel
    return Agent(name="Analyst", instructions=LONG, model=kind(model, openai_client=client))


def sync(model: str) -> str:
    return str(Runner.run_sync(agent(model), QUESTION).final_output)


async def in_async(model: str) -> str:
    return str((await Runner.run(agent(model), QUESTION)).final_output)


async def astream(model: str) -> str:
    events = Runner.run_streamed(agent(model), QUESTION).stream_events()
    deltas = [e.data async for e in events if e.type == "raw_response_event"]
    return "".join(d.delta for d in deltas if isinstance(d, ResponseTextDeltaEvent))


see(
    {
        "sync": ("gpt-4o-mini", sync),
        "async": ("gpt-4o", in_async),
        "stream async": ("gpt-4.1-mini", astream),
        "chat async": ("gpt-4.1", in_async),
    }
)
