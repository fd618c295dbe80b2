"""The fleet's two Anthropic agents, both with cached prompts."""

import asyncio
import logging
import time
from typing import Any

from anthropic import Anthropic, APIError, AsyncAnthropic
from anthropic.types import ToolUseBlock

from manager_agent.app.demo.desk import Desk

KEY = "demo-needs-no-key"
MANUAL = "Answer kindly. Refunds take five days. Parcels are traced by their number. " * 150
STYLE = "Write small functions with types and tests. Name things for what they mean. " * 160
RUN_TESTS: Any = {
    "name": "run_tests",
    "description": "Run the tests of a module.",
    "input_schema": {
        "type": "object",
        "properties": {"module": {"type": "string"}},
        "required": ["module"],
    },
}
EVERYTHING_FROM, EVERYTHING_UNTIL = 8.0, 26.0
"""Seconds after its start: when each question carries the whole repository with it."""
REPOSITORY = (
    "def parse(line: str) -> Row: return Row(*line.split(SEPARATOR))  # see below\n" * 5_000
)

_log = logging.getLogger(__name__)


def support(desk: Desk) -> None:
    """Answer customers one after the other, each answer a stream, the manual cached."""
    client = Anthropic(base_url=desk.url, api_key=KEY, max_retries=4)
    number = 0
    while desk.working():
        number += 1
        _answer(client, f"Customer {number} asks where the parcel is, and is not amused.")
        desk.rest(2.0)


def _answer(client: Anthropic, question: str) -> None:
    with client.messages.stream(
        model="claude-haiku-4-5",
        max_tokens=400,
        system=[{"type": "text", "text": MANUAL, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": question}],
    ) as stream:
        for _ in stream.text_stream:
            pass  # a person would read along


def code(desk: Desk) -> None:
    """Work on two modules at a time, running tests when the model asks for it."""
    asyncio.run(_code(desk))


async def _code(desk: Desk) -> None:
    async with AsyncAnthropic(base_url=desk.url, api_key=KEY, max_retries=1) as client:
        number, began = 0, time.monotonic()
        while desk.working():
            number += 2
            dear = EVERYTHING_FROM < time.monotonic() - began < EVERYTHING_UNTIL
            more = REPOSITORY if dear else ""
            await asyncio.gather(*(_module(desk, client, number + i, more) for i in range(2)))
            await desk.arest(6.0)


async def _module(desk: Desk, client: AsyncAnthropic, number: int, more: str) -> None:
    messages: list[Any] = [{"role": "user", "content": f"Tidy module {number}. " * 40 + more}]
    try:
        said = await _ask(client, messages)
        for use in (block for block in said.content if isinstance(block, ToolUseBlock)):
            await desk.arest(0.3)  # the tests
            result = {"type": "tool_result", "tool_use_id": use.id, "content": "41 passed"}
            messages += [
                {"role": "assistant", "content": [use.model_dump(exclude_none=True)]},
                {"role": "user", "content": [result]},
            ]
            await _ask(client, messages)
    except APIError as error:
        _log.warning("coding-agent left module %d as it was: %s", number, error)


async def _ask(client: AsyncAnthropic, messages: list[Any]) -> Any:
    return await client.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=1000,
        system=[{"type": "text", "text": STYLE, "cache_control": {"type": "ephemeral"}}],
        tools=[RUN_TESTS],
        messages=messages,
    )
