"""The members of a JSON body, checked one by one: all that is wrong is told at once."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from manager_agent.api.problem import Problem

LONGEST_TEXT = 500
MOST_TOKENS = 10**12


class Fields:
    """Reads a body; what is wrong is kept until `done` tells it. Missing and null are None."""

    def __init__(self, body: Mapping[str, Any], known: Collection[str]) -> None:
        self._body = body
        self._wrong: list[str] = [
            f"{name!r} is not known; {_meant(name, known)}" for name in body if name not in known
        ]

    def wrong(self, said: str) -> None:
        """Keep something that is wrong."""
        self._wrong.append(said)

    def done(self) -> None:
        """Raise `Problem` where anything was wrong; its `errors` list each."""
        if self._wrong:
            raise Problem(400, "bad-request", "; ".join(self._wrong), errors=self._wrong)

    def text(self, name: str, *, needed: bool = False, longest: int = LONGEST_TEXT) -> str | None:
        """Return a text; one that is longer than `longest` characters is wrong."""
        value = self._body.get(name)
        if value is None or value == "":
            if needed:
                self.wrong(f"{name} is missing; it must be a text")
            return None
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            self.wrong(f"{name} = {_shown(value)} must be a text of at most {longest} characters")
            return None
        return value

    def message(self, name: str) -> str | None:
        """Return a text of any length and lines, cut to `LONGEST_TEXT` characters."""
        value = self._body.get(name)
        if value is None or isinstance(value, str):
            return value[:LONGEST_TEXT] if value else None
        self.wrong(f"{name} = {_shown(value)} must be a text")
        return None

    def whole(self, name: str, least: int = 0, most: int = MOST_TOKENS) -> int | None:
        """Return a whole number from `least` to `most`."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(f"{name} = {_shown(value)} must be a whole number, {least} to {most:,}")
            return None
        return value

    def usd(self, name: str, most: int) -> Decimal | None:
        """Return USD from 0 to `most`, sent as a number or as a text such as "0.25"."""
        value = self._body.get(name)
        if value is None:
            return None
        found = decimal_of(value)
        if found is None or not 0 <= found <= most:
            self.wrong(f"{name} = {_shown(value)} must be USD, a number from 0 to {most:,}")
            return None
        return found

    def number(self, name: str, most: float) -> float | None:
        """Return a number from 0 to `most`."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            self.wrong(f"{name} = {_shown(value)} must be a number from 0 to {most:,.0f}")
            return None
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(f"{name} = {_shown(value)} must be true or false")
            return default
        return value

    def moment(self, name: str, default: datetime) -> datetime:
        """Return an ISO 8601 time, UTC where it names no zone."""
        value = self._body.get(name)
        if value is None:
            return default
        try:
            found = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            self.wrong(f"{name} = {_shown(value)} is no ISO 8601 time, e.g. 2026-01-31T12:00:00Z")
            return default
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def decimal_of(value: object) -> Decimal | None:
    """Return what a JSON number or a text says exactly, None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
