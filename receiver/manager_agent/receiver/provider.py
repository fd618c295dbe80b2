"""Pure: whatever an emitter calls a provider -> its canonical name."""

from functools import lru_cache
from typing import Any

from manager_agent.receiver.tables import table


@lru_cache(4096)
def canonical_provider(
    said: str | None, scope: str, model: str | None, host: str | None, azure_hint: bool
) -> str | None:
    """Return the provider that bills a call, by the OpenTelemetry registry's names.

    `said`: what the span says, which loses to the host only where it says `openai` (any
    OpenAI-compatible client does). Without it the scope and then the model's name decide.
    None: nothing tells.
    """
    rows: dict[str, Any] = table("providers")
    name = _alias(said, rows)
    if name == "openai" or name is None:
        by_host = _by_host(host, rows)
        if by_host:
            return by_host
        if azure_hint:
            return "azure.ai.openai"
    if name:
        return name
    return _by_prefix(scope, rows["scope"]) or _by_model(model, rows)


def provider_of_error(error_type: str | None) -> str | None:
    """Return the provider whose SDK raised an error, None where its name does not tell."""
    return _by_prefix(error_type or "", table("providers")["error"])


def _alias(said: str | None, rows: dict[str, Any]) -> str | None:
    if not said:
        return None
    lowered = said.strip().lower()
    if lowered in rows["no_provider"]["names"]:
        return None
    known = rows["alias"].get(lowered) or rows["alias"].get(lowered.split(".")[0])
    return str(known) if known else lowered


def _by_host(host: str | None, rows: dict[str, Any]) -> str | None:
    if not host:
        return None
    name = host.lower().split("://")[-1].split("/")[0].split(":")[0]
    for suffix, provider in rows["host"].items():
        if name == suffix or name.endswith("." + suffix) or name.endswith("-" + suffix):
            return str(provider)
    return None


def _by_model(model: str | None, rows: dict[str, Any]) -> str | None:
    if not model:
        return None
    lowered = model.lower()
    if "/" in lowered:
        prefix, lowered = lowered.split("/", 1)
        routed = rows["alias"].get(prefix)
        if routed:
            return str(routed)
    return _by_prefix(lowered, rows["model"])


def _by_prefix(text: str, prefixes: dict[str, str]) -> str | None:
    for prefix, provider in prefixes.items():
        if text.startswith(prefix):
            return provider
    return None
