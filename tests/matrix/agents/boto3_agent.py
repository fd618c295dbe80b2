"""An agent on boto3's Bedrock client, as anybody writes it; boto3 has no async."""

import json
from typing import Any

import boto3
from botocore.config import Config
from seeing import KEY, LONG, QUESTION, URL, see

ASKED: Any = {
    "system": [{"text": LONG}, {"cachePoint": {"type": "default"}}],
    "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
}
BODY = json.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 600,
        "system": LONG,
        "messages": [{"role": "user", "content": QUESTION}],
    }
)


def client() -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=URL,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
    )


def converse(model: str) -> str:
    said = client().converse(modelId=model, **ASKED)
    return str(said["output"]["message"]["content"][0]["text"])


def converse_stream(model: str) -> str:
    events = client().converse_stream(modelId=model, **ASKED)["stream"]
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    return "".join(delta["text"] for delta in deltas)


def invoke(model: str) -> str:
    said = json.loads(client().invoke_model(modelId=model, body=BODY)["body"].read())
    return str(said["content"][0]["text"])


def invoke_stream(model: str) -> str:
    answer = client().invoke_model_with_response_stream(modelId=model, body=BODY)
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    return "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")


see(
    {
        "converse": ("anthropic.claude-haiku-4-5-20251001-v1:0", converse),
        "converse stream": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", converse_stream),
        "invoke": ("anthropic.claude-3-haiku-20240307-v1:0", invoke),
        "invoke stream": ("us.anthropic.claude-opus-4-5-20251101-v1:0", invoke_stream),
    }
)
