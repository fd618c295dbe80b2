"""Providers and token counts in canonical terms, whatever an emitter calls or counts them."""

import pytest

from manager_agent.receiver.provider import canonical_provider
from manager_agent.receiver.usage import Usage, canonical_usage, habits

OTEL, OPENLIT = "opentelemetry.instrumentation.genai.x", "openlit.instrumentation.anthropic"
BEDROCK = "opentelemetry.instrumentation.genai.bedrock"


@pytest.mark.parametrize(
    ("said", "scope", "model", "host", "azure", "expected"),
    [
        pytest.param("OpenAI", "", None, None, False, "openai", id="spelling"),
        pytest.param("openai.chat", "ai", None, None, False, "openai", id="Vercel"),
        pytest.param("google", "", None, None, False, "gcp.gemini", id="OpenInference on Google"),
        pytest.param("aws", "", None, None, False, "aws.bedrock", id="OpenInference on Bedrock"),
        pytest.param("openai", "", None, "x.openai.azure.com", False, "azure.ai.openai", id="host"),
        pytest.param("openai", "", None, "https://api.groq.com/v1", False, "groq", id="by URL"),
        pytest.param("openai", "", None, "evil-api.groq.com.x", False, "openai", id="no such host"),
        pytest.param("openai", "", None, "127.0.0.1", True, "azure.ai.openai", id="api version"),
        pytest.param("anthropic", "", None, "api.openai.com", False, "anthropic", id="said wins"),
        pytest.param(
            "langchain", "", "gpt-4o", None, False, "openai", id="a framework bills nobody"
        ),
        pytest.param("", "litellm", "anthropic/claude-x", None, False, "anthropic", id="by prefix"),
        pytest.param(
            None, "openlit.instrumentation.anthropic", None, None, False, "anthropic", id="scope"
        ),
        pytest.param("My Own LLM", "", None, None, False, "my own llm", id="unknown stays"),
        pytest.param(None, "x", "llama-9", None, False, None, id="nothing tells"),
    ],
)
def test_provider(
    said: str | None,
    scope: str,
    model: str | None,
    host: str | None,
    azure: bool,
    expected: str | None,
) -> None:
    assert canonical_provider(said, scope, model, host, azure) == expected


OI_BEDROCK = "openinference.instrumentation.bedrock"
THOUGHT, GOOGLE = Usage(10, 9, reasoning_tokens=20), Usage(10, 9, reasoning_tokens=5)
ADDED = Usage(70, 10, 20, None, None, 5, 105)
UNKNOWN = (None,) * 5


@pytest.mark.parametrize(
    ("scope", "provider", "raw", "expected"),
    [
        pytest.param(OTEL, "anthropic", Usage(100, 9, 30, 20), (100, 9, 30, 20, 0), id="inclusive"),
        pytest.param(
            OPENLIT, "anthropic", Usage(50, 9, 30, 20), (100, 9, 30, 20, 0), id="exclusive"
        ),
        pytest.param(
            "openlit.x", "openai", Usage(100, 9, 30), (100, 9, 30, 0, 0), id="by provider"
        ),
        pytest.param(BEDROCK, "aws.bedrock", Usage(10, 9, 3), (13, 9, 3, 0, 0), id="Bedrock"),
        pytest.param(OI_BEDROCK, "aws.bedrock", Usage(10, 9, 3), (10, 9, 3, 0, 0), id="OI Bedrock"),
        pytest.param(OTEL, "x", Usage(10, 9, 30), (40, 9, 30, 0, 0), id="cache above input"),
        pytest.param(OTEL, "x", THOUGHT, (10, 29, 0, 0, 20), id="thoughts above output"),
        pytest.param("openlit.g", "gcp.gemini", GOOGLE, (10, 14, 0, 0, 5), id="OpenLIT Google"),
        pytest.param(OTEL, "x", Usage(0, 0), UNKNOWN, id="0 and 0 is unknown"),
        pytest.param(OTEL, "x", Usage(), UNKNOWN, id="nothing is unknown"),
        pytest.param(OTEL, "x", Usage(7, None), (7, None, 0, 0, None), id="half known"),
        pytest.param("gen_ai", "openai", Usage(7, 3), (7, 3, 0, 0, None), id="blind to reasoning"),
        pytest.param("langfuse-sdk", "openai", ADDED, (90, 15, 20, 0, 5), id="told by the total"),
    ],
)
def test_usage(scope: str, provider: str, raw: Usage, expected: tuple[int | None, ...]) -> None:
    usage = canonical_usage(raw, habits(scope, provider), "chat")

    assert expected == (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def test_embeddings_put_nothing_out() -> None:
    usage = canonical_usage(Usage(7), habits(OTEL, "openai"), "embeddings")

    assert (usage.input_tokens, usage.output_tokens) == (7, 0)
