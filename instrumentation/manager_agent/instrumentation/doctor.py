"""The agent's half of `doctor`: can this process reach its manager, and what of it is metered?"""

import os
import socket
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.coverage import coverage
from manager_agent.instrumentation.sending import send_nothing

_ENDPOINT = "http://127.0.0.1:4317"
_API = "http://127.0.0.1:5002"
_TIMEOUT_SECONDS = 3.0
_PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp", "grpcio", "protobuf")


def checks(env: Mapping[str, str]) -> list[Check]:
    """Return what can be said about this machine as an agent's, by the environment `env`."""
    spans = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get("MANAGER_ENDPOINT") or _ENDPOINT
    packages = [_package(name) for name in _PACKAGES]
    reachable = _reachable("OTLP endpoint", spans)
    return [
        *packages,
        reachable,
        *([_taken(spans, env)] if reachable.ok and all(each.ok for each in packages) else []),
        _healthy(env.get("MANAGER_API_URL") or _API),
        *coverage(env),
    ]


def main(arguments: Sequence[str] = ()) -> int:
    """Print the checks; return 0 where all is well, 1 otherwise."""
    if arguments:
        print(f"manager-agent doctor: takes no arguments, found {arguments[0]!r}", file=sys.stderr)
        return 2
    found = checks(os.environ)
    for check in found:
        print(f"{check.verdict} {check.name}: {check.found}")
        if check.remedy:
            print(f"     {check.remedy}")
    return 0 if all(check.ok for check in found) else 1


def _package(name: str) -> Check:
    try:
        return Check(True, name, version(name))
    except PackageNotFoundError:
        return Check(False, name, "not installed", "pip install manager-agent")


def _reachable(name: str, url: str) -> Check:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, port = parts.hostname or "127.0.0.1", parts.port or 4317
    try:
        with socket.create_connection((host, port), _TIMEOUT_SECONDS):
            return Check(True, name, f"{host}:{port} answers")
    except OSError as error:
        remedy = "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"
        return Check(False, name, f"{host}:{port}: {error}", remedy)


def _taken(url: str, env: Mapping[str, str]) -> Check:
    sent = send_nothing(url, env)
    return Check(not sent.remedy, "OTLP export", sent.found, sent.remedy)


def _healthy(url: str) -> Check:
    try:
        with urllib.request.urlopen(
            f"{url.rstrip('/')}/healthz", timeout=_TIMEOUT_SECONDS
        ) as answer:
            return Check(True, "manager", f"{url} answers {answer.status}")
    except (OSError, ValueError) as error:
        remedy = "start `manager-agent serve`, or set MANAGER_API_URL to where it runs"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            remedy = "set SSL_CERT_FILE to the certificate of who signed the manager's"
        return Check(False, "manager", f"{url}: {error}", remedy)
