"""Where spans go and where the manager is, by the environment: addresses, tokens, certificates."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_MANAGER = "http://127.0.0.1:4317"
_HTTP_PORT = 4318
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver. `address`: `host:port`; `url`: as it was given; `headers`: lowercase keys.

    Files hold PEM; None where the system's own certificates serve, or none is shown.
    """

    url: str
    address: str
    secure: bool
    over_http: bool
    headers: tuple[tuple[str, str], ...] = ()
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    compressed: bool = False
    timeout_seconds: float = _TIMEOUT_SECONDS

    @property
    def host(self) -> str:
        """Return the name or address alone, without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port alone."""
        return int(self.address.rpartition(":")[2])


def manager(env: Mapping[str, str]) -> Destination:
    """Return where the manager answers over gRPC, with the token that is for it alone."""
    url = env.get("MANAGER_ENDPOINT", "").strip() or _MANAGER
    token = env.get("MANAGER_TOKEN", "").strip()
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    return _destination(url, env, headers, over_http=False)


def spans(env: Mapping[str, str]) -> Destination:
    """Return where spans go: as OpenTelemetry's variables say, else to the manager."""
    said = _otel(env, "ENDPOINT")
    own = manager(env)
    headers = dict(_headers(env))
    if not said:
        headers |= dict(own.headers)
        # The manager's own port speaks gRPC, whatever protocol the user's other exporters do.
        over_http = urlsplit(own.url).port == _HTTP_PORT
        return _destination(own.url, env, tuple(headers.items()), over_http=over_http)
    over_http = _over_http(env, said)
    here = _destination(said, env, (), over_http=over_http)
    if here.address == own.address and here.secure == own.secure:
        headers |= dict(own.headers)
    return _destination(said, env, tuple(headers.items()), over_http=over_http)


def traces_url(env: Mapping[str, str], to: Destination) -> str:
    """Return the full address of OTLP over HTTP."""
    exact = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    return exact if exact and exact == to.url else f"{to.url.rstrip('/')}/v1/traces"


def _destination(
    url: str, env: Mapping[str, str], headers: tuple[tuple[str, str], ...], *, over_http: bool
) -> Destination:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    port = parts.port or (_HTTP_PORT if over_http else 4317)
    host = parts.hostname or "127.0.0.1"
    return Destination(
        url=parts.geturl(),
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        secure=parts.scheme in ("https", "grpcs"),
        over_http=over_http,
        headers=headers,
        certificate=_otel(env, "CERTIFICATE"),
        client_certificate=_otel(env, "CLIENT_CERTIFICATE"),
        client_key=_otel(env, "CLIENT_KEY"),
        compressed=_otel(env, "COMPRESSION") == "gzip",
        timeout_seconds=_seconds(_otel(env, "TIMEOUT")),
    )


def _over_http(env: Mapping[str, str], url: str) -> bool:
    protocol = _otel(env, "PROTOCOL") or ""
    return protocol.startswith("http") or (not protocol and urlsplit(url).port == _HTTP_PORT)


def _otel(env: Mapping[str, str], what: str) -> str | None:
    """Return one of OpenTelemetry's settings for exporters, that for traces first."""
    for name in (f"OTEL_EXPORTER_OTLP_TRACES_{what}", f"OTEL_EXPORTER_OTLP_{what}"):
        said = env.get(name, "").strip()
        if said:
            return said
    return None


def _headers(env: Mapping[str, str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in (_otel(env, "HEADERS") or "").split(","))
    return {unquote(k).strip().lower(): unquote(v).strip() for k, sign, v in pairs if sign}


def _seconds(said: str | None) -> float:
    try:
        seconds = float(said or _TIMEOUT_SECONDS)
    except ValueError:
        return _TIMEOUT_SECONDS
    return seconds if seconds > 0 else _TIMEOUT_SECONDS
