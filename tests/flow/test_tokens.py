"""Bearer tokens: nobody sends without one, and one agent's token cannot charge another."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from manager_agent.app.dispatch import main
from tests.harness.manager import Manager, manager
from tests.harness.otlp import EXPORT, JSON, PROTOBUF, Sender, as_json, one_call, refusal, request

ANYONE, ALPHA, BETA = "mgr_anyone-anyone-anyone", "mgr_alpha-alpha-alpha", "mgr_beta-beta-beta-b"
WRONG = "mgr_alpha-alpha-alphb"
ASKER = "mgr_asker-asker-asker"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "beta.token").write_text(f"{BETA}\n", "utf-8")
    tokens = [
        ANYONE,
        {"token": ALPHA, "agent": "alpha", "name": "the alpha team"},
        {"token_file": str(folder / "beta.token"), "agent": "beta"},
    ]
    with manager(folder / "data", {"receiver": {"tokens": tokens}}) as found:
        yield found


@pytest.fixture(scope="module")
def sender(running: Manager) -> Iterator[Sender]:
    with Sender(running.where) as found:
        yield found


def denied(running: Manager, reason: str) -> float:
    return running.metric("manager_receiver_denied_total", reason=reason)


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def send_grpc(running: Manager, payload: bytes, token: str | None) -> None:
    """Raises `grpc.RpcError`."""
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(running.where["otlp_grpc"], options) as channel:
        channel.unary_unary(EXPORT)(payload, timeout=10, metadata=tuple(bearer(token).items()))


def send_http(
    sender: Sender, payload: bytes, token: str | None, kind: str = PROTOBUF
) -> httpx.Response:
    headers = {"content-type": kind, **bearer(token)}
    return sender.http.post(sender.traces_url, content=payload, headers=headers)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param(None, "token_missing", id="none"),
        pytest.param(WRONG, "token_unknown", id="nearly right"),
        pytest.param("x", "token_unknown", id="short"),
        pytest.param(ALPHA[:-1], "token_unknown", id="cut"),
        pytest.param("x" * 5000, "token_unknown", id="long"),
        pytest.param(ASKER, "token_unknown", id="somebody else's"),
    ],
)
def test_without_a_known_token_nothing_is_taken(
    token: str | None, reason: str, running: Manager, sender: Sender
) -> None:
    """As OTLP says it: not to be sent again, as it would be refused again."""
    payload = request([one_call(f"denied-{reason}", 1)]).SerializeToString()
    before = denied(running, reason)

    refused = refusal(lambda: send_grpc(running, payload, token))
    answers = [send_http(sender, payload, token), send_http(sender, b"{}", token, JSON)]

    assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "token" in (refused.details() or "")
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all(answer.headers["www-authenticate"] == "Bearer" for answer in answers)
    status = Status.FromString(answers[0].content)
    assert (status.code, "token" in status.message) == (16, True)
    assert answers[1].json()["code"] == 16
    assert denied(running, reason) - before == 3
    assert running.calls_of(f"denied-{reason}") == 0


def test_a_huge_request_without_a_token_is_not_read(running: Manager, sender: Sender) -> None:
    payload = request([one_call("huge", 1, padding="x" * (30 << 20))]).SerializeToString()
    before = _peak_mib(running)

    for _ in range(4):
        refusal(lambda: send_grpc(running, payload, None))
        assert send_http(sender, payload, None).status_code == 401

    assert _peak_mib(running) - before < 20


def _peak_mib(running: Manager) -> float:
    status = Path(f"/proc/{running.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def test_a_token_without_an_agent_believes_the_spans(running: Manager, sender: Sender) -> None:
    payload = request([one_call("says-itself", 1)]).SerializeToString()

    send_grpc(running, payload, ANYONE)

    assert running.calls_of("says-itself") == 1


@pytest.mark.parametrize("protocol", ["grpc", "http", "json"])
@pytest.mark.parametrize(("token", "agent"), [(ALPHA, "alpha"), (BETA, "beta")])
def test_a_token_of_an_agent_books_on_it_whatever_the_spans_say(
    protocol: str, token: str, agent: str, running: Manager, sender: Sender
) -> None:
    victim = f"victim-of-{agent}-{protocol}"
    claims = {"gen_ai.agent.name": victim, "manager.agent.id": victim}
    message = request([one_call(victim, 1, **claims)])
    before = running.calls_of(agent)

    if protocol == "grpc":
        send_grpc(running, message.SerializeToString(), token)
    elif protocol == "http":
        assert send_http(sender, message.SerializeToString(), token).status_code == 200
    else:
        body = as_json(message)
        assert send_http(sender, body, token, JSON).status_code == 200

    assert running.calls_of(agent) - before == 1
    assert running.calls_of(victim) == 0


def test_a_stolen_token_takes_no_part_in_the_calls_of_others(
    running: Manager, sender: Sender
) -> None:
    """Same process name, same moment, same usage, another emitter: otherwise one call."""
    honest = one_call("shared", 7)
    forged = replace(one_call("shared", 8), start_ns=honest.start_ns, scope="another.emitter")
    before = running.calls_of("beta")

    send_grpc(running, request([honest]).SerializeToString(), ANYONE)
    send_grpc(running, request([forged]).SerializeToString(), BETA)

    assert running.sql("SELECT emitters FROM llm_calls WHERE agent = 'shared'") == [
        {"emitters": honest.scope}
    ]
    assert running.calls_of("beta") - before == 1


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_sdks_own_exporters_show_tokens(
    protocol: str, running: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable that every OpenTelemetry SDK reads."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{_bare(running, protocol)}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{ALPHA}")
    exporter: SpanExporter = GrpcExporter(insecure=True) if protocol == "grpc" else HttpExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "sdk"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = running.calls_of("alpha")
    attributes = dict(one_call("sdk", 1).attributes)
    with provider.get_tracer("sdk.test").start_as_current_span("chat", attributes=attributes):
        pass
    provider.shutdown()

    assert running.calls_of("alpha") - before == 1


def _bare(running: Manager, protocol: str) -> str:
    return running.where[f"otlp_{protocol}"].removeprefix("http://")


def test_no_token_is_written_down(running: Manager) -> None:
    """Neither in the log nor in anything that is stored; a wrong one is not, either."""
    files = [path for path in running.data_dir.rglob("*") if path.is_file()]
    texts = [running.log().encode(), *(path.read_bytes() for path in files)]

    assert len(texts) > 2
    for secret in (ANYONE, ALPHA, BETA, WRONG):
        assert not [text for text in texts if secret.encode() in text]


def test_a_page_of_a_stranger_cannot_send(running: Manager, sender: Sender) -> None:
    """A browser says where a page is from, which no exporter does."""
    headers = {"content-type": JSON, "origin": "http://evil.example", **bearer(ANYONE)}

    answer = sender.http.post(sender.traces_url, content=b"{}", headers=headers)

    assert answer.status_code == 403
    assert denied(running, "web_page") >= 1


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    config = {"api": {"tokens": [{"token": ASKER, "name": "grafana"}]}}
    with manager(tmp_path_factory.mktemp("api") / "data", config) as found:
        yield found


PATHS = ["/api/v1/manager/status", "/api/v1/alerts", "/metrics", "/readyz", "/openapi.json", "/no"]


@pytest.mark.parametrize("path", PATHS)
def test_the_api_tells_nothing_without_a_token(path: str, guarded: Manager) -> None:
    for url in (guarded.where["api"] + path, guarded.where["metrics"]):
        without = httpx.get(url, trust_env=False)
        wrong = httpx.get(url, headers=bearer(ALPHA), trust_env=False)
        right = httpx.get(url, headers=bearer(ASKER), trust_env=False)

        assert (without.status_code, wrong.status_code) == (401, 401)
        assert without.headers["www-authenticate"] == "Bearer"
        assert without.headers["content-type"] == "application/problem+json"
        assert right.status_code == (404 if url.endswith("/no") else 200)


def test_anyone_may_ask_whether_it_lives_and_denials_are_counted(guarded: Manager) -> None:
    assert httpx.get(f"{guarded.where['api']}/healthz", trust_env=False).status_code == 200
    httpx.get(f"{guarded.where['api']}/readyz", trust_env=False)
    text = httpx.get(guarded.where["metrics"], headers=bearer(ASKER), trust_env=False).text

    assert 'manager_api_denied_total{reason="token_missing"}' in text


def test_the_command_line_shows_its_token(
    guarded: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MANAGER_API_URL", guarded.where["api"])
    monkeypatch.delenv("MANAGER_API_TOKEN", raising=False)
    monkeypatch.delenv("MANAGER_TOKEN", raising=False)
    assert main(["status"]) == 1
    assert "MANAGER_API_TOKEN" in capsys.readouterr().err
    assert main(["sql", "SELECT 1 AS one"]) == 1

    monkeypatch.setenv("MANAGER_API_TOKEN", ASKER)
    assert main(["status", "--json"]) == 0
    assert main(["sql", "SELECT 1 AS one"]) == 0
