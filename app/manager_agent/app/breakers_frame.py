"""The breakers of the fleet as a frame for the rules."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from manager_agent.analytics.frames import BREAKERS
from manager_agent.control.breaker_rows import BreakerView


def breakers_frame(views: Sequence[BreakerView]) -> pl.DataFrame:
    """Return `Frames.breakers`."""
    return pl.DataFrame([_row(view) for view in views], schema=BREAKERS)


def _row(view: BreakerView) -> dict[str, Any]:
    return {
        "key": view.key.text,
        "agent": view.key.agent or None,
        "provider": view.key.provider or None,
        "family": view.key.family or None,
        "state": view.state,
        "reason": view.reason or view.why or None,
        "since": _moment(view.since_us or None),
        "until": _moment(view.held_until_us if view.held else view.until_us),
        "openings": view.openings,
        "failures": view.failures,
        "held_by": view.by or None if view.held else None,
    }


def _moment(us: int | None) -> datetime | None:
    return None if us is None else datetime.fromtimestamp(us / 1e6, UTC)
