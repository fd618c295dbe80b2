"""The agent's half of `doctor`: can this process reach its manager, and what of it is metered?"""

import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from manager_agent.instrumentation import destination
from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.coverage import coverage
from manager_agent.instrumentation.destination import Destination

if TYPE_CHECKING:
    from manager_agent.instrumentation.sending import Sent

_API = "http://127.0.0.1:5002"
_TIMEOUT_SECONDS = 3.0
_PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-common", "h2")


def checks(env: Mapping[str, str]) -> list[Check]:
    """Return what can be said about this machine as an agent's, by the environment `env`."""
    packages = [_package(name) for name in _PACKAGES]
    return [
        *packages,
        *(_sending(env) if all(each.ok for each in packages) else []),
        _healthy(env.get("MANAGER_API_URL") or _API),
        *coverage(env),
    ]


def main(arguments: Sequence[str] = ()) -> int:
    """Print the checks; return 0 where all is well, 1 otherwise."""
    if arguments:
        print(f"manager-agent doctor: takes no arguments, found {arguments[0]!r}", file=sys.stderr)
        return 2
    return show(checks(os.environ))


def show(found: Sequence[Check]) -> int:
    """Print checks; return 0 where all is well, 1 otherwise."""
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


def _sending(env: Mapping[str, str]) -> list[Check]:
    # Here: without what these need, there is still the rest to tell.
    from manager_agent.instrumentation import sending
    from manager_agent.instrumentation.connecting import reach
    from manager_agent.instrumentation.tls import NoConnectionError

    to, own = destination.spans(env), destination.manager(env)
    try:
        reach(to, _TIMEOUT_SECONDS).close()
    except NoConnectionError as error:
        remedy = "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"
        return [Check(False, "OTLP endpoint", f"{to.address}: {error}", remedy)]
    sent = sending.send_nothing(to, env)
    return [
        Check(True, "OTLP endpoint", f"{to.address} answers"),
        Check(not sent.remedy, "OTLP export", sent.found, sent.remedy),
        _budgets(to, own, sending.ask_manager(own), chosen=bool(env.get("MANAGER_ENDPOINT"))),
    ]


def _budgets(to: Destination, own: Destination, asked: "Sent", *, chosen: bool) -> Check:
    """Say where budgets are asked for: that follows no variable of OpenTelemetry."""
    if to.address == own.address:
        return Check(not asked.remedy, "budgets", asked.found, asked.remedy)
    found = f"spans go to {to.url}, budgets are asked for at {own.url}: {asked.found}"
    remedy = asked.remedy
    if remedy and not chosen:
        remedy = "set MANAGER_ENDPOINT to where the manager runs; without, no budget holds here"
    return Check(not remedy or not chosen, "budgets", found, remedy, worth_knowing=True)


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
