"""The fleet's OpenAI agents: one loops, one sorts mail as it should, one meets a sick provider."""

import asyncio
import logging
import time
from typing import Any

from openai import APIError, AsyncOpenAI, BadRequestError, OpenAI

from manager_agent.app.demo.desk import Desk

KEY = "demo-needs-no-key"
BRIEF = "You research markets. Quote a source for every figure, compare regions, be brief. " * 180
PAGE = (
    "Region 7: revenue 41.2, costs 39.9, previous quarter 40.8; see the notes for restated. " * 44
)
SEARCH: Any = {
    "type": "function",
    "function": {
        "name": "web_search",
        "description": "Search the web.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
    },
}
LONGEST_TRANSCRIPT = 12  # messages; then it starts over, and learns nothing from it
FAILS_FROM, FAILS_UNTIL = 8.0, 22.0  # seconds after its start: when the provider answers 503
LONG_FROM, LONG_UNTIL = 10.0, 40.0  # seconds after its start: when many letters are too long
_log = logging.getLogger(__name__)


def research(desk: Desk) -> None:
    """Search for the same figures again and again; each search makes the next call dearer."""
    client = OpenAI(base_url=f"{desk.url}/research-agent/v1", api_key=KEY, max_retries=4)
    transcript = _opening()
    while desk.working():
        if len(transcript) > LONGEST_TRANSCRIPT:
            transcript = _opening()
        _search(desk, client, transcript)


def _opening() -> list[Any]:
    question = "What did region 7 earn last quarter? Search until you are certain."
    return [{"role": "system", "content": BRIEF}, {"role": "user", "content": question}]


def _search(desk: Desk, client: OpenAI, transcript: list[Any]) -> None:
    try:
        said = client.chat.completions.create(
            model="gpt-4o",
            messages=transcript,
            tools=[SEARCH],
            tool_choice="required",
            max_tokens=100,
        )
    except APIError as error:  # what a loop with a broad `except` does: it tries again
        _log.warning("research-agent starts over after: %s", error)
        transcript[:] = _opening()
        desk.rest(1.0)
        return
    message = said.choices[0].message
    transcript.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls or ():
        desk.rest(0.55)  # the search
        transcript.append({"role": "tool", "tool_call_id": call.id, "content": PAGE})


def sync(desk: Desk) -> None:
    """Ask a short question again and again; for a while the provider only fails."""
    client = OpenAI(base_url=f"{desk.url}/sync-agent/v1", api_key=KEY, max_retries=0)
    began, number = time.monotonic(), 0
    while desk.working():
        number += 100
        sick = FAILS_FROM < time.monotonic() - began < FAILS_UNTIL
        told = {"x-fake-fail-every": "1", "x-fake-fail-status": "503"} if sick else {}
        try:
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": f"Which rows changed after {number}?"}],
                max_tokens=60,
                extra_headers=told,
            )
        except APIError as error:
            _log.warning("sync-agent goes on after: %s", error)
        desk.rest(0.8)


def triage(desk: Desk) -> None:
    """Sort mail: look up similar letters, label three at a time, write a short report."""
    asyncio.run(_triage(desk))


async def _triage(desk: Desk) -> None:
    # No retries: what fails is seen as a failed call.
    async with AsyncOpenAI(base_url=f"{desk.url}/v1", api_key=KEY, max_retries=0) as client:
        number, began = 0, time.monotonic()
        while desk.working():
            number += 3
            letters = [f"Letter {number + i}: my parcel has not come." * 8 for i in range(3)]
            long = LONG_FROM < time.monotonic() - began < LONG_UNTIL
            await _sort(client, letters, too_long=2 if long else 0)
            await desk.arest(3.0)


async def _sort(client: AsyncOpenAI, letters: list[str], too_long: int) -> None:
    """Sort letters, of which the provider finds the first `too_long` too long for its model."""
    try:
        await client.embeddings.create(model="text-embedding-3-small", input=letters)
        labels = await asyncio.gather(
            *(_label(client, letter, at < too_long) for at, letter in enumerate(letters))
        )
        await client.responses.create(
            model="gpt-4o-mini", instructions="Report in a sentence.", input="\n".join(labels)
        )
    except APIError as error:
        _log.warning("triage-agent gave up on these letters: %s", error)


async def _label(client: AsyncOpenAI, letter: str, refused: bool) -> str:
    told = {"x-fake-fail-every": "1", "x-fake-fail-status": "400"} if refused else {}
    try:
        stream = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": letter}],
            max_tokens=80,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=told,
        )
    except BadRequestError as error:
        _log.warning("triage-agent leaves a letter without a label: %s", error)
        return "unknown"
    parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    return "".join(parts)
