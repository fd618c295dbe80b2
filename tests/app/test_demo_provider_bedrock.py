"""The fake provider as botocore sees Bedrock."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from manager_agent.app.demo.faults import Faults
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)
LONG = "Read this before you answer. " * 300  # 2175 tokens
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
HELLO: Any = [{"role": "user", "content": [{"text": "hello"}]}]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(CALM) as provider:
        yield provider


def client_of(provider: Provider, attempts: int = 1) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=provider.url,
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


@pytest.fixture(scope="module")
def client(provider: Provider) -> Any:
    return client_of(provider)


def test_converse_excludes_cache_from_input(provider: Provider, client: Any) -> None:
    """The three parts of the input add up to all of it; the second call reads."""
    system = [{"text": LONG}, {"cachePoint": {"type": "default"}}]
    used = [
        client.converse(modelId=MODEL, system=system, messages=HELLO)["usage"] for _ in range(2)
    ]

    truth = provider.served[-1]
    assert truth.usage is not None
    assert used[0]["cacheWriteInputTokens"] == used[1]["cacheReadInputTokens"] == 2175
    assert [one["inputTokens"] + 2175 for one in used] == [truth.usage.prompt.total] * 2
    assert used[1]["outputTokens"] == truth.usage.output
    assert (truth.model, truth.provider) == (MODEL, "aws.bedrock")


def test_a_converse_stream_is_framed_and_ends_with_usage(provider: Provider, client: Any) -> None:
    """botocore checks every checksum of the frames."""
    events = list(client.converse_stream(modelId=MODEL, messages=HELLO)["stream"])

    truth = provider.served[-1]
    assert truth.usage is not None
    assert list(events[-1]) == ["metadata"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == truth.usage.output
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert sum(len(each["delta"]["text"]) for each in deltas) == 4 * truth.usage.output


@pytest.mark.parametrize("streaming", [False, True])
def test_invoke_speaks_anthropics_bodies(provider: Provider, client: Any, streaming: bool) -> None:
    body = json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 400,
            "messages": [{"role": "user", "content": "hello"}],
        }
    )
    if streaming:
        answer = client.invoke_model_with_response_stream(modelId=MODEL, body=body)
        said = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
        told = said[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"]
        assert said[0]["message"]["model"] == "claude-haiku-4-5-20251001"
    else:
        answer = client.invoke_model(modelId=MODEL, body=body)
        told = json.loads(answer["body"].read())["usage"]["output_tokens"]
        counted = answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-output-token-count"]
        assert int(counted) == told

    truth = provider.served[-1]
    assert truth.usage is not None
    assert told == truth.usage.output


def test_errors_are_typed_and_retried_by_botocore() -> None:
    always = ProviderSettings(
        pace=0, rate_429=0, rate_500=0, faults=Faults(fail_every=1, fail_status=429)
    )
    with serving(always) as provider:
        client = client_of(provider, attempts=2)
        with pytest.raises(client.exceptions.ThrottlingException):
            client.converse(modelId=MODEL, messages=HELLO)
        with pytest.raises(ClientError):
            client.converse_stream(modelId=MODEL, messages=HELLO)

        assert [one.attempt for one in provider.served] == [1, 2, 1, 2]
        assert {one.status for one in provider.served} == {429}
