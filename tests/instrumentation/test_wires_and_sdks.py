"""What is read from an answer is what the official SDK reads, and what the server counted."""

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from manager_agent.app.demo.answers import Usage as Counted
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.estimate import estimated
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import endpoint

ENDPOINTS = {
    "/v1/chat/completions": endpoint("openai", "chat_completions"),
    "/v1/responses": endpoint("openai", "responses"),
    "/v1/embeddings": endpoint("openai", "embeddings"),
    "/v1/messages": endpoint("anthropic", "messages"),
}
CLAUDE = "claude-haiku-4-5"
LONG = "Read this before you answer. " * 300  # enough for the prompt cache
ASK: list[Any] = [{"role": "user", "content": LONG}]


class Recording(httpx2.BaseTransport):
    """Reads each exchange with the wires, as bytes, and hands it on."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self.read: list[tuple[Asked, Told]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        at = ENDPOINTS[request.url.path]
        asked = WIRES[at.api].asked(at, request.read())
        response = self._inner.handle_request(request)
        body = response.read()
        self.read.append((asked, _told(at, asked, response, body)))
        kept = {"content-type": response.headers["content-type"]}
        return httpx2.Response(response.status_code, headers=kept, content=body)

    def close(self) -> None:
        self._inner.close()


def _told(at: Endpoint, asked: Asked, response: httpx2.Response, body: bytes) -> Told:
    wire = WIRES[at.api]
    if not asked.streaming or response.status_code >= 400:
        return wire.whole(at, response.status_code, body)
    reader = wire.stream(at, response.headers["content-type"])
    for start in range(0, len(body), 100):
        reader.feed(body[start : start + 100])
    return reader.told()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(ProviderSettings(pace=0, rate_429=0, rate_500=0)) as provider:
        yield provider


@pytest.fixture
def wire() -> Recording:
    return Recording()


@pytest.fixture
def gpt(provider: Provider, wire: Recording) -> Iterator[openai.OpenAI]:
    http = httpx2.Client(transport=wire)
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", http_client=http) as client:
        yield client


@pytest.fixture
def claude(provider: Provider, wire: Recording) -> Iterator[anthropic.Anthropic]:
    http = httpx2.Client(transport=wire)
    with anthropic.Anthropic(base_url=provider.url, api_key="none", http_client=http) as client:
        yield client


def truth(counted: Counted | None) -> tuple[int | None, ...]:
    """Return input, output, cache reads and writes as the server counted them."""
    assert counted is not None
    prompt = counted.prompt
    return prompt.total, counted.output, prompt.cache_read or 0, prompt.cache_write or 0


def read(usage: Usage | None) -> tuple[int | None, ...]:
    assert usage is not None
    cached, stored = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    return usage.input_tokens, usage.output_tokens, cached, stored


def chat(gpt: openai.OpenAI) -> tuple[str, str]:
    said = gpt.chat.completions.create(model="gpt-4o", messages=ASK)
    return said.id, said.model


def chat_stream(gpt: openai.OpenAI) -> tuple[str, str]:
    with gpt.chat.completions.create(
        model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
    ) as stream:
        last = list(stream)[-1]
    return last.id, last.model


def responses(gpt: openai.OpenAI) -> tuple[str, str]:
    said = gpt.responses.create(model="o4-mini", input=LONG)
    return said.id, said.model


def responses_stream(gpt: openai.OpenAI) -> tuple[str, str]:
    with gpt.responses.stream(model="o4-mini", input=LONG) as stream:
        said = stream.get_final_response()
    return said.id, said.model


@pytest.mark.parametrize("call", [chat, chat_stream, responses, responses_stream])
def test_openai(
    provider: Provider,
    wire: Recording,
    gpt: openai.OpenAI,
    call: Callable[[openai.OpenAI], tuple[str, str]],
) -> None:
    for _ in range(2):  # the second one reads from the prompt cache
        sdk = call(gpt)
        asked, told = wire.read[-1]
        served = provider.served[-1]

        assert (told.response_id, told.response_model) == sdk
        assert sdk == (served.response_id, served.response_model)
        assert read(told.usage) == truth(served.usage)
        assert told.usage is not None
        assert served.usage is not None
        assert (told.usage.reasoning_tokens or 0) == served.usage.reasoning
        shown = 4 * (served.usage.output - served.usage.reasoning)
        assert (told.delivered_bytes, told.complete) == (shown, True)
        assert (asked.model, asked.streaming) == (served.model, served.streaming)
        assert asked.text_bytes == len(LONG)


def test_embeddings(provider: Provider, wire: Recording, gpt: openai.OpenAI) -> None:
    said = gpt.embeddings.create(model="text-embedding-3-small", input=["one", "two"])

    _, told = wire.read[-1]
    assert told.usage == Usage(said.usage.prompt_tokens, 0)
    assert read(told.usage) == truth(provider.served[-1].usage)


def message(claude: anthropic.Anthropic, system: Any) -> anthropic.types.Message:
    return claude.messages.create(model=CLAUDE, max_tokens=99, messages=ASK, system=system)


def message_stream(claude: anthropic.Anthropic, system: Any) -> anthropic.types.Message:
    with claude.messages.stream(model=CLAUDE, max_tokens=99, messages=ASK, system=system) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("call", [message, message_stream])
def test_anthropic(
    provider: Provider,
    wire: Recording,
    claude: anthropic.Anthropic,
    call: Callable[[anthropic.Anthropic, Any], anthropic.types.Message],
) -> None:
    text = f"{call.__name__} {LONG}"
    system = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
    for times in range(2):  # the first one writes the prompt cache, the second one reads it
        said = call(claude, system)
        asked, told = wire.read[-1]
        served = provider.served[-1]

        assert (told.response_id, told.response_model) == (said.id, said.model)
        assert told.finish_reason == said.stop_reason
        assert read(told.usage) == truth(served.usage)
        assert read(told.usage)[2 + (times == 0)]
        assert (asked.max_output_tokens, asked.streaming) == (99, served.streaming)


def test_a_stream_without_usage_is_estimated_near_the_truth(
    provider: Provider, wire: Recording, gpt: openai.OpenAI
) -> None:
    """The fake provider's tokens are four bytes long, so that the estimate is 14 % high."""
    with gpt.chat.completions.create(model="gpt-4o", messages=ASK, stream=True) as stream:
        list(stream)

    asked, told = wire.read[-1]
    assert (asked.wants_usage, told.usage) == (False, None)
    guessed = estimated(asked, told)
    assert guessed.estimated
    for guess, real in zip(read(guessed.usage)[:2], truth(provider.served[-1].usage), strict=False):
        assert guess is not None
        assert real is not None
        assert guess == pytest.approx(real * 4 / 3.5, rel=0.02)


@pytest.mark.parametrize("status", [429, 500])
def test_errors(status: int) -> None:
    wire = Recording()
    settings = ProviderSettings(pace=0, rate_429=status == 429, rate_500=status == 500)
    with serving(settings) as failing:
        client = openai.OpenAI(
            base_url=f"{failing.url}/v1",
            api_key="none",
            http_client=httpx2.Client(transport=wire),
            max_retries=0,
        )
        with client, pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=ASK)

    assert caught.value.status_code == status
    _, told = wire.read[-1]
    assert told.error_type == (caught.value.code or caught.value.type)
    assert told.error_message is not None
    assert told.error_message in str(caught.value)
