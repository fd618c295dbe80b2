"""Which requests are LLM calls: by host and path, from tables and the user's `MANAGER_LLM_HOSTS`.

`MANAGER_LLM_HOSTS` adds servers that speak a known protocol: vLLM, Ollama, gateways, mocks.

    MANAGER_LLM_HOSTS="localhost:11434=openai,*.llm.corp.example=openai,gw:8080=anthropic"
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import get_args
from urllib.parse import unquote

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.endpoint import Api, Endpoint, Kind
from manager_agent.instrumentation.host_table import (
    DEFAULT_PROVIDER,
    GEMINI_VERBS,
    HOSTS,
    OPERATIONS,
    PATHS,
)

VARIABLE = "MANAGER_LLM_HOSTS"
_APIS: tuple[Api, ...] = get_args(Api)
_HOST = re.compile(r"(?:\*\.)?[\w.-]+|\[[0-9a-f:.]+\]", re.I)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of one host: who adds a server by one of them means it by all."""
_KEPT = 2048  # addresses whose answer is remembered; a full table is begun anew
_TELLING = ("/chat/completions", "/v1/messages", "/v1/responses", "/embeddings", ":generateContent")
_SDK_HEADERS = ("x-stainless-lang", "anthropic-version", "x-goog-api-client")


@dataclass(frozen=True, slots=True)
class Route:
    """One host as configured: where `host` matches (and `port`, if any), `api` is spoken."""

    host: str
    port: int | None
    provider: str
    api: Api


@dataclass(frozen=True, slots=True)
class Added:
    """What `MANAGER_LLM_HOSTS` says: its routes in order, and what is wrong with the others."""

    routes: tuple[Route, ...]
    errors: tuple[str, ...]


def added(env: Mapping[str, str]) -> Added:
    """Read `MANAGER_LLM_HOSTS`; each error names the entry, what is wrong and what to write."""
    routes, errors = list[Route](), list[str]()
    for entry in env.get(VARIABLE, "").split(","):
        if entry.strip():
            found = _entry(entry.strip())
            (routes if isinstance(found, Route) else errors).append(found)  # type: ignore[arg-type]
    return Added(tuple(routes), tuple(errors))


def _entry(entry: str) -> Route | str:
    address, equals, spoken = (part.strip() for part in entry.partition("="))
    api = next((known for known in _APIS if known == spoken.lower()), None)
    example = "write host[:port]=openai, anthropic, gemini or bedrock"
    if not equals or api is None:
        return f"{VARIABLE}: {entry!r}: the API is missing or unknown; {example}"
    if "://" in address or "/" in address:
        return f"{VARIABLE}: {entry!r}: a host is wanted, not a URL; {example}"
    host, port = address, None
    head, colon, tail = address.rpartition(":")
    if colon and not tail.endswith("]"):
        if not tail.isdecimal() or not 0 < int(tail) < 65536:
            return f"{VARIABLE}: {entry!r}: {tail!r} is not a port; {example}"
        host, port = head, int(tail)
    if not _HOST.fullmatch(host):
        return f"{VARIABLE}: {entry!r}: {host!r} is not a host; {example}"
    return Route(host.strip("[]").lower(), port, DEFAULT_PROVIDER[api], api)


class Hosts:
    """Answers which endpoint an address is, and remembers; safe to use from several threads."""

    def __init__(self, routes: tuple[Route, ...] = ()) -> None:
        """Know the hosts of the table and, before them, those of `routes`."""
        table = (Route(host, None, by, api) for host, by, apis in HOSTS for api in apis)
        exact: dict[str, list[Route]] = {}
        wild: list[tuple[re.Pattern[str], Route]] = []
        self._order = {route: place for place, route in enumerate((*table, *routes))}
        for route in self._order:
            if "*" in route.host:
                wild.append((re.compile(translate(route.host)), route))
            else:
                exact.setdefault(route.host, []).append(route)
        self._exact, self._wild = exact, wild
        self._any_wild = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in wild))
        self._hosts: dict[tuple[str, int], tuple[Route, ...]] = {}
        self._seen: dict[tuple[str, int, str, str], Endpoint | None] = {}

    def find(self, host: str, port: int, path: str, method: str) -> Endpoint | None:
        """Return what is called at this address, None where it is not an LLM call."""
        routes = self._hosts.get((host, port))
        if routes is None:
            routes = self._routes(host, port)
        if not routes or method != "POST":
            return None
        key = (host, port, path, method)
        try:
            return self._seen[key]
        except KeyError:
            found = next(filter(None, (_endpoint(r, host, port, path) for r in routes)), None)
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[key] = found
            return found

    def knows(self, host: str, port: int) -> bool:
        """Say whether anything at this host may be a call."""
        return bool(self._routes(host, port))

    def _routes(self, host: str, port: int) -> tuple[Route, ...]:
        """Return the routes of a host, the latest first, and remember them."""
        name = host.lower().rstrip(".")
        names = _LOOPBACK if name in _LOOPBACK else (name,)
        matching = [route for each in names for route in self._exact.get(each, ())]
        if self._any_wild.match(name):
            matching += [route for pattern, route in self._wild if pattern.match(name)]
        fitting = (route for route in matching if route.port in (None, port))
        routes = tuple(sorted(fitting, key=self._order.__getitem__, reverse=True))
        if len(self._hosts) >= _KEPT:
            self._hosts.clear()
        self._hosts[(host, port)] = routes
        return routes


