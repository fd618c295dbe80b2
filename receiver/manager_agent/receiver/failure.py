"""What the sender of an HTTP request that failed is told: a `google.rpc.Status`, as OTLP asks."""

from google.protobuf.json_format import MessageToJson
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from starlette.responses import Response

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.INVALID_ARGUMENT,
    415: Code.INVALID_ARGUMENT,
    503: Code.UNAVAILABLE,
}


def failure(
    status: int, message: str, kind: str, headers: dict[str, str] | None = None
) -> Response:
    """Return an answer in the request's own content type `kind`; in JSON where that is neither."""
    body = Status(code=_CODES.get(status, Code.INVALID_ARGUMENT), message=message)
    if kind.partition(";")[0].strip().lower() == PROTOBUF:
        return Response(body.SerializeToString(), status, headers, media_type=PROTOBUF)
    return Response(MessageToJson(body, indent=None), status, headers, media_type=JSON)
