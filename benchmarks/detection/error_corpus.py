"""Errors with known templates, as different emitters tell them: `errors/*.txt`."""

import json
import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from manager_agent.rules.issues.error import Failed
from manager_agent.rules.testing import NOW

FOLDER = Path(__file__).parent / "errors"
TIMES = 8
"""How often each template is told, each time with other values and by another emitter."""

_SLOT = re.compile(r"\{(\w+)\}")
_NAMES = [
    "alpha",
    "invoice",
    "customer",
    "orders",
    "report",
    "budget",
    "weather",
    "summary",
    "draft",
    "tasks",
    "worker",
]
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Template:
    """One line of the corpus: who says it, with which class and status, in which words."""

    source: str
    error_type: str
    status: int | None
    text: str


def templates(name: str) -> list[Template]:
    """Return the templates of `errors/<name>.txt`."""
    found = []
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            source, kind, status, text = line.split(" | ", 3)
            found.append(Template(source, kind, int(status) if status != "-" else None, text))
    return found


def told(name: str, seed: int) -> list[tuple[int, Failed]]:
    """Return errors in a mixed order, each with the number of its template."""
    rng = random.Random(seed)
    found = [
        (number, _failed(rng, template, f"{number}-{time}"))
        for number, template in enumerate(templates(name))
        for time in range(TIMES)
    ]
    rng.shuffle(found)
    return found


def _failed(rng: random.Random, template: Template, key: str) -> Failed:
    model = f"large-model-{rng.choice(['20250101', '20250615', '20251120'])}"
    text = _SLOT.sub(
        lambda slot: model if slot[1] == "model" else _value(rng, slot[1]), template.text
    )
    is_tool = template.source.startswith("tool:")
    kind, status, said = template.error_type, template.status, text
    if not is_tool:
        kind, status, said = rng.choice(_EMITTERS)(template, text, rng)
    return Failed(
        key=f"{'tool' if is_tool else 'call'} {key}",
        ts=NOW - timedelta(minutes=5),
        source="tool" if is_tool else "call",
        agent=rng.choice(["writer", "reader", "planner"]),
        provider="" if is_tool else template.source,
        model="" if is_tool else model,
        tool=template.source.removeprefix("tool:") if is_tool else "",
        error_type=kind,
        http_status=status,
        message=said[:_LONGEST],
        call_id=key,
    )


Told = tuple[str, int | None, str]


def _raw(template: Template, text: str, rng: random.Random) -> Told:
    return template.error_type, template.status, text


def _sdk(template: Template, text: str, rng: random.Random) -> Told:
    """As the SDKs of OpenAI and Anthropic say it: the body as Python shows it."""
    if template.status is None:
        return template.error_type, None, text
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": None}
    body = {"error": error, "request_id": f"req_{_id(rng, 20)}"}
    return (
        f"openai.{template.error_type}",
        template.status,
        f"Error code: {template.status} - {body}",
    )


def _gateway(template: Template, text: str, rng: random.Random) -> Told:
    """As LiteLLM says it."""
    plain = template.error_type.rsplit(".", 1)[-1]
    said = text
    if template.status is not None:
        said = json.dumps({"type": "error", "error": {"type": "api_error", "message": text}})
    return plain, template.status, f"litellm.{plain}: {plain}: SomeException - {said}"


def _chain(template: Template, text: str, rng: random.Random) -> Told:
    """As LangChain's tracer says it: the exception as Python shows it, no status."""
    return template.error_type, None, f"{template.error_type.rsplit('.', 1)[-1]}({text!r})"


def _by_status(template: Template, text: str, rng: random.Random) -> Told:
    """As google-genai says it: the status in place of a class."""
    if template.status is None:
        return template.error_type, None, text
    error = {"error": {"code": template.status, "message": text, "status": "SOME_STATUS"}}
    return str(template.status), template.status, f"{template.status} SOME_STATUS. {error}"


_EMITTERS: tuple[Callable[[Template, str, random.Random], Told], ...] = (
    *(_raw, _raw, _sdk, _sdk, _gateway, _chain, _by_status),
)


def _value(rng: random.Random, slot: str) -> str:
    number = rng.choice([rng.randrange(1, 100), rng.randrange(100, 200_000)])
    name = rng.choice(_NAMES)
    uuid = "-".join(_hex(rng, size) for size in (8, 4, 4, 4, 12))
    values = {
        "n": str(number),
        "f": f"{rng.random() * 50:.2f}",
        "dur": rng.choice(
            [f"{number}ms", f"{rng.random() * 60:.3f}s", f"{rng.randrange(1, 9)}m4.2s"]
        ),
        "word": rng.choice([name, f"{name}_{rng.choice(_NAMES)}", name.capitalize()]),
        "q": f"{name}.{rng.choice(_NAMES)}",
        "table": f"{name}_{rng.choice(_NAMES)}",
        "uuid": uuid,
        "hex": rng.choice([f"0x{_hex(rng, 12)}", f"0x{_hex(rng, 2)}"]),
        "url": f"https://{rng.choice(_NAMES)}.example.com/{name}/{rng.choice(['', _id(rng, 8)])}",
        "host": f"{name}.example.com",
        "ip": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
        "path": f"/srv/{name}/{rng.choice(_NAMES)}.txt",
        "ts": f"2026-11-{rng.randrange(10, 29)}T0{rng.randrange(10)}:15:{rng.randrange(10, 60)}Z",
        "date": f"2026-{rng.randrange(10, 13)}-{rng.randrange(10, 29)}",
        "email": f"{name}@example.com",
        "key": f"sk-{_id(rng, 4)}****{_id(rng, 4)}",
        "id": f"{rng.choice(['rec', 'cus'])}_{_id(rng, 14)}",
        "proj": f"proj-{_id(rng, 6)}",
        "region": rng.choice(["us-east1", "eu-west4", "us-central1"]),
        "arn": f"arn:aws:iam::{rng.randrange(10**11, 10**12)}:user/{name}",
    }
    return values.get(slot) or f"{slot}_{_id(rng, 18)}"


def _id(rng: random.Random, size: int) -> str:
    return rng.choice("0123456789") + "".join(
        rng.choices(string.ascii_letters + string.digits, k=size - 1)
    )


def _hex(rng: random.Random, size: int) -> str:
    return "".join(rng.choices("0123456789abcdef", k=size))
