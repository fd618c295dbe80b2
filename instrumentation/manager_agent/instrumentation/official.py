"""The official GenAI instrumentors that are installed: switched on when their library is imported.

They add agents and tools to what the meter tells. Theirs is the second word everywhere: where the
user's code uses the same instrumentor, ours steps back; where the user traces at all, ours leaves
no span between the user's (`tracing.py`).

Loaded at the start of every instrumented process: built-in modules only.
"""

import os
import sys

TYPE_CHECKING = False  # `typing` would cost each process more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType
    from typing import Any

    Found = Callable[[ModuleType], None]

_PACKAGE = "opentelemetry_instrumentation_"
_LIBRARIES = {
    "genai_openai": "openai",
    "genai_anthropic": "anthropic",
    "genai_openai_agents": "agents",
    "genai_langchain": "langchain_core",
    "genai_llama_index": "llama_index.core",
    "genai_portkey": "portkey_ai",
    "genai_agno": "agno",
    "genai_dspy": "dspy",
    "genai_smolagents": "smolagents",
    "genai_bedrock": "botocore",
    "google_genai": "google.genai",
    "openai_v2": "openai",
    "openai_agents_v2": "agents",
}
"""Package, without its prefix -> the module it instruments. The better one of a library first."""
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def triggers() -> "Mapping[str, Found]":
    """Return what to do when which module has been imported. Imports none of them."""
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    found: dict[str, Found] = {}
    if "*" in disabled:
        return found
    installed = _installed(sys.path)
    for package, library in _LIBRARIES.items():
        if package not in installed or library in found:
            continue
        name, module, attribute = _entry_point(installed[package])
        if module and name not in disabled:
            found[library] = _switching_on(module, attribute)
    return found


def _installed(paths: "Iterable[str]") -> "dict[str, str]":
    """Return the official packages on these paths, each with the directory of its metadata."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            names = os.listdir(path or ".")
        except OSError:  # a zip file, or no longer there
            continue
        for name in names:
            if name.startswith(_PACKAGE) and name.endswith(".dist-info"):
                package = name[len(_PACKAGE) :].partition("-")[0]
                found.setdefault(package, os.path.join(path or ".", name))
    return found


def _entry_point(directory: str) -> "tuple[str, str, str]":
    """Return name, module and class of a package's instrumentor; empty where it has none."""
    try:
        with open(os.path.join(directory, "entry_points.txt"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return "", "", ""
    section = ""
    for line in lines:
        text = line.strip()
        if text.startswith("["):
            section = text
        elif section == "[opentelemetry_instrumentor]" and "=" in text:
            name, _, target = text.partition("=")
            module, _, attribute = target.partition(":")
            return name.strip(), module.strip(), attribute.strip()
    return "", "", ""


def _switching_on(module: str, attribute: str) -> "Found":
    def switch_on(_: "ModuleType") -> None:
        if module in sys.modules:
            return  # the user's code, or `opentelemetry-instrument`, has it in hand
        __import__(module)
        instrumentor = getattr(sys.modules[module], attribute)()
        if not getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            _instrument(instrumentor)

    return switch_on


def _instrument(instrumentor: "Any") -> None:
    from opentelemetry._logs import NoOpLoggerProvider
    from opentelemetry.metrics import NoOpMeterProvider

    from manager_agent.instrumentation.tracing import tracer_provider

    instrumentor.instrument(
        tracer_provider=tracer_provider(),
        # The user's metrics and logs must not gain series that the user did not ask for.
        meter_provider=NoOpMeterProvider(),
        logger_provider=NoOpLoggerProvider(),
        raise_exception_on_conflict=True,
    )
    _yield_to_the_user(instrumentor)


def _yield_to_the_user(instrumentor: "Any") -> None:
    """See to it that the user's own `instrument()` of this singleton takes its place."""

    def instrument(**given: "Any") -> "Any":
        del instrumentor.instrument
        instrumentor.uninstrument()
        return instrumentor.instrument(**given)

    instrumentor.instrument = instrument


def switches_on(module: str) -> bool:
    """Tell whether an instrumentor of this module is one that is left to us."""
    package = module.removeprefix("opentelemetry.instrumentation.").replace(".", "_")
    return package in _LIBRARIES
