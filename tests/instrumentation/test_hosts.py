"""Which requests are LLM calls: the providers' addresses, the user's own, and what is neither."""

import time

import pytest

from manager_agent.instrumentation.hosts import Hosts, Route, added
from manager_agent.prices.names import GENAI_ID, canonical

HOSTS = Hosts()
DEPLOYED = "/openai/deployments/gpt-4o-prod/chat/completions"
VERTEX = "/v1/projects/p/locations/us-central1/publishers"
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def told(host: str, path: str, hosts: Hosts = HOSTS, port: int = 443) -> tuple[object, ...] | None:
    found = hosts.find(host, port, path, "POST")
    if found is None:
        return None
    return found.api, found.kind, found.provider, found.operation, found.model, found.streaming


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("api.openai.com", "/v1/chat/completions", ("openai chat_completions openai chat", None)),
        ("API.OpenAI.com", "/v1/responses", ("openai responses openai chat", None)),
        (
            "eu.api.openai.com",
            "/v1/completions",
            ("openai completions openai text_completion", None),
        ),
        ("api.openai.com", "/v1/embeddings/", ("openai embeddings openai embeddings", None)),
        (
            "api.openai.com",
            "/v1/images/generations",
            ("openai images openai image_generation", None),
        ),
        (
            "api.openai.com",
            "/v1/audio/transcriptions",
            ("openai transcription openai transcription", None),
        ),
        ("api.openai.com", "/v1/batches", ("openai batch openai batch", None)),
        (
            "x.openai.azure.com",
            DEPLOYED,
            ("openai chat_completions azure.ai.openai chat", "gpt-4o-prod"),
        ),
        (
            "x.services.ai.azure.com",
            "/models/chat/completions",
            ("openai chat_completions azure.ai.openai chat", None),
        ),
        (
            "x.services.ai.azure.com",
            "/anthropic/v1/messages",
            ("anthropic messages azure.ai.openai chat", None),
        ),
        ("api.anthropic.com", "/v1/messages", ("anthropic messages anthropic chat", None)),
        (
            "api.anthropic.com",
            "/v1/messages/batches",
            ("anthropic message_batch anthropic batch", None),
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.5-flash:generateContent",
            ("gemini generate_content gcp.gemini generate_content", "gemini-2.5-flash"),
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            ("gemini generate_content gcp.gemini generate_content streamed", "gemini-2.5-flash"),
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/g:batchEmbedContents",
            ("gemini batch_embed_contents gcp.gemini embeddings", "g"),
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/openai/chat/completions",
            ("openai chat_completions gcp.gemini chat", None),
        ),
        (
            "us-central1-aiplatform.googleapis.com",
            VERTEX + "/google/models/gemini-2.5-pro:generateContent",
            ("gemini generate_content gcp.vertex_ai generate_content", "gemini-2.5-pro"),
        ),
        (
            "aiplatform.googleapis.com",
            VERTEX + "/google/models/text-embedding-005:predict",
            ("gemini embed_content gcp.vertex_ai embeddings", "text-embedding-005"),
        ),
        (
            "aiplatform.googleapis.com",
            VERTEX + "/google/models/imagen-4:predict",
            ("gemini generate_images gcp.vertex_ai image_generation", "imagen-4"),
        ),
        (
            "us-east5-aiplatform.googleapis.com",
            VERTEX + "/anthropic/models/claude-haiku-4-5@20251001:streamRawPredict",
            ("anthropic messages gcp.vertex_ai chat streamed", "claude-haiku-4-5@20251001"),
        ),
        (
            "us-east5-aiplatform.googleapis.com",
            VERTEX + "/mistralai/models/mistral-large:rawPredict",
            ("openai chat_completions gcp.vertex_ai chat", "mistral-large"),
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            f"/model/{CLAUDE.replace(':', '%3A')}/converse",
            ("bedrock converse aws.bedrock chat", CLAUDE),
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            f"/model/{CLAUDE}/converse-stream",
            ("bedrock converse aws.bedrock chat streamed", CLAUDE),
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/m/invoke-with-response-stream",
            ("bedrock invoke_model aws.bedrock chat streamed", "m"),
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
            ("bedrock invoke_model aws.bedrock embeddings", "amazon.titan-embed-text-v2:0"),
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/openai/v1/chat/completions",
            ("openai chat_completions aws.bedrock chat", None),
        ),
        (
            "api.mistral.ai",
            "/v1/fim/completions",
            ("openai chat_completions mistral_ai chat", None),
        ),
        (
            "api.groq.com",
            "/openai/v1/chat/completions",
            ("openai chat_completions groq chat", None),
        ),
        ("api.deepseek.com", "/chat/completions", ("openai chat_completions deepseek chat", None)),
        ("api.deepseek.com", "/anthropic/v1/messages", ("anthropic messages deepseek chat", None)),
        (
            "openrouter.ai",
            "/api/v1/chat/completions",
            ("openai chat_completions openrouter chat", None),
        ),
        (
            "router.huggingface.co",
            "/v1/chat/completions",
            ("openai chat_completions huggingface chat", None),
        ),
    ],
)
def test_addresses_of_calls(host: str, path: str, expected: tuple[str, str | None]) -> None:
    found = HOSTS.find(host, 443, path, "POST")

    assert found
    words = [found.api, found.kind, found.provider, found.operation]
    said = " ".join([*words, "streamed"] if found.streaming else words)
    assert (said, found.model) == expected


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.openai.com", "/v1/models"),
        ("api.openai.com", "/v1/moderations"),
        ("api.openai.com", "/v1/files"),
        ("api.openai.com", "/v1/responses/input_tokens"),
        ("api.openai.com", "/v1/responses/resp_1/cancel"),
        ("api.openai.com", "/v1/threads/thread_1/messages"),
        ("api.openai.com", "/v1/batches/batch_1/cancel"),
        ("api.anthropic.com", "/v1/messages/count_tokens"),
        ("generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-flash:countTokens"),
        (
            "us-east5-aiplatform.googleapis.com",
            VERTEX + "/anthropic/models/count-tokens:rawPredict",
        ),
        ("aiplatform.googleapis.com", VERTEX + "/google/models/some-tabular-model:predict"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/count-tokens"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "/agents/x/invoke"),
        ("example.com", "/v1/chat/completions"),
        ("api.openai.com.evil.example", "/v1/chat/completions"),
        ("notapi.openai.com", "/v1/chat/completions"),
    ],
)
def test_what_is_free_or_no_call(host: str, path: str) -> None:
    assert told(host, path) is None


