"""The proxy between an agent and its manager, where the environment names one.

As gRPC's own library had it: a tunnel (CONNECT) through `grpc_proxy`, `https_proxy` or
`http_proxy`, whichever is set first, also for what is not encrypted; `no_grpc_proxy` or `no_proxy`
exempts hosts. Loopback addresses never go through one.
"""

import base64
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_NAMES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXEMPT = ("no_grpc_proxy", "no_proxy")
_PORT = 80
_MOST_BYTES = 8192


class ProxyError(OSError):
    """The proxy makes no tunnel; the message says what it answered."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`name`: the variable that named it; `authorization`: "" where it names no user."""

    name: str
    host: str
    port: int
    authorization: str = ""


def proxy(host: str, env: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a host, None where it is reached directly."""
    name, said = _said(env, _NAMES)
    parts = urlsplit(said if "://" in said else f"http://{said}")
    if not said or parts.scheme != "http" or not parts.hostname:
        return None  # gRPC's library knew no other kind either
    if is_loopback(host) or _exempt(host, _said(env, _EXEMPT)[1]):
        return None
    user = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        user = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(name, parts.hostname, parts.port or _PORT, user)


def is_loopback(host: str) -> bool:
    """Tell whether a name or address is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def tunnel(sock: socket.socket, through: Proxy, host: str, port: int) -> None:
    """Ask for a tunnel to an address. Raises `OSError`."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if through.authorization:
        lines.append(f"Proxy-Authorization: {through.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Byte by byte: what follows is the server's.
        byte = sock.recv(1)
        answer += byte
        if not byte or len(answer) > _MOST_BYTES:
            break
    status = answer.partition(b"\r\n")[0].split(b" ")
    if len(status) < 2 or status[1] != b"200":
        found = answer.partition(b"\r\n")[0][:80].decode("latin-1") or "nothing"
        raise ProxyError(f"the proxy {through.host}:{through.port} answers {found}")


def _said(env: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    for name in names:
        for spelled in (name, name.upper()):
            if value := env.get(spelled, "").strip():
                return spelled, value
    return "", ""


def _exempt(host: str, listed: str) -> bool:
    return any(_matches(host.lower(), entry.strip().lower()) for entry in listed.split(","))


def _matches(host: str, entry: str) -> bool:
    if entry in ("*", host):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return bool(entry) and host.endswith("." + entry.lstrip("*").lstrip("."))
