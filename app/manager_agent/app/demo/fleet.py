"""One agent of the demonstration's fleet, in a process of its own.

    python -m manager_agent.app.demo.fleet research-agent --otlp 127.0.0.1:4317 --provider URL

Real SDK clients under OpenTelemetry's own GenAI instrumentations, nothing of the manager's: what
any instrumented agent looks like. Ends on SIGTERM or SIGINT, its last spans sent.
"""

import argparse
import importlib
import logging
import signal
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from manager_agent.app.demo.desk import Desk

# Agent -> the module of its SDK and its work there. A process imports one SDK only: they are slow
# to import, and four processes do it at once.
WORK: Mapping[str, tuple[str, str]] = {
    "research-agent": ("openai_agents", "research"),
    "triage-agent": ("openai_agents", "triage"),
    "support-agent": ("anthropic_agents", "support"),
    "coding-agent": ("anthropic_agents", "code"),
}
EXPORT_MILLIS = 500  # so that the screen moves; OpenTelemetry's own default is 5000


def tracing(agent: str, endpoint: str) -> TracerProvider:
    """Send this process' spans to `endpoint` (`host:port`, OTLP over gRPC) and return the provider.

    It becomes the process' global provider, which is also what makes Anthropic's SDK emit spans.
    """
    resource = Resource.create({"service.name": agent, "deployment.environment.name": "demo"})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"http://{endpoint}", insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_MILLIS))
    trace.set_tracer_provider(provider)
    return provider


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one agent until a signal ends it; return the exit code."""
    parser = argparse.ArgumentParser(prog="fleet", description="One agent of the demonstration.")
    parser.add_argument("agent", choices=sorted(WORK))
    parser.add_argument("--otlp", required=True, metavar="HOST:PORT", help="OTLP/gRPC receiver")
    parser.add_argument("--provider", required=True, metavar="URL", help="the fake provider's URL")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    module, function = WORK[given.agent]
    sdk = importlib.import_module(f"manager_agent.app.demo.{module}")
    provider = tracing(given.agent, given.otlp)
    try:
        sdk.instrument()
        work: Callable[[Desk], None] = getattr(sdk, function)
        work(_desk(given.agent, given.provider, provider))
    finally:
        provider.shutdown()
    return 0


def _desk(agent: str, url: str, provider: TracerProvider) -> Desk:
    """Return the desk, cleared by SIGTERM and SIGINT."""
    desk = Desk(agent, url, provider.get_tracer("manager_agent.demo"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: desk.stop())
    return desk


if __name__ == "__main__":
    raise SystemExit(main())