def test_only_posts_are_calls() -> None:
    assert HOSTS.find("api.openai.com", 443, "/v1/responses", "GET") is None


def test_providers_are_named_as_prices_know_them() -> None:
    from manager_agent.instrumentation.host_table import DEFAULT_PROVIDER, HOSTS

    named = {provider for _, provider, _ in HOSTS} | set(DEFAULT_PROVIDER.values())

    assert {provider for provider in named if canonical(provider) != provider} == set()
    assert set(GENAI_ID) <= named  # whatever has a price has a host


def test_the_user_s_hosts() -> None:
    said = added(
        {
            "MANAGER_LLM_HOSTS": "localhost:11434=openai, *.llm.corp.example=openai,"
            "gw:8080=openai,gw:8080=anthropic,[::1]:9=gemini,"
        }
    )
    hosts = Hosts(said.routes)

    assert not said.errors
    assert said.routes[0] == Route("localhost", 11434, "openai", "openai")
    assert told("localhost", "/v1/chat/completions", hosts, 11434)
    assert told("localhost", "/v1/chat/completions", hosts, 11435) is None
    assert told("a.llm.corp.example", "/x/v1/embeddings", hosts, 1)
    assert told("llm.corp.example", "/x/v1/embeddings", hosts, 1) is None
    assert told("gw", "/v1/messages", hosts, 8080) == (
        *("anthropic", "messages", "anthropic", "chat", None, False),
    )
    assert told("gw", "/v1/chat/completions", hosts, 8080)
    assert told("::1", "/v1beta/models/g:generateContent", hosts, 9)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("entry", ["localhost", "127.0.0.1", "[::1]"])
def test_names_of_loopback_are_one_host(entry: str, host: str) -> None:
    hosts = Hosts(added({"MANAGER_LLM_HOSTS": f"{entry}:8000=openai"}).routes)

    assert told(host, "/v1/chat/completions", hosts, 8000)
    assert told(host, "/v1/chat/completions", hosts, 8001) is None


def test_later_entries_win() -> None:
    said = added({"MANAGER_LLM_HOSTS": "api.groq.com=openai"})

    assert told("api.groq.com", "/openai/v1/chat/completions", Hosts(said.routes)) == (
        *("openai", "chat_completions", "openai", "chat", None, False),
    )


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("gw", "'gw': the API is missing or unknown"),
        ("gw=cohere", "'gw=cohere': the API is missing or unknown"),
        ("http://gw:80=openai", "a host is wanted, not a URL"),
        ("gw:http=openai", "'http' is not a port"),
        ("gw:99999=openai", "'99999' is not a port"),
        ("a b=openai", "'a b' is not a host"),
    ],
)
def test_wrong_entries_are_told_and_the_others_hold(entry: str, wrong: str) -> None:
    said = added({"MANAGER_LLM_HOSTS": f"{entry},ok=openai"})

    assert [route.host for route in said.routes] == ["ok"]
    (error,) = said.errors
    assert error.startswith("MANAGER_LLM_HOSTS: ")
    assert wrong in error
    assert "write host[:port]=openai" in error


def test_a_host_that_is_not_known_costs_nothing() -> None:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10_000):
            HOSTS.find("api.example.com", 443, "/v1/chat/completions", "POST")
        best = min(best, (time.perf_counter() - began) / 10_000)

    assert best < 5e-6  # measured 0.2 µs; a busy machine is slower, a scan of the table far more


def test_memory_is_bounded() -> None:
    hosts = Hosts()
    for number in range(10_000):
        hosts.find("api.openai.com", 443, f"/{number}/v1/chat/completions", "POST")
        hosts.find(f"{number}.example", 443, "/", "POST")

    assert len(hosts._seen) + len(hosts._hosts) < 5_000
