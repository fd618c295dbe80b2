"""Requests of any signal, delivered to a live manager in any form that OTLP knows."""

import gzip
import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Literal

import grpc
import httpx
from google.protobuf.json_format import MessageToDict

from manager_agent.receiver.signals import BY_NAME, SIGNALS, SignalName
from tests.harness.otlp import JSON, PROTOBUF

Form = Literal["grpc", "protobuf", "gzip", "deflate", "json"]
FORMS: tuple[Form, ...] = ("grpc", "protobuf", "gzip", "deflate", "json")
_PACK: dict[str, Callable[[bytes], bytes]] = {
    "protobuf": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
_IDS = ("traceId", "spanId", "parentSpanId")


class Courier:
    """Delivers to one manager; safe for use by several threads."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._url = where["otlp_http"]
        self._channel = grpc.insecure_channel(
            where["otlp_grpc"], options=[("grpc.enable_http_proxy", 0)]
        )
        self._export = {s.name: self._channel.unary_unary(s.grpc_method) for s in SIGNALS}
        self._http = httpx.Client(timeout=60, trust_env=False)

    def __enter__(self) -> "Courier":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._http.close()

    def deliver(self, payload: bytes, signal: SignalName, form: Form = "grpc") -> Any:
        """Deliver a request that must be taken; return the signal's response."""
        if form == "grpc":
            answered = self.raw(payload, signal)
            return BY_NAME[signal].response.FromString(answered)
        if form == "json":
            answer = self.post(as_json(payload, signal), signal, JSON)
            assert answer.status_code == 200, answer.text
            return answer.json()
        pack = _PACK[form]
        coding = None if form == "protobuf" else form
        answer = self.post(pack(payload), signal, PROTOBUF, coding)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == PROTOBUF
        return BY_NAME[signal].response.FromString(answer.content)

    def raw(self, payload: bytes, signal: SignalName) -> bytes:
        """Send bytes over gRPC. Raises `grpc.RpcError`, which is also a `grpc.Call`."""
        return bytes(self._export[signal](payload, timeout=60))

    def post(
        self, body: bytes, signal: SignalName, kind: str = PROTOBUF, coding: str | None = None
    ) -> httpx.Response:
        """Send bytes over HTTP."""
        headers = {"content-type": kind} | ({"content-encoding": coding} if coding else {})
        url = f"{self._url}{BY_NAME[signal].http_path}"
        return self._http.post(url, content=body, headers=headers)


def as_json(payload: bytes, signal: SignalName) -> bytes:
    """Return OTLP/JSON: protobuf's own JSON but for the ids, which are hex."""
    document = MessageToDict(BY_NAME[signal].request.FromString(payload))
    _translate(document)
    return json.dumps(document).encode()


def _translate(value: Any) -> None:
    for name, inner in list(value.items()) if isinstance(value, dict) else []:
        if name in _IDS:
            value[name] = b64decode(inner).hex()
        _translate(inner)
    for inner in value if isinstance(value, list) else []:
        _translate(inner)
