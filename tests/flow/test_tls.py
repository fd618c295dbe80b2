"""TLS and mutual TLS, by real handshakes with certificates made here."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from tests.harness.certificates import Authority, Pair
from tests.harness.manager import Manager, manager
from tests.harness.otlp import EXPORT, PROTOBUF, llm, one_call, refusal, request


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.pair("server")


def tls(pair: Pair, client_ca: Path | None = None) -> dict[str, str]:
    written = {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    return written if client_ca is None else {**written, "client_ca_file": str(client_ca)}


@pytest.fixture(scope="module")
def running(server_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    config = {"receiver": {"tls": tls(server_pair)}}
    with manager(tmp_path_factory.mktemp("tls") / "data", config) as found:
        yield found


@pytest.fixture(scope="module")
def mutual(
    authority: Authority, server_pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Manager]:
    config = {"receiver": {"tls": tls(server_pair, authority.cert)}}
    with manager(tmp_path_factory.mktemp("mtls") / "data", config) as found:
        yield found


def context(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authority.cert)
    if client is not None:
        made.load_cert_chain(client.cert, client.key)
    return made


def send_grpc(
    where: dict[str, str], service: str, authority: Authority, client: Pair | None = None
) -> None:
    """Send one call. Raises `grpc.RpcError`."""
    own = (client.key.read_bytes(), client.cert.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.cert.read_bytes(), *own)
    payload = request([one_call(service, 1)]).SerializeToString()
    address = where["otlp_grpc"].removeprefix("https://")
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(address, credentials, options) as channel:
        channel.unary_unary(EXPORT)(payload, timeout=10)


def send_http(
    where: dict[str, str], service: str, authority: Authority, client: Pair | None = None
) -> httpx.Response:
    """Send one call. Raises `httpx.HTTPError`."""
    with httpx.Client(verify=context(authority, client), trust_env=False) as session:
        return session.post(
            f"{where['otlp_http']}/v1/traces",
            content=request([one_call(service, 1)]).SerializeToString(),
            headers={"content-type": PROTOBUF},
        )


def test_it_says_where_it_encrypts(running: Manager) -> None:
    assert running.where["otlp_grpc"].startswith("https://127.0.0.1:")
    assert running.where["otlp_http"].startswith("https://127.0.0.1:")
    assert running.where["api"].startswith("http://127.0.0.1:")


def test_what_is_sent_encrypted_is_stored(running: Manager, authority: Authority) -> None:
    send_grpc(running.where, "tls-grpc", authority)

    assert send_http(running.where, "tls-http", authority).status_code == 200
    assert (running.calls_of("tls-grpc"), running.calls_of("tls-http")) == (1, 1)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_sdks_own_exporters_encrypt(
    protocol: str, running: Manager, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As configured by OpenTelemetry's own variables."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.where[f"otlp_{protocol}"])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(authority.cert))
    for foreign in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # win over it in `requests`
        monkeypatch.delenv(foreign, raising=False)
    exporter: SpanExporter = GrpcExporter() if protocol == "grpc" else HttpExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": f"tls-sdk-{protocol}"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("sdk.test").start_as_current_span("chat", attributes=llm()):
        pass
    provider.shutdown()

    assert running.calls_of(f"tls-sdk-{protocol}") == 1


def test_who_does_not_encrypt_gets_nothing(running: Manager) -> None:
    address = running.where["otlp_grpc"].removeprefix("https://")
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        refused = refusal(lambda: channel.unary_unary(EXPORT)(b"", timeout=10))
    plain = running.where["otlp_http"].replace("https://", "http://")

    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{plain}/v1/traces", content=b"", trust_env=False)


@pytest.mark.parametrize("port", ["otlp_grpc", "otlp_http"])
@pytest.mark.parametrize(
    ("version", "taken"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, False, id="1.1"),
        pytest.param(ssl.TLSVersion.TLSv1_2, True, id="1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, True, id="1.3"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_refused(
    port: str, version: ssl.TLSVersion, taken: bool, running: Manager, authority: Authority
) -> None:
    wanted = context(authority)
    wanted.set_alpn_protocols(["h2" if port == "otlp_grpc" else "http/1.1"])
    wanted.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it is the server who refuses
    wanted.minimum_version = wanted.maximum_version = version
    host, _, number = running.where[port].removeprefix("https://").rpartition(":")
    with socket.create_connection((host, int(number)), 10) as bare:
        if taken:
            with wanted.wrap_socket(bare, server_hostname=host) as secured:
                assert secured.version() == version.name.replace("_", ".")
            return
        with pytest.raises((ssl.SSLError, ConnectionError)):
            wanted.wrap_socket(bare, server_hostname=host)


def test_mutual_tls_asks_for_a_certificate_of_the_authority(
    mutual: Manager, authority: Authority, tmp_path: Path
) -> None:
    client = authority.pair("client")
    stranger = Authority(tmp_path / "other", "other").pair("client")

    send_grpc(mutual.where, "mtls-grpc", authority, client)
    assert send_http(mutual.where, "mtls-http", authority, client).status_code == 200
    for impostor in (None, stranger):
        with pytest.raises(grpc.RpcError) as refused:
            send_grpc(mutual.where, "nobody", authority, impostor)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(httpx.HTTPError):
            send_http(mutual.where, "nobody", authority, impostor)

    assert (mutual.calls_of("mtls-grpc"), mutual.calls_of("mtls-http")) == (1, 1)
    assert mutual.calls_of("nobody") == 0


def shown(where: dict[str, str], port: str, authority: Authority) -> str:
    """Return the name in the certificate that a new connection gets."""
    wanted = context(authority)
    wanted.set_alpn_protocols(["h2" if port == "otlp_grpc" else "http/1.1"])
    host, _, number = where[port].removeprefix("https://").rpartition(":")
    with (
        socket.create_connection((host, int(number)), 10) as bare,
        wanted.wrap_socket(bare, server_hostname=host) as secured,
    ):
        certificate: Any = secured.getpeercert()
    return str(dict(pair[0] for pair in certificate["subject"])["commonName"])


def test_renewed_certificates_are_used_without_a_restart(
    authority: Authority, tmp_path: Path
) -> None:
    """And half a renewal, a certificate whose key is not there yet, changes nothing."""
    used = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    authority.pair("first").copy_to(used)
    second = authority.pair("second")
    with manager(tmp_path / "data", {"receiver": {"tls": tls(used)}}) as running:
        ports = ("otlp_grpc", "otlp_http")
        assert [shown(running.where, port, authority) for port in ports] == ["first"] * 2

        used.cert.write_bytes(second.cert.read_bytes())
        assert [shown(running.where, port, authority) for port in ports] == ["first"] * 2
        assert "receiver.tls.key_file" in running.log()

        second.copy_to(used)
        assert [shown(running.where, port, authority) for port in ports] == ["second"] * 2
        send_grpc(running.where, "renewed", authority)
        assert running.calls_of("renewed") == 1


@pytest.mark.slow
def test_many_who_connect_at_once_get_in_while_certificates_are_renewed(
    authority: Authority, tmp_path: Path
) -> None:
    """gRPC frees certificates that a handshake is about to use, if it is told of new ones then."""
    used = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    pairs = [authority.pair(f"renewal-{number}") for number in range(2)]
    pairs[0].copy_to(used)
    credentials = grpc.ssl_channel_credentials(authority.cert.read_bytes())
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]

    def connect(number: int) -> None:
        if number % 300 == 0:
            pairs[number // 300 % 2].copy_to(used)
        with grpc.secure_channel(address, credentials, options) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)

    with manager(tmp_path / "data", {"receiver": {"tls": tls(used)}}) as running:
        address = running.where["otlp_grpc"].removeprefix("https://")
        with ThreadPoolExecutor(32) as crowd:
            list(crowd.map(connect, range(1, 1501)))

        send_grpc(running.where, "after the crowd", authority)
        assert running.calls_of("after the crowd") == 1
