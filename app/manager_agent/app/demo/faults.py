"""What goes wrong on purpose: for all requests, or for one that asks for it in its headers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from manager_agent.app.demo.wire import BadRequest

HEADER = "x-fake-"
_TRUE = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Faults:
    """Switches; those that are off change nothing.

    `fail_first`: so many attempts of every request fail before one succeeds. `fail_every`: every
    n-th attempt fails, 1: all of them. `fail_status`: what they answer. `retry_after_ms`: when the
    client may come again, 0: not said. `bill_errors`: they count as billed, as some providers do.
    `cut_after`: the connection of a stream is closed after so many events. `no_usage`: no answer
    tells usage; `zero_usage`: each says 0; `usage_every`: only every n-th tells it. `bill_left`: a
    stream that ends early is billed to its end. `hang_seconds`: before any answer; who has gone by
    then is billed. `chunk_seconds`: between two events of a stream. `encoding`: `gzip`, `deflate`,
    `br` or `zstd`, asked for or not. `input_tokens`, `output_tokens`: what each call uses (no more
    output than it allows), so that all cost the same; 0: as counted, as drawn.
    """

    fail_first: int = 0
    fail_every: int = 0
    fail_status: int = 500
    retry_after_ms: int = 0
    bill_errors: bool = False
    cut_after: int | None = None
    no_usage: bool = False
    zero_usage: bool = False
    usage_every: int = 0
    bill_left: bool = False
    hang_seconds: float = 0.0
    chunk_seconds: float = 0.0
    encoding: str = ""
    input_tokens: int = 0
    output_tokens: int = 0

    def tells_usage(self, number: int) -> bool:
        """Tell whether the answer to the `number`-th of all requests says what was used."""
        return not self.no_usage and not (self.usage_every and number % self.usage_every)

    def fails(self, attempt: int, number: int) -> bool:
        """Tell whether the `attempt`-th of a request, the `number`-th of all, shall fail."""
        every = bool(self.fail_every) and number % self.fail_every == 0
        return every or attempt <= self.fail_first


NO_FAULTS = Faults()


def asked_for(settings: Faults, headers: Mapping[str, str]) -> Faults:
    """Return `settings` with what headers such as `x-fake-cut-after: 3` change.

    Raises `BadRequest` for a switch that does not exist, or a value it cannot have.
    """
    said = {name: text for name, text in headers.items() if name.startswith(HEADER)}
    if not said:
        return settings
    return switched(
        settings, {n.removeprefix(HEADER).replace("-", "_"): t for n, t in said.items()}
    )


def switched(settings: Faults, texts: Mapping[str, str]) -> Faults:
    """Return `settings` with switches set from texts; raises `BadRequest`."""
    known = {field.name for field in fields(Faults)}
    changed: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in known:
            raise BadRequest(f"no fault is called {name!r}; there are {', '.join(sorted(known))}")
        changed[name] = _value(name, text)
    return replace(settings, **changed)


def _value(name: str, text: str) -> Any:
    default = getattr(NO_FAULTS, name)
    try:
        if isinstance(default, bool):
            return _TRUE[text.lower()]
        return text if isinstance(default, str) else float(text) if _timed(name) else int(text)
    except (KeyError, ValueError) as error:
        raise BadRequest(f"fault {name}: {text!r} is no value it can have") from error


def _timed(name: str) -> bool:
    return name.endswith("_seconds")
