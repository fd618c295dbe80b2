"""What an error answer says: the provider's own type and message, whatever its shape."""

from typing import Any

from manager_agent.instrumentation.lenient import Json, mapping, objects, parsed, text
from manager_agent.instrumentation.told import Told

LONGEST_MESSAGE = 512


def failed(status: int, body: bytes) -> Told:
    """Return what an answer with the HTTP status of an error tells; a page of HTML only that."""
    found = error_in(parsed(body))
    kind, message = named(found) if found else (None, None)
    return Told(error_type=kind or str(status), error_message=message, complete=True)


def error_in(body: Any) -> Json:
    """Return the error object inside an answer, or an event; empty where it holds none."""
    if isinstance(body, list):  # Gemini's streams are arrays
        body = next(objects(body), None)
    whole = mapping(body)
    inner = whole.get("error")
    if isinstance(inner, str):  # Ollama and some gateways: {"error": "text"}
        return {"message": inner, "type": whole.get("type")}
    if isinstance(inner, dict):
        return inner
    return whole if _tells(whole) else {}


def _tells(whole: Json) -> bool:
    """Whether an object without `error` is one itself: `{"message": ...}` of AWS and vLLM."""
    words = (whole.get(key) for key in ("message", "Message", "detail"))
    return whole.get("object") == "error" or any(isinstance(word, str) for word in words)


def named(error: Json) -> tuple[str | None, str | None]:
    """Return the type and the message of an error object.

    The type is the most telling name: `code` where it is a word, else `status`, else `type`, else
    a code that is a number. Only the field that is meant for a message is taken for one.
    """
    code = error.get("code")
    names = (code, error.get("status"), error.get("type"), error.get("__type"))
    words = (name for name in names if isinstance(name, str) and name and not name.isdigit())
    number = str(code) if isinstance(code, int | str) and not isinstance(code, bool) else None
    said = error.get("message") or error.get("Message") or error.get("detail")
    kind = text(next(words, number))
    # AWS writes `__type` with a namespace: com.amazon.coral.service#ThrottlingException.
    return kind and kind.rpartition("#")[2], text(said, LONGEST_MESSAGE)
