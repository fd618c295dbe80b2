"""How a connection is encrypted, by OpenTelemetry's variables, and what is wrong where it fails."""

from typing import TYPE_CHECKING

from manager_agent.instrumentation.destination import Destination

if TYPE_CHECKING:
    import ssl

_PLAIN = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_CLIENT = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"


class NoConnectionError(Exception):
    """There is no connection: why, and what to do ("" where nothing special is known)."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


def tls_context(to: Destination) -> "ssl.SSLContext":
    """Return how to encrypt, by the files of a destination; without, as the system does.

    Raises `NoConnectionError` where a file cannot be read.
    """
    import ssl

    try:
        context = ssl.create_default_context(cafile=to.certificate)
        if to.client_certificate:
            context.load_cert_chain(to.client_certificate, to.client_key)
    except OSError as error:
        files = ", ".join(filter(None, (to.certificate, to.client_certificate, to.client_key)))
        raise NoConnectionError(
            f"a certificate cannot be read ({files}: {error.strerror or error})",
            f"correct OTEL_EXPORTER_OTLP_CERTIFICATE, {_CLIENT}",
        ) from error
    return context


def tls_trouble(error: BaseException) -> NoConnectionError | None:
    """Return what an error means if it is one of TLS, None if it is another."""
    if not type(error).__name__.startswith("SSL"):
        return None  # by its name: nobody loads `ssl` for a connection that is not encrypted
    reason = getattr(error, "reason", None) or "the connection was closed there"
    verified = getattr(error, "verify_message", "")
    if verified:
        return NoConnectionError(
            f"its certificate is not trusted: {verified}",
            "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of who signed it",
        )
    if reason in _PLAIN:
        return NoConnectionError("it does not encrypt", "write http:// in place of https://")
    return turned_away(reason)


def turned_away(reason: str) -> NoConnectionError:
    """Return what it means that a server, encrypted, closes before it says a word."""
    return NoConnectionError(
        f"the TLS handshake failed: {reason}",
        f"if the manager has receiver.tls.client_ca_file, set {_CLIENT}",
    )
