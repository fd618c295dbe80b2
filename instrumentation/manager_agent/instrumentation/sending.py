"""The part of `doctor` that sends: an empty request, just as the exporter of this process would."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from socket import create_connection
from urllib.parse import SplitResult, unquote, urlsplit

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_SECONDS = 5.0
_HTTP_PORT = 4318


@dataclass(frozen=True, slots=True)
class Sent:
    """What was found, and what to do where it was not taken."""

    found: str
    remedy: str = ""


def send_nothing(endpoint: str, env: Mapping[str, str]) -> Sent:
    """Send an empty request to `endpoint`, as OpenTelemetry's variables in `env` say."""
    parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    shown = _authorization(env)
    protocol = env.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    over_http = protocol.startswith("http") or (not protocol and parts.port == _HTTP_PORT)
    try:
        wrong = (_by_http if over_http else _by_grpc)(parts, shown, env)
    except OSError as error:
        return Sent(f"a certificate cannot be read ({error})", "correct OTEL_EXPORTER_OTLP_*")
    if wrong is None:
        return Sent("an empty request was taken")
    if wrong in ("UNAUTHENTICATED", "401"):
        return _refused(wrong, shown, env)
    return _handshake(parts, env) or Sent(f"refused: {wrong}", "look at the manager's log")


def _by_grpc(parts: SplitResult, shown: str | None, env: Mapping[str, str]) -> str | None:
    import grpc

    address = f"{parts.hostname}:{parts.port or 4317}"
    options = [("grpc.enable_http_proxy", 0)]
    if parts.scheme == "https":
        read = {name: _file(env, name) for name in ("CERTIFICATE", "CLIENT_KEY")}
        own = _file(env, "CLIENT_CERTIFICATE")
        credentials = grpc.ssl_channel_credentials(read["CERTIFICATE"], read["CLIENT_KEY"], own)
        channel = grpc.secure_channel(address, credentials, options)
    else:
        channel = grpc.insecure_channel(address, options)
    with channel:
        metadata = (("authorization", shown),) if shown else ()
        call = channel.unary_unary(_EXPORT).future(b"", timeout=_TIMEOUT_SECONDS, metadata=metadata)
        code = call.code()
        return None if code is grpc.StatusCode.OK else str(code.name)


def _by_http(parts: SplitResult, shown: str | None, env: Mapping[str, str]) -> str | None:
    url = f"{parts.geturl().rstrip('/')}/v1/traces"
    headers = {"content-type": "application/x-protobuf"}
    if shown:
        headers["authorization"] = shown
    request = urllib.request.Request(url, b"", headers)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if parts.scheme == "https":
        handlers.append(urllib.request.HTTPSHandler(context=_context(env)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _refused(code: str, shown: str | None, env: Mapping[str, str]) -> Sent:
    if shown:
        remedy = "the token is not known there; ask for another (`manager-agent tokens new`)"
        return Sent(f"{code}: the token in OTEL_EXPORTER_OTLP_HEADERS is refused", remedy)
    token = "$MANAGER_TOKEN" if env.get("MANAGER_TOKEN") else "<token>"
    remedy = (
        "exporters send what this variable holds:"
        f" export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{token}"
    )
    return Sent(f"{code}: a token is needed, and OTEL_EXPORTER_OTLP_HEADERS has none", remedy)


def _authorization(env: Mapping[str, str]) -> str | None:
    """Return the `authorization` that an exporter would send."""
    for name in ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"):
        for part in env.get(name, "").split(","):
            key, _, value = part.partition("=")
            if unquote(key).strip().lower() == "authorization":
                return unquote(value).strip()
    return None


def _handshake(parts: SplitResult, env: Mapping[str, str]) -> Sent | None:
    """Return what is wrong with the encryption, None where that is not it."""
    if parts.scheme != "https":
        if _speaks_tls(parts):
            return Sent("it encrypts, and the endpoint says http://", "write https:// instead")
        return None
    certificate = Sent(
        "the TLS handshake failed",
        "if the manager has receiver.tls.client_ca_file, set"
        " OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY",
    )
    try:
        return None if _shake(parts, _context(env)) else certificate
    except ssl.SSLCertVerificationError as error:
        return Sent(
            f"its certificate is not trusted ({error.verify_message})",
            "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of who signed it",
        )
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return Sent("it does not encrypt, and the endpoint says https://", "write http://")
        return certificate
    except OSError as error:
        return Sent(f"the TLS handshake failed ({error})", "write http:// if it does not encrypt")


def _speaks_tls(parts: SplitResult) -> bool:
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    try:
        _shake(parts, anyone)
    except (ssl.SSLError, OSError):
        return False
    return True


def _shake(parts: SplitResult, context: ssl.SSLContext) -> bool:
    """Shake hands; tell whether the server then speaks, as it does with those it lets in."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    host = parts.hostname or "127.0.0.1"
    with (
        create_connection((host, parts.port or 4317), _TIMEOUT_SECONDS) as bare,
        context.wrap_socket(bare, server_hostname=host) as secured,
    ):
        secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        return secured.recv(1) != b""


def _context(env: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=env.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or None)
    own = env.get("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    if own:
        context.load_cert_chain(own, env.get("OTEL_EXPORTER_OTLP_CLIENT_KEY") or None)
    return context


def _file(env: Mapping[str, str], name: str) -> bytes | None:
    path = env.get(f"OTEL_EXPORTER_OTLP_{name}")
    if not path:
        return None
    with open(path, "rb") as file:
        return file.read()
