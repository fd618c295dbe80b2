"""Who answers on a port where no gRPC is spoken, by the first bytes of what came."""

from manager_agent.instrumentation.tls import tls_trouble, turned_away

_PORT = "name the manager's port for OTLP over gRPC (4317 where nothing else was said)"


def stranger(first: bytes, error: Exception, *, secure: bool) -> tuple[str, str]:
    """Return why a connection ended, and what to do ("" where nothing special is known)."""
    if secure and not first and isinstance(error, ConnectionError):
        # TLS 1.3 tells a client whose certificate is missing only after the handshake.
        trouble = turned_away(error.strerror or str(error))
        return str(trouble), trouble.remedy
    if first.startswith(b"HTTP/1."):
        return "it speaks HTTP/1, not gRPC", _PORT
    if first.startswith(b"\x15\x03"):
        return "it encrypts", "write https:// in place of http://"
    if known := tls_trouble(error):
        return str(known), known.remedy
    if isinstance(error, OSError):
        return error.strerror or str(error), ""
    return f"what was received is no HTTP/2: {error!r}", _PORT
