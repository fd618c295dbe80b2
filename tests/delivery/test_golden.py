"""Messages as people see them: in Slack, on the console, as plain text.

Each file of `golden/` holds a message and how it looks; each of `golden/kinds/` how the samples of
a kind do. To accept a change: `MANAGER_ACCEPT_GOLDEN=1 pytest tests/delivery/test_golden.py`, then
read the difference.
"""

import asyncio
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from manager_agent.delivery.catalog import catalog
from manager_agent.delivery.console import Console
from manager_agent.delivery.plain import text
from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.fake import fault, mentions
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))
KINDS = GOLDEN / "kinds"
NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)


def message_of(written: dict[str, Any]) -> Message:
    return Message(**{**written, "ts": datetime.fromisoformat(written["ts"])})


def looks(message: Message) -> dict[str, Any]:
    stream = io.StringIO()
    assert asyncio.run(Console(stream).send(message))
    shown = card(message)
    return {
        "console": stream.getvalue().splitlines(),
        "plain": text(message).splitlines(),
        "slack": {
            "text": fallback(shown),
            "blocks": [block.to_dict() for block in blocks(shown)],
        },
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.replace("_", " "))
def test_looks_as_agreed(path: Path) -> None:
    golden = json.loads(path.read_text("utf-8"))
    found = looks(message_of(golden["message"]))

    golden = accepted(path, {"message": golden["message"], **found}) or golden
    assert found == {name: golden.get(name) for name in found}
    assert_slack_takes(found["slack"])


@pytest.mark.parametrize("kind", catalog())
def test_samples_look_as_agreed(kind: str) -> None:
    found = [looks(message) for message in samples(NOW) if message.kind == kind]
    path = KINDS / f"{kind}.json"

    golden = accepted(path, found) or json.loads(path.read_text("utf-8"))
    assert found == golden
    for one in found:
        assert_slack_takes(one["slack"])


def test_no_kind_that_is_gone_is_remembered() -> None:
    assert {path.stem for path in KINDS.glob("*.json")} == set(catalog())


def accepted(path: Path, found: Any) -> Any:
    """Write what was found where somebody accepts it, and return it; None where nobody does."""
    if not os.environ.get("MANAGER_ACCEPT_GOLDEN"):
        return None
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return found


def assert_slack_takes(payload: dict[str, Any]) -> None:
    assert fault(payload) is None
    assert mentions(payload) == []


def test_there_are_messages_to_look_at() -> None:
    assert len(FILES) >= 8
