"""Where spans and questions go, as the environment says; a token goes to the manager alone."""

import pytest

from manager_agent.instrumentation import destination
from manager_agent.instrumentation.destination import Destination

TOKEN = (("authorization", "Bearer t"),)
PLACES = [
    pytest.param({}, ("127.0.0.1:4317", False, False, ()), id="the manager on this machine"),
    pytest.param(
        {"MANAGER_ENDPOINT": "http://boss:9", "MANAGER_TOKEN": "t"},
        ("boss:9", False, False, TOKEN),
        id="the manager, with its token",
    ),
    pytest.param(
        {"MANAGER_ENDPOINT": "https://boss"}, ("boss:4317", True, False, ()), id="encrypted"
    ),
    pytest.param({"MANAGER_ENDPOINT": "boss:9"}, ("boss:9", False, False, ()), id="no scheme"),
    pytest.param({"MANAGER_ENDPOINT": "http://[::1]:9"}, ("[::1]:9", False, False, ()), id="IPv6"),
    pytest.param(
        {"MANAGER_ENDPOINT": "http://boss:4318"},
        ("boss:4318", False, True, ()),
        id="the manager's port for HTTP",
    ),
    pytest.param(
        {"MANAGER_ENDPOINT": "http://boss:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        ("boss:9", False, False, ()),
        id="the protocol of the user's other exporters is not the manager's",
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "MANAGER_TOKEN": "t"},
        ("collector:4317", False, False, ()),
        id="a collector gets no token",
    ),
    pytest.param(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://boss:4317",
            "MANAGER_ENDPOINT": "http://boss:4317/",
            "MANAGER_TOKEN": "t",
        },
        ("boss:4317", False, False, TOKEN),
        id="unless it is the manager",
    ),
    pytest.param(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:4318/x/v1/traces",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Basic%20x, b=2,odd",
        },
        ("b:4318", False, True, (("authorization", "Basic x"), ("b", "2"))),
        id="what is said of traces comes first",
    ),
    pytest.param(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20other",
            "MANAGER_TOKEN": "t",
        },
        ("127.0.0.1:4317", False, False, TOKEN),
        id="the manager's token wins at the manager",
    ),
    pytest.param(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        },
        ("collector:4318", False, False, ()),
        id="the protocol is as it is said",
    ),
]


@pytest.mark.parametrize(("env", "expected"), PLACES)
def test_where_spans_go(
    env: dict[str, str], expected: tuple[str, bool, bool, tuple[tuple[str, str], ...]]
) -> None:
    to = destination.spans(env)

    assert (to.address, to.secure, to.over_http, to.headers) == expected


def test_questions_go_to_the_manager_whatever_is_said_of_spans() -> None:
    env = {
        "MANAGER_ENDPOINT": "https://boss:7",
        "MANAGER_TOKEN": "t",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
        "OTEL_EXPORTER_OTLP_HEADERS": "x=1",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
    }

    assert destination.manager(env) == Destination(
        "https://boss:7", "boss:7", True, False, TOKEN, "/ca.pem", None, None, True, 3.0
    )


@pytest.mark.parametrize("said", ["soon", "-1", "0"])
def test_a_timeout_that_is_none_is_not_heeded(said: str) -> None:
    assert destination.spans({"OTEL_EXPORTER_OTLP_TIMEOUT": said}).timeout_seconds == 10.0


@pytest.mark.parametrize(
    ("env", "url"),
    [
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"},
            "http://c:4318/v1/traces",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/exact"},
            "http://c:4318/exact",
        ),
    ],
)
def test_the_address_over_http(env: dict[str, str], url: str) -> None:
    assert destination.traces_url(env, destination.spans(env)) == url
