"""Who answers on a port where no gRPC is spoken, by the first bytes of what came."""

from manager_agent.instrumentation.tls import tls_trouble, turned_away

_PORT = "name the manager's port for OTLP over gRPC (4317 where nothing else was said)"


_SETTINGS, _HEAD = 4, 9
"""The type of the frame that a server begins with, and the bytes before any frame's payload."""


def may_be_http2(first: bytes) -> bool:
    """Tell whether a server that begins so, or is about to, may speak HTTP/2."""
    return len(first) < _HEAD or (first[3] == _SETTINGS and first[5:_HEAD] == bytes(4))


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
    if first and type(error).__name__ == "SSLEOFError":
        return "the connection was closed there", ""  # it had been well
    if known := tls_trouble(error):
        return str(known), known.remedy
    if isinstance(error, OSError):
        return error.strerror or str(error), ""
    return f"what it says is no HTTP/2: {error}", _PORT
