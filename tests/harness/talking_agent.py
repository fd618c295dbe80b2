"""An agent as a user has it: real SDKs under real instrumentations, sending what is said, too.

Run as `python -m tests.harness.talking_agent NAME PROVIDER_URL OTLP_ENDPOINT STOP_FILE`. It talks
to both providers inside spans of its own until the file is there, sends what it has and ends.
"""

import os
import sys
from itertools import count
from pathlib import Path

from anthropic import Anthropic
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SECRET = "confidential-question"
AGENT = "researcher"
_PATIENCE_MILLIS = 60_000


def main(name: str, url: str, endpoint: str, stop: str) -> None:
    """Talk until the file `stop` is there."""
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    exporter = OTLPSpanExporter(endpoint, insecure=True, timeout=60)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()
    _talk(url, Path(stop))
    assert provider.force_flush(_PATIENCE_MILLIS), "the collector did not take the last spans"
    provider.shutdown()


def _talk(url: str, stop: Path) -> None:
    openai = OpenAI(base_url=f"{url}/v1", api_key="none")
    anthropic = Anthropic(base_url=url, api_key="none")
    tracer = trace.get_tracer("my-own-code")
    for number in count():
        if stop.exists():
            return
        said = f"{SECRET} {os.getpid()} {number}: " + "why? " * (number % 40)
        # An agent's span, a plain span of its own below it, the call below that.
        with (
            tracer.start_as_current_span("agent", attributes={"gen_ai.agent.name": AGENT}),
            tracer.start_as_current_span("look it up"),
        ):
            if number % 2:
                openai.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": said}]
                )
            else:
                anthropic.messages.create(
                    model="claude-haiku-4-5",
                    max_tokens=64,
                    messages=[{"role": "user", "content": said}],
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