def _endpoint(route: Route, host: str, port: int, path: str) -> Endpoint | None:
    path = path.partition("?")[0].rstrip("/")
    head, _, last = path.rpartition("/")
    if ":" in last or (route.api == "gemini" and "%3A" in last):
        return _verb(route, host, port, head, unquote(last))
    kinds = PATHS[route.api]
    kind = kinds.get(f"{head.rpartition('/')[2]}/{last}") or kinds.get(last)
    if kind is None:
        return None
    model, streaming = None, False
    if route.api == "bedrock":
        before, _, named = head.rpartition("/")
        if not before.endswith("/model"):
            return None
        model, streaming = unquote(named), last.endswith("stream")
    elif "/deployments/" in head:  # Azure: the deployment is what the call asks for
        model = unquote(head.partition("/deployments/")[2].partition("/")[0]) or None
    return _made(route, kind, host, port, model, streaming)


def _verb(route: Route, host: str, port: int, head: str, last: str) -> Endpoint | None:
    """Return what Google's `…/models/M:verb` is, for the protocol of this route."""
    model, _, verb = last.rpartition(":")
    maker = head.rpartition("/publishers/")[2].partition("/")[0] if "/publishers/" in head else ""
    if verb in ("rawPredict", "streamRawPredict"):
        spoken: Api = "anthropic" if maker == "anthropic" else "openai"
        if route.api != spoken or model == "count-tokens" or maker == "google":
            return None
        kind: Kind = "messages" if spoken == "anthropic" else "chat_completions"
        return _made(route, kind, host, port, model, verb == "streamRawPredict")
    if route.api != "gemini":
        return None
    found = _predicted(model) if verb == "predict" else GEMINI_VERBS.get(verb)
    return found and _made(route, found, host, port, model, verb.startswith("stream"))


def _predicted(model: str) -> Kind | None:
    name = model.lower()
    if "embed" in name:
        return "embed_content"
    return "generate_images" if "imagen" in name or "imagegeneration" in name else None


def _made(
    route: Route, kind: Kind, host: str, port: int, model: str | None, streaming: bool
) -> Endpoint:
    operation = OPERATIONS[kind]
    if kind == "invoke_model" and model and "embed" in model:
        operation = "embeddings"
    return Endpoint(
        route.api, kind, route.provider, operation, host.lower(), port, model, streaming
    )


_hosts: Hosts | None = None


def find(host: str, port: int, path: str, method: str) -> Endpoint | None:
    """Return the endpoint of a request, None where it is no LLM call; by this process's table.

    `path` is without query; `method` in capitals. A host that is not known costs a look-up.
    """
    return (_hosts or load(os.environ)).find(host, port, path, method)


def load(env: Mapping[str, str]) -> Hosts:
    """Make the table of this process anew, from `env`; entries that are wrong are logged."""
    global _hosts
    said = added(env)
    for error in said.errors:
        mishap.warn(error, error)
    _hosts = Hosts(said.routes)
    return _hosts


def stranger(host: str, port: int, path: str, headers: Mapping[str, str]) -> None:
    """Count and, once a host, warn of what looks like an SDK's LLM call to a host not known.

    For requests that `find` knows nothing of; most are dismissed by how their path ends.
    """
    if not path.endswith(_TELLING) or not any(name in headers for name in _SDK_HEADERS):
        return
    if (_hosts or load(os.environ)).knows(host, port):
        return
    api = "anthropic" if path.endswith("/v1/messages") else "openai"
    api = "gemini" if path.endswith(":generateContent") else api
    mishap.warn(
        f"unmetered:{host}:{port}",
        f"calls to {host}:{port} are not metered;"
        f" add MANAGER_LLM_HOSTS={host}:{port}={api} to this process's environment",
    )
