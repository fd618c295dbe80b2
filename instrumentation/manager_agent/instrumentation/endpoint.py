"""Which service a request is for."""

from dataclasses import dataclass
from typing import Literal

Api = Literal["openai", "anthropic", "gemini", "bedrock"]
Kind = Literal[
    "chat_completions",
    "responses",
    "completions",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "batch",
    "messages",
    "message_batch",
    "generate_content",
    "embed_content",
    "batch_embed_contents",
    "generate_images",
    "converse",
    "invoke_model",
]
"""What is spoken at an endpoint; together with the API it says how bodies are read."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a provider, as its address tells.

    `api`: the protocol spoken. `provider`: canonical, as in `llm_calls.provider`. `operation`:
    `gen_ai.operation.name` of the GenAI semantic conventions. `model` and `streaming` where the
    path tells them, as with Gemini and Bedrock.
    """

    api: Api
    kind: Kind
    provider: str
    operation: str
    host: str
    port: int
    model: str | None = None
    streaming: bool = False
