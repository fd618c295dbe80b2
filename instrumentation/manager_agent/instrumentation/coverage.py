"""The part of `doctor` that says what of this environment's calls is metered, and what is not."""

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from manager_agent.instrumentation.boot import ASKED, DISABLED, is_on
from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.hosts import VARIABLE, added
from manager_agent.instrumentation.interpreter import PTH, pth_here
from manager_agent.instrumentation.run import SITE

_CLIENTS = {"httpx": (0, 23), "httpx2": (2, 0), "requests": (2, 20), "aiohttp": (3, 8)}
_CLIENTS |= {"botocore": (1, 20)}
"""HTTP clients that have a seam, each with the oldest version whose shape it fits."""

_LIBRARIES = {
    "openai": ("httpx2", "httpx"),
    "anthropic": ("httpx2", "httpx"),
    "google-genai": ("httpx2", "httpx", "requests", "aiohttp"),
    "boto3": ("botocore",),
    "litellm": ("httpx", "aiohttp"),
    "mistralai": ("httpx",),
    "groq": ("httpx",),
    "cohere": ("httpx",),
    "ollama": ("httpx",),
    "together": ("httpx", "aiohttp"),
    "huggingface-hub": ("httpx", "requests", "aiohttp"),
}
"""Libraries that call models, each with the clients by which it may do so."""

_OUT_OF_REACH = {
    "google-cloud-aiplatform": "gRPC; its REST transport (api_transport='rest') is metered",
    "google-generativeai": "gRPC; google-genai, which replaces it, is metered",
    "aioboto3": "aiobotocore has a client of its own; boto3 is metered",
    "tritonclient": "gRPC, or a client of its own",
}
"""Libraries that call models by ways that have no seam, and why."""

_NEVER = {
    "websockets": "realtime and Responses over websocket: no request and answer to meter",
    "urllib, http.client, urllib3": "used bare: too many other things pass there",
    "python -S": "runs no start-up code; leave -S out",
    "other languages": "Node and Rust agents send their own telemetry: OTLP to MANAGER_ENDPOINT",
}
"""What no environment is metered for, whatever is installed."""


def coverage(env: Mapping[str, str]) -> Iterator[Check]:
    """Yield how agents are started here, and what of their calls passes a seam."""
    yield _start(env)
    yield from (_library(name) for name in _LIBRARIES if _version(name))
    yield from (_client(name) for name in _CLIENTS if _version(name))
    for name, why in _OUT_OF_REACH.items():
        if _version(name):
            remedy = "its calls count where spans tell of them, and cannot be refused"
            yield _note(f"{name} {_version(name)}", f"not metered: {why}", remedy)
    for name, why in _NEVER.items():
        yield _note("never metered", f"{name}: {why}")
    for error in added(env).errors:
        yield Check(False, VARIABLE, error.removeprefix(f"{VARIABLE}: "), "correct this entry")


def _start(env: Mapping[str, str]) -> Check:
    if is_on(env.get(DISABLED)):
        return _note("start", f"{DISABLED} is set: nothing is metered", f"unset {DISABLED}")
    ways = []
    if str(SITE) in env.get("PYTHONPATH", "").split(os.pathsep):
        ways.append("PYTHONPATH")
    if is_on(env.get(ASKED)) and pth_here():
        ways.append(f"{ASKED} and {PTH}")
    if ways:
        return Check(True, "start", f"Python processes here are metered, by {', '.join(ways)}")
    remedy = f"manager-agent run CMD, or {ASKED}=1, or PYTHONPATH={SITE}"
    if not pth_here():
        remedy = f"manager-agent run CMD, or PYTHONPATH={SITE} ({PTH} is missing here)"
    found = f"{sys.executable} meters nothing by itself in this environment"
    return _note("start", found, remedy)


def _library(name: str) -> Check:
    by = [client for client in _LIBRARIES[name] if _version(client)]
    title = f"{name} {_version(name)}"
    if by:
        return Check(True, title, f"metered, through {', '.join(by)}")
    wanted = " or ".join(_LIBRARIES[name])
    return _note(title, f"not metered: it has none of {wanted}", "update it, or tell us")


def _client(name: str) -> Check:
    oldest = _CLIENTS[name]
    found = tuple(int(part) for part in _version(name).split(".")[:2] if part.isdecimal())
    if found >= oldest:
        return Check(True, f"{name} {_version(name)}", "has a seam")
    needed = ".".join(map(str, oldest))
    return Check(False, f"{name} {_version(name)}", "too old to be metered", f"{name}>={needed}")


def _note(name: str, found: str, remedy: str = "") -> Check:
    return Check(True, name, found, remedy, worth_knowing=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
