"""What an issue is called: from its scope and template, without numbers that change."""

from manager_agent.rules.issues.fingerprint import Scope
from manager_agent.rules.issues.kinds import ABOUT
from manager_agent.rules.issues.templates import Template

_LONGEST = 120
_NAMES = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gcp.gemini": "Gemini",
    "gcp.vertex_ai": "Vertex AI",
    "aws.bedrock": "Bedrock",
    "azure.ai.openai": "Azure OpenAI",
    "azure.ai.inference": "Azure AI",
    "mistral_ai": "Mistral",
    "groq": "Groq",
    "openrouter": "OpenRouter",
}


def title_of(template: Template) -> str:
    """Return the title: who failed, and how."""
    scope = template.scope
    how = ABOUT[scope.kind].words
    if scope.kind in ("tool_error", "bad_request", "other") and template.tokens:
        how = template.text
    if scope.kind == "tool_error" and scope.error_type:
        how = f"{scope.error_type}: {how}" if template.tokens else scope.error_type
    elif scope.kind == "other" and scope.error_type:
        how = f"{scope.error_type}: {how}"
    title = f"{who(scope)}: {how}"
    return title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"


def who(scope: Scope) -> str:
    """Return what failed, in words: `OpenAI gpt-4o`, `tool search`."""
    if scope.kind == "tool_error":
        return f"tool {scope.tool or 'without a name'}"
    provider = _NAMES.get(scope.provider, scope.provider or "a provider")
    return f"{provider} {scope.family}".strip()
