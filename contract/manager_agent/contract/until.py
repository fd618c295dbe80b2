"""The end of something as people write it: `2h` from now, `17:30` next, or a date and time."""

from datetime import datetime, time, timedelta

from manager_agent.contract.duration import seconds_of


def end_of(text: str, now: datetime) -> datetime:
    """Return when `text` says that it ends; `now` is aware, and its zone is that of the text.

    Raises `ValueError` that says how it is written.
    """
    text = text.strip()
    try:
        return now + timedelta(seconds=seconds_of(text))
    except ValueError:
        pass  # it may be a time of day, or a date
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return _moment(text, now)
    today = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _moment(text: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no end; write it like 2h, 17:30 or 2026-01-31T17:30:00Z"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)
