"""How the API behaves as an HTTP server: errors, hosts, bodies, probes, metrics, OpenAPI."""

import asyncio
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from manager_agent.api.app import build, metrics_app
from manager_agent.api.door import host_name, is_loopback
from manager_agent.api.prometheus import exposition, registry
from manager_agent.api.services import Alerting, Health, Issues, People, Services
from manager_agent.contract.metric import Metric, Sample

Live = Any
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/api/v1/agents/", 404, "unknown-agent"),
        ("DELETE", "/api/v1/calls", 405, "method-not-allowed"),
        ("GET", "/api/v1/sql", 405, "method-not-allowed"),
        ("POST", "/api/v1/sql", 415, "unsupported-media-type"),
    ],
)
def test_every_error_is_a_problem(
    server: httpx.Client, method: str, path: str, status: int, kind: str
) -> None:
    response = server.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["type"] == f"urn:manager-agent:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]


def test_a_refused_method_says_which_are_allowed(server: httpx.Client) -> None:
    assert server.get("/api/v1/sql").headers["allow"] == "POST"


def test_an_error_nobody_foresaw_is_logged_and_tells_nothing_of_the_inside(
    services: Services,
) -> None:
    def broken() -> Any:
        raise RuntimeError("password is hunter2")

    with capture_logs() as logs:
        response = _get(build(replace(services, budgets=broken)), "/api/v1/manager/dashboard")

    assert response.status_code == 500
    assert response.headers["content-type"] == PROBLEM
    assert "hunter2" not in response.text
    assert [(log["event"], log["path"], log["exc_info"]) for log in logs] == [
        ("api_error", "/api/v1/manager/dashboard", True)
    ]


def test_no_site_may_read_answers_across_origins(server: httpx.Client) -> None:
    response = server.options(
        "/api/v1/sql",
        headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
    )

    assert response.status_code == 403
    assert response.json()["type"] == "urn:manager-agent:problem:cross-site"
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "hosts", "status"),
    [
        ("localhost", (), 200),
        ("LOCALHOST:5002", (), 200),
        ("127.0.0.1:1", (), 200),
        ("127.9.9.9", (), 200),
        ("[::1]:5002", (), 200),
        ("evil.example", (), 421),
        ("evil.example:5002", (), 421),
        ("127.0.0.1.evil.example", (), 421),
        ("localhost.evil.example", (), 421),
        ("192.168.1.7", (), 421),
        ("[::2]", (), 421),
        ("", (), 421),
        ("manager:5002", ("manager",), 200),
        ("Manager", ("MANAGER",), 200),
        ("other", ("manager",), 421),
        ("other", ("*",), 200),
    ],
)
def test_only_requests_for_this_host_are_answered(
    services: Services, host: str, hosts: tuple[str, ...], status: int
) -> None:
    """A page that points its own name at this machine cannot read it (DNS rebinding)."""
    app = build(replace(services, hosts=frozenset(hosts)))

    assert _get(app, "/healthz", host=host).status_code == status


def test_a_request_without_host_is_refused(server: httpx.Client) -> None:
    url = urlsplit(str(server.base_url))
    raw = http.client.HTTPConnection(url.hostname or "", url.port)
    raw.putrequest("GET", "/healthz", skip_host=True)
    raw.endheaders()
    response = raw.getresponse()
    response.read()
    raw.close()

    assert response.status in (400, 421)


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("A.", "a"), ("[::1]:5", "::1"), ("[::1]", "::1"), ("", ""), ("a", "a")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("2130706433", False),
        ("127.1", False),
        ("local", False),
    ],
)
def test_what_can_only_be_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("content_type", "body", "status", "named"),
    [
        ("text/plain", '{"query": "SELECT 1"}', 415, "text/plain"),
        ("application/x-www-form-urlencoded", "query=SELECT+1", 415, "application/json"),
        ("application/json", "{", 400, "no JSON"),
        ("application/json", "[]", 400, "no JSON object"),
        ("application/json", "\xff", 400, "no JSON"),
        ("application/json", "[" * 200_000, 400, "no JSON"),
        ("application/json", '"' + "x" * (1 << 20) + '"', 413, "1,048,576"),
        ("application/json", "{}", 400, "query must be"),
        ("application/json", '{"query": " "}', 400, "query must be"),
        ("application/json", '{"query": 1}', 400, "query must be"),
        ("application/json", '{"qeury": "SELECT 1"}', 400, "did you mean 'query'"),
        ("application/json", '{"query": "SELECT 1", "params": 1}', 400, "params"),
        ("application/json", '{"query": "SELECT 1", "format": "xml"}', 400, "'xml'"),
        ("application/json", '{"query": "SELECT 1", "format": []}', 400, "format"),
        ("application/json", '{"query": "SELECT 1", "fresh": "yes"}', 400, "'yes'"),
    ],
    ids=range(15),
)
def test_a_wrong_body_is_refused_with_the_reason(
    server: httpx.Client, content_type: str, body: str, status: int, named: str
) -> None:
    response = server.post(
        "/api/v1/sql", content=body.encode("latin-1"), headers={"content-type": content_type}
    )

    assert response.status_code == status
    assert named in response.json()["detail"]


