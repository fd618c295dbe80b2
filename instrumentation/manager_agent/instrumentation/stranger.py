"""Who answers on a port where no gRPC is spoken, by the first bytes of what came."""

from manager_agent.instrumentation.connecting import tls_remedy

_PORT = "name the manager's port for OTLP over gRPC (4317 where nothing else was said)"


def stranger(first: bytes, error: Exception) -> tuple[str, str]:
    """Return why a connection ended, and what to do ("" where nothing special is known)."""
    if first.startswith(b"HTTP/1."):
        return "it speaks HTTP/1, not gRPC", _PORT
    if first.startswith(b"\x15\x03"):
        return "it encrypts", "write https:// in place of http://"
    remedy = ""
    if type(error).__name__.startswith("SSL"):
        remedy = tls_remedy(error)  # type: ignore[arg-type]
    if isinstance(error, OSError):
        return error.strerror or str(error), remedy
    return f"what was received is no HTTP/2: {error}", _PORT
