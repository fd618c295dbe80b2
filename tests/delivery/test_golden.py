"""Messages as people see them. Each file of `golden/` holds a message, and how it looks.

To accept a change of looks: `MANAGER_ACCEPT_GOLDEN=1 pytest tests/delivery/test_golden.py`, then
read the difference.
"""

import asyncio
import io
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from manager_agent.delivery.console import Console
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.fake import fault, mentions
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message

FILES = sorted((Path(__file__).parent / "golden").glob("*.json"))


def message_of(written: dict[str, Any]) -> Message:
    return Message(**{**written, "ts": datetime.fromisoformat(written["ts"])})


def looks(message: Message) -> dict[str, Any]:
    stream = io.StringIO()
    assert asyncio.run(Console(stream).send(message))
    shown = card(message)
    return {
        "console": stream.getvalue().splitlines(),
        "slack": {
            "text": fallback(shown),
            "blocks": [block.to_dict() for block in blocks(shown)],
        },
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.replace("_", " "))
def test_looks_as_agreed(path: Path) -> None:
    golden = json.loads(path.read_text("utf-8"))
    found = looks(message_of(golden["message"]))

    if os.environ.get("MANAGER_ACCEPT_GOLDEN"):
        accepted = {"message": golden["message"], **found}
        path.write_text(json.dumps(accepted, indent=1, ensure_ascii=False) + "\n", "utf-8")
        golden = accepted
    assert found == {"console": golden.get("console"), "slack": golden.get("slack")}
    assert fault(found["slack"]) is None
    assert mentions(found["slack"]) == []


def test_there_are_messages_to_look_at() -> None:
    assert len(FILES) >= 8
