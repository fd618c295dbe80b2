"""How a call ended, by what servers and others say."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.grpc_status import (
    Status,
    headers_of,
    of_headers,
    of_reset,
    of_trailers,
    unescaped,
)

GRPC = {":status": "200", "content-type": "application/grpc+proto"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (GRPC, None),
        ({**GRPC, "grpc-status": "5", "grpc-message": "no%20such"}, Status("NOT_FOUND", "no such")),
        ({":status": "404"}, Status("UNIMPLEMENTED", "HTTP 404, which is not of gRPC")),
        ({":status": "502"}, Status("UNAVAILABLE", "HTTP 502, which is not of gRPC")),
        ({":status": "418"}, Status("UNKNOWN", "HTTP 418, which is not of gRPC")),
        ({":status": "²"}, Status("UNKNOWN", "HTTP ², which is not of gRPC")),
        ({}, Status("UNKNOWN", "HTTP , which is not of gRPC")),
        (
            {":status": "200", "content-type": "text/html"},
            Status("UNKNOWN", "the answer is text/html, not of gRPC"),
        ),
        ({":status": "200"}, Status("UNKNOWN", "the answer is of no type, not of gRPC")),
    ],
)
def test_headers(headers: dict[str, str], expected: Status | None) -> None:
    assert of_headers(headers) == expected


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("0", "OK"),
        ("16", "UNAUTHENTICATED"),
        ("17", "UNKNOWN"),
        ("-1", "UNKNOWN"),
        ("x", "UNKNOWN"),
        ("٣", "UNKNOWN"),
        ("999999999999", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_codes(said: str, code: str) -> None:
    assert of_trailers({"grpc-status": said}).code == code


def test_an_answer_without_a_status_is_no_success() -> None:
    assert of_trailers({}).code == "UNKNOWN"


@pytest.mark.parametrize(
    ("code", "name"),
    [(7, "UNAVAILABLE"), (8, "CANCELLED"), (11, "RESOURCE_EXHAUSTED"), (99, "INTERNAL")],
)
def test_resets(code: int, name: str) -> None:
    assert of_reset(code).code == name


@given(st.text())
def test_what_was_percent_encoded_comes_back(text: str) -> None:
    assert unescaped(quote(text, errors="surrogatepass")) == text.encode(
        "utf-8", "surrogatepass"
    ).decode("utf-8", "replace")


@pytest.mark.parametrize("said", ["100%", "%zz", "%", "%e", "a%2"])
def test_what_is_no_code_stays(said: str) -> None:
    assert unescaped(said) == said


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40))))
def test_any_headers_can_be_read(pairs: list[tuple[bytes, bytes]]) -> None:
    found = headers_of(pairs)

    assert set(found) == {key.decode("latin-1") for key, _ in pairs}
    assert of_trailers(found).code
    of_headers(found)


def test_a_long_message_is_cut() -> None:
    assert len(of_trailers({"grpc-status": "2", "grpc-message": "x" * 9999}).message) == 1000
