"""Where the ports may be reached from, and that nobody opens them wider than they meant to."""

import ipaddress
import socket

from manager_agent.app.sections import Api, Receiver
from manager_agent.app.settings import Settings


class ExposedError(Exception):
    """A port would be open to other machines without protection; the message names the keys."""


class HostError(Exception):
    """A host to listen on means no address; the message names its key."""


def refuse_exposed(settings: Settings) -> None:
    """Raise `ExposedError` where other machines could reach a port without TLS or tokens."""
    _refuse("receiver", settings.receiver, "send whatever it wants")
    _refuse("api", settings.api, "read what every agent spends")


def _refuse(section: str, door: Receiver | Api, what: str) -> None:
    if loopback(door.host) or door.allow_insecure:
        return
    lacking = [
        f"{section}.{key}"
        for key, given in (("tls", door.tls is not None), ("tokens", bool(door.tokens)))
        if not given
    ]
    if lacking:
        raise ExposedError(
            f"{section}.host: {door.host} can be reached from other machines, and without"
            f" {' and '.join(lacking)} anyone there may {what}. Set {' and '.join(lacking)}"
            f" (docs/security.md), or {section}.allow_insecure: true if something else protects"
            " the ports"
        )


def loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(host: str, key: str) -> str:
    """Return the IP address that `host` means, IPv4 if it has one. Raises `HostError`."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise HostError(
            f"{key}: {host!r} means no address ({error}); name one of this machine's, such as"
            " 127.0.0.1 or 0.0.0.0"
        ) from error
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    return str(found[0][4][0])


def joined(address: str, port: int) -> str:
    """Return `address:port` as URLs write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
