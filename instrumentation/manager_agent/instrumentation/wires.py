"""The protocols that are read, by API."""

from collections.abc import Mapping
from types import MappingProxyType

from manager_agent.instrumentation.anthropic_wire import ANTHROPIC
from manager_agent.instrumentation.bedrock_wire import BEDROCK
from manager_agent.instrumentation.endpoint import Api
from manager_agent.instrumentation.gemini_wire import GEMINI
from manager_agent.instrumentation.openai_wire import OPENAI
from manager_agent.instrumentation.wire import Wire

WIRES: Mapping[Api, Wire] = MappingProxyType(
    {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI, "bedrock": BEDROCK}
)
