"""Answers of a provider that does not tell what was used."""

import json
from typing import Any

from manager_agent.app.demo.event_frames import Frame

_NAMES = {"usage", "usageMetadata", "x_groq", "amazon-bedrock-invocationMetrics"}


def untold(value: Any) -> Any:
    """Return JSON without any usage in it, however deep."""
    if isinstance(value, dict):
        return {key: untold(item) for key, item in value.items() if key not in _NAMES}
    return [untold(item) for item in value] if isinstance(value, list) else value


def untold_event(event: str | Frame) -> str | Frame | None:
    """Return an event of a stream without usage; None where it told nothing else."""
    if isinstance(event, Frame):
        payload = untold(event.payload)
        return None if event.event == "metadata" else Frame(event.event, payload, event.packed)
    head, mark, data = event.partition("data: ")
    if not data.startswith("{"):
        return event
    told = json.loads(data)
    rest = untold(told)
    if told.get("usage") and told.get("choices") == []:
        return None
    return f"{head}{mark}{json.dumps(rest, separators=(',', ':'))}\n\n"