def test_a_body_without_a_length_is_limited_too(server: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    response = server.post(
        "/api/v1/sql", content=endless(), headers={"content-type": "application/json"}
    )

    assert response.status_code == 413


def test_probes(live: Live, client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}

    live.health = Health(False, ("starting", "no disk"))

    response = client.get("/readyz")
    assert (response.status_code, response.json()["reasons"]) == (503, ["starting", "no disk"])
    assert client.get("/healthz").status_code == 200


def test_metrics_on_both_ports(services: Services) -> None:
    for app in (build(services), metrics_app(services)):
        response = _get(app, "/metrics")
        assert 'calls_total{a="b"} 3.0' in response.text
        assert response.headers["content-type"].startswith("text/plain")
        assert response.headers["content-type"].count("charset") == 1
        assert _get(app, "/nothing").headers["content-type"] == PROBLEM


def _get(app: ASGIApp, path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_metrics_as_prometheus_reads_them() -> None:
    found = registry(
        lambda: [
            Metric("calls_total", "counter", "Calls.", [Sample(1, (("agent", 'a"\n'),))]),
            Metric("queue_bytes", "gauge", "Waiting.", [Sample(2.5)]),
            Metric("calls_total", "counter", "Calls.", [Sample(2, (("agent", "b"),))]),
            Metric("nothing_yet", "gauge", "No samples.", []),
        ]
    )

    text = exposition(found, "")[0].decode()

    assert "# TYPE calls_total counter\n" in text
    assert 'calls_total{agent="a\\"\\n"} 1.0\ncalls_total{agent="b"} 2.0\n' in text
    assert "# TYPE queue_bytes gauge\nqueue_bytes 2.5\n" in text
    assert text.count("# HELP calls_total") == 1


def test_metrics_in_open_metrics_where_asked_for() -> None:
    found = registry(lambda: [Metric("calls_total", "counter", "Calls.", [Sample(1)])])

    body, content_type = exposition(found, "application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"calls_total 1.0\n# EOF\n")


DOCUMENT = json.loads((files("manager_agent.api") / "openapi.json").read_text("utf-8"))


def never(name: str, now: datetime, by: str) -> None:
    """End no silence."""


def test_the_document_names_exactly_the_routes(services: Services) -> None:
    people = People(list, print, str, list, print)
    issues = Issues(list, print, print, lambda *asked: "")
    alerting = Alerting(list, print, never, list)
    everything = replace(
        services,
        people=people,
        issues=issues,
        alerting=alerting,
        from_slack=lambda *asked: (200, None),
    )
    served = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in build(everything).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    documented = {(path, method) for path, found in DOCUMENT["paths"].items() for method in found}
    assert documented == served


def test_the_document_is_served_with_the_version(server: httpx.Client) -> None:
    assert server.get("/openapi.json").json()["info"]["version"] == "1.2.3"


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/manager/status", "Status"),
        ("/api/v1/manager/dashboard", "Dashboard"),
        ("/api/v1/agents/planner", "Agent"),
        ("/nothing", "Problem"),
    ],
)
def test_answers_have_exactly_the_documented_members(
    live: Live, client: TestClient, path: str, schema: str
) -> None:

    live.add_call("planner", datetime(2026, 11, 23, 12, 30, tzinfo=UTC))

    same_members(client.get(path).json(), {"$ref": f"#/components/schemas/{schema}"})


def test_calls_have_exactly_the_documented_members(live: Live, client: TestClient) -> None:

    live.add_call("planner", datetime(2026, 11, 23, 12, 30, tzinfo=UTC))

    (call,) = client.get("/api/v1/calls").json()["calls"]

    same_members(call, {"$ref": "#/components/schemas/Call"})


def same_members(value: Any, schema: Mapping[str, Any]) -> None:
    """Compare the names of members, down to those of lists."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) == set(schema["properties"])
        for name, item in value.items():
            same_members(item, schema["properties"][name])
    elif isinstance(value, list):
        for item in value:
            same_members(item, schema["items"])
