"""Answers of a provider that does not tell what was used, or says that it was nothing."""

import json
from collections.abc import Callable
from typing import Any

from manager_agent.app.demo.event_frames import Frame
from manager_agent.app.demo.faults import Faults

_NAMES = {"usage", "usageMetadata", "x_groq", "amazon-bedrock-invocationMetrics"}


def told(value: Any, faults: Faults, number: int) -> Any:
    """Return the JSON that the `number`-th request is answered with, its usage as faults say."""
    if not faults.tells_usage(number):
        return untold(value)
    return zeroed(value) if faults.zero_usage else value


def told_event(event: str | Frame, faults: Faults, number: int) -> str | Frame | None:
    """Return an event of a stream with its usage as faults say; None where it told nothing else."""
    if not faults.tells_usage(number):
        return untold_event(event)
    return _changed(event, zeroed) if faults.zero_usage else event


def untold(value: Any) -> Any:
    """Return JSON without any usage in it, however deep."""
    if isinstance(value, dict):
        return {key: untold(item) for key, item in value.items() if key not in _NAMES}
    return [untold(item) for item in value] if isinstance(value, list) else value


def untold_event(event: str | Frame) -> str | Frame | None:
    """Return an event of a stream without usage; None where it told nothing else."""
    if isinstance(event, Frame):
        return None if event.event == "metadata" else _changed(event, untold)
    _, _, data = event.partition("data: ")
    if data.startswith("{"):
        told = json.loads(data)
        if told.get("usage") and told.get("choices") == []:
            return None
    return _changed(event, untold)


def zeroed(value: Any, inside: bool = False) -> Any:
    """Return JSON in which every count of a usage is 0."""
    if isinstance(value, dict):
        return {key: zeroed(item, inside or key in _NAMES) for key, item in value.items()}
    if isinstance(value, list):
        return [zeroed(item, inside) for item in value]
    return 0 if inside and type(value) in (int, float) else value


def _changed(event: str | Frame, change: Callable[[Any], Any]) -> str | Frame:
    if isinstance(event, Frame):
        return Frame(event.event, change(event.payload), event.packed)
    head, mark, data = event.partition("data: ")
    if not data.startswith("{"):
        return event
    return f"{head}{mark}{json.dumps(change(json.loads(data)), separators=(',', ':'))}\n\n"
