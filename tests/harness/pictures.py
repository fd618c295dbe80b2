"""Draws every message as Slack shows it, into `docs/pictures/`.

    python -m tests.harness.pictures [--html-only DIR]

Needs Chromium (`chromium`, or what `CHROMIUM` names), and `pngquant` to make the pictures small.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from manager_agent.delivery.catalog import catalog
from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.html import page
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message

NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)
PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
FAMILIES: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "messages-budgets": (
        2,
        ("budget", "burn_rate", "budget_forecast", "pool_exhaustion", "unbudgeted_agent"),
    ),
    "messages-spend": (
        2,
        (
            "cost_spike",
            "cost_spike_threshold",
            "creep",
            "run_cost",
            "unpriced_model",
            "budget_drift",
        ),
    ),
    "messages-loops": (
        2,
        ("infinite_loop", "infinite_loop_threshold", "silent_agent", "telemetry_gap", "clock_skew"),
    ),
    "messages-failures": (
        2,
        ("circuit_breaker", "error_burst", "error_issue", "failure_pattern", "success_rate"),
    ),
    "messages-approvals": (2, ("approval",)),
    "messages-manager": (
        2,
        (
            "manager_trouble",
            "receiver_drops",
            "digest",
            "still_open",
            "deprecated_model",
            "slow_model",
        ),
    ),
    "messages-hourly": (1, ("hourly_summary",)),
    "messages-daily": (1, ("daily_report",)),
    "messages-weekly": (1, ("weekly_report",)),
    "messages-issues": (1, ("issues_report",)),
}
"""Pictures by name: how many columns, and which kinds are on it."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_TALLEST = 6000


def payload(message: Message) -> dict[str, Any]:
    """Return what Slack gets of a message."""
    shown = card(message)
    return {"text": fallback(shown), "blocks": [block.to_dict() for block in blocks(shown)]}


def pages() -> dict[str, tuple[int, str]]:
    """Return each picture's columns and its page of HTML, by name."""
    drawn = {kind for _, kinds in FAMILIES.values() for kind in kinds}
    others = tuple(sorted(set(catalog()) - drawn))
    families = {**FAMILIES, **({"messages-others": (2, others)} if others else {})}
    messages = samples(NOW)
    return {
        name: (columns, page([payload(m) for m in messages if m.kind in kinds], name, columns))
        for name, (columns, kinds) in families.items()
    }


def picture(html: Path, png: Path, width: int) -> None:
    """Have Chromium draw `html` into `png`, and cut off what is empty below."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                os.environ.get("CHROMIUM", "chromium"),
                *_FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={width},{_TALLEST}",
                f"--screenshot={png}",
                html.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main(arguments: list[str]) -> None:
    """Write the pages, and the pictures of them unless only the pages are asked for."""
    only = Path(arguments[1]) if arguments[:1] == ["--html-only"] else None
    folder = only or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, html) in pages().items():
        file = folder / f"{name}.html"
        file.write_text(html, "utf-8")
        if only:
            continue
        png = PICTURES / f"{name}.png"
        PICTURES.mkdir(exist_ok=True)
        picture(file, png, columns * 740 + 40)
        shrink(png)
        print(f"{png.name}: {png.stat().st_size:,} bytes")
    if not only:
        shutil.rmtree(folder)


def shrink(png: Path) -> None:
    """Cut off the empty part below, and store few colours."""
    subprocess.run(
        ["convert", png, "-trim", "-bordercolor", "white", "-border", "16", png], check=True
    )
    subprocess.run(["pngquant", "--force", "--ext", ".png", "64", png], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
