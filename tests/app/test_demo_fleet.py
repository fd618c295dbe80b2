"""The fleet's agents know nothing of telemetry, are metered all the same, and stop when told to."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from manager_agent.app.demo import anthropic_agents, desk, fleet, openai_agents
from manager_agent.app.demo.children import clean_environment
from manager_agent.app.demo.desk import Desk
from manager_agent.app.demo.fleet import WORK
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from manager_agent.app.demo.roster import FLEET
from manager_agent.app.demo.run import agent_command, agent_variables
from manager_agent.contract.attributes import CALL_ID

CALM = ProviderSettings(pace=0, rate_429=0, rate_500=0)
DEADLINE = 120.0
Span = tuple[str, str, dict[str, Any]]  # scope, name, attributes


class Sink(TraceServiceServicer):
    """Keeps every span it gets, with the service that sent it."""

    def __init__(self) -> None:
        self._requests: list[ExportTraceServiceRequest] = []

    def Export(
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        self._requests.append(request)
        return ExportTraceServiceResponse()

    def spans(self, service: str) -> list[Span]:
        return [
            (group.scope.name, span.name, _values(span.attributes))
            for request in tuple(self._requests)
            for resource in request.resource_spans
            if _values(resource.resource.attributes)["service.name"] == service
            for group in resource.scope_spans
            for span in group.spans
        ]


def _values(attributes: Any) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
        for one in attributes
    }


@contextmanager
def sink() -> Iterator[tuple[Sink, str]]:
    server, servicer = grpc.server(futures.ThreadPoolExecutor(2)), Sink()
    add_TraceServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE} s for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def worked() -> Iterator[tuple[Sink, Provider, dict[str, int]]]:
    """An OpenAI and an Anthropic agent, ended by SIGTERM after some calls: exit codes."""
    names = ("research-agent", "support-agent")
    with sink() as (got, address), serving(CALM) as provider:
        processes = {name: _start(name, address, provider.url) for name in names}
        try:
            wait_for(lambda: _calls(provider, "gpt-4o") >= 3, "3 calls of research-agent")
            wait_for(lambda: _calls(provider, "claude-haiku-4-5") >= 1, "support-agent's call")
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            codes = {name: process.wait(DEADLINE) for name, process in processes.items()}
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
        yield got, provider, codes


def _start(name: str, address: str, url: str) -> subprocess.Popen[bytes]:
    # The sink holds no budgets: who asks for one finds no manager.
    alone = {"MANAGER_UNREACHABLE": "open", "MANAGER_OPEN_CAP_USD": "1000"}
    variables = {**clean_environment(os.environ), **agent_variables(address, url), **alone}
    return subprocess.Popen(agent_command(name, url), env=variables)


def _calls(provider: Provider, model: str) -> int:
    return sum(one.model == model and one.status == 200 for one in provider.served)


def test_sigterm_ends_an_agent_with_its_last_spans_sent(
    worked: tuple[Sink, Provider, dict[str, int]],
) -> None:
    """Every answer of the provider is in a span: nothing is lost at the end."""
    got, provider, codes = worked
    spans = got.spans("research-agent") + got.spans("support-agent")
    told = {values.get("gen_ai.response.id") for _, _, values in spans}

    assert set(codes.values()) == {0}
    assert {one.response_id for one in provider.served} <= told


def test_calls_carry_what_the_provider_said(
    worked: tuple[Sink, Provider, dict[str, int]],
) -> None:
    """One span of ours for each attempt that was answered, and its usage."""
    got, provider, _ = worked
    truth = {one.response_id: one.usage for one in provider.served if one.model == "gpt-4o"}
    calls = [values for _, _, values in got.spans("research-agent") if CALL_ID in values]

    assert len(calls) == len(truth)
    for values in calls:
        usage = truth[values["gen_ai.response.id"]]
        assert usage is not None
        assert values["gen_ai.usage.input_tokens"] == usage.prompt.total
        assert values["gen_ai.usage.output_tokens"] == usage.output
        assert values["gen_ai.response.model"] == "gpt-4o-2024-08-06"


def test_the_official_instrumentations_report_the_calls_too(
    worked: tuple[Sink, Provider, dict[str, int]],
) -> None:
    """They are installed, so they are switched on: that the manager counts once is the point."""
    spans = worked[0].spans("support-agent")

    theirs = {scope for scope, _, v in spans if v.get("gen_ai.response.id") and CALL_ID not in v}
    assert theirs == {"opentelemetry.instrumentation.genai.anthropic"}


def test_agents_know_nothing_of_telemetry() -> None:
    """What meters them is how they are started, and nothing in their code."""
    for module in (anthropic_agents, openai_agents, desk, fleet):
        text = Path(module.__file__ or "").read_text("utf-8")
        assert "opentelemetry" not in text
        assert "instrumentation" not in text


@pytest.mark.parametrize(
    ("work", "models"),
    [
        pytest.param(
            openai_agents.triage,
            {"text-embedding-3-small", "gpt-4o-mini"},
            id="triage embeds, streams and reports",
        ),
        pytest.param(anthropic_agents.code, {"claude-sonnet-4-6"}, id="coding asks in parallel"),
    ],
)
def test_async_agents_work_until_stopped(work: Callable[[Desk], None], models: set[str]) -> None:
    with serving(CALM) as provider:
        place = Desk(provider.url)
        thread = threading.Thread(target=work, args=(place,))
        thread.start()
        wait_for(lambda: {one.model for one in provider.served} == models, f"calls of {models}")
        place.stop()
        thread.join(DEADLINE)

        assert not thread.is_alive()
        assert {one.status for one in provider.served} == {200}


def test_every_member_of_the_roster_has_work() -> None:
    assert {member.agent for member in FLEET} == set(WORK)
