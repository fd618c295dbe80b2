"""The part of `doctor` that sends: an empty request of spans, and a question to the manager."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace

from manager_agent.contract.control import RATES_METHOD
from manager_agent.instrumentation import destination
from manager_agent.instrumentation.channel import Channel
from manager_agent.instrumentation.connecting import reach
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.sender import NotTakenError
from manager_agent.instrumentation.tls import NoConnectionError
from manager_agent.instrumentation.transport import transport_to

_TIMEOUT_SECONDS = 5.0
_TOKEN = ("UNAUTHENTICATED", "HTTP 401")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was found, and what to do where it was not taken."""

    found: str
    remedy: str = ""


def send_nothing(to: Destination, env: Mapping[str, str]) -> Sent:
    """Send an empty request of spans, just as this process would send its own."""
    transport = transport_to(replace(to, timeout_seconds=_TIMEOUT_SECONDS), env)
    try:
        transport.send(b"")
    except NotTakenError as error:
        if error.code in _TOKEN:
            return _refused(error.code, to, env)
        return _encrypted(to) or _not_taken(error)
    finally:
        transport.close()
    return Sent("an empty request was taken")


def ask_manager(own: Destination) -> Sent:
    """Ask what only a manager answers: a collector takes spans, and knows no budgets."""
    channel = Channel(own)
    try:
        channel.call(RATES_METHOD, b'{"models": []}', _TIMEOUT_SECONDS)
    except NotTakenError as error:
        if error.code == "UNIMPLEMENTED":
            return Sent(f"{own.url} is no manager", "set MANAGER_ENDPOINT to where it runs")
        return _encrypted(own) or _not_taken(error)
    finally:
        channel.close()
    return Sent(f"{own.url} knows them")


def _not_taken(error: NotTakenError) -> Sent:
    return Sent(f"refused: {error.why}", error.remedy or "look at the manager's log")


def _refused(code: str, to: Destination, env: Mapping[str, str]) -> Sent:
    own = destination.manager(env)
    shown = dict(to.headers).get("authorization")
    if shown:
        ours = shown == dict(own.headers).get("authorization")
        source = "MANAGER_TOKEN" if ours else "OTEL_EXPORTER_OTLP_HEADERS"
        remedy = "the token is not known there; ask for another (`manager-agent tokens new`)"
        return Sent(f"{code}: the token in {source} is refused", remedy)
    if to.address == own.address:
        return Sent(f"{code}: a token is needed, and none is set", "set MANAGER_TOKEN to one")
    remedy = (
        f"if {to.url} is the manager, set MANAGER_ENDPOINT to it, and MANAGER_TOKEN; if not:"
        " export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>"
    )
    found = f"{code}: a token is needed, and OTEL_EXPORTER_OTLP_HEADERS has none"
    if own.headers:
        found += f"; MANAGER_TOKEN is for MANAGER_ENDPOINT ({own.url}) alone"
    return Sent(found, remedy)


def _encrypted(to: Destination) -> Sent | None:
    """Return what is wrong where the server encrypts and the address says otherwise."""
    if to.secure or not _speaks_tls(to):
        return None
    return Sent("it encrypts, and the endpoint says http://", "write https:// instead")


def _speaks_tls(to: Destination) -> bool:
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    anyone.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with reach(to, _TIMEOUT_SECONDS) as bare:
            bare.settimeout(_TIMEOUT_SECONDS)
            with anyone.wrap_socket(bare, server_hostname=to.host):
                return True
    except (NoConnectionError, OSError):
        return False
