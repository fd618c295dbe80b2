"""Pure: what is written in a cell -> a value. All raise `CellError` with what was found."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"([.,])(\d{1,9})(\d*)")
_NUMBER = re.compile(r"\d{9,19}(\.\d{1,9})?")
_MOST_DIGITS = 30
_FAILED = {"error", "failure", "failed", "fail", "exception"}


class CellError(ValueError):
    """A cell that cannot be read; the message says what was found."""


def nanos(text: str) -> int:
    """Return a time as nanoseconds since 1970 UTC.

    ISO 8601 with up to nine digits of a second, with `T` or a space, UTC where no zone is named;
    or seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
    """
    found = text.strip()
    if _NUMBER.fullmatch(found):
        return _since_1970(Decimal(found))
    fraction = _FRACTION.search(found)
    digits = fraction[2].ljust(9, "0") if fraction else "0"
    whole = _FRACTION.sub("", found, count=1).removesuffix(" UTC")
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError as error:
        raise CellError(f"{text!r} is no time") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int(digits)


def _since_1970(number: Decimal) -> int:
    for size, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if number < size:
            return int(number * factor)
    return int(number)


def whole(text: str) -> int | None:
    """Return a count, None for an empty cell; `1,234` and `12.0` are counts."""
    found = text.strip().replace(",", "")
    if not found or found.lower() in ("null", "none", "nan", "n/a"):
        return None
    number = _decimal(found)
    if number is None or number != number.to_integral_value():
        raise CellError(f"{text!r} is no whole number")
    return int(number)


def nano_usd_of(text: str) -> int | None:
    """Return an amount in USD as nano-USD, None for an empty cell; a $ may stand before it."""
    found = text.strip().replace(",", "").removeprefix("$")
    if not found or found.lower() in ("null", "none", "nan", "n/a"):
        return None
    number = _decimal(found)
    if number is None:
        raise CellError(f"{text!r} is no amount in USD")
    return round(number * 10**9)


def _decimal(text: str) -> Decimal | None:
    """Return a number of a size that makes sense, None for what is none: 1e999999999 is not."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS else None


def milliseconds(text: str) -> float | None:
    """Return a duration in milliseconds, None for an empty cell."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise CellError(f"{text!r} is no number of milliseconds") from error


def failed(text: str) -> bool:
    """Tell whether a status says that a call failed: a word, or an HTTP status from 400 on."""
    found = text.strip().lower()
    return found in _FAILED or (found.isdigit() and int(found) >= 400)
