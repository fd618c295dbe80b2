"""Times as the database keeps them: DuckDB's TIMESTAMP, UTC without saying so."""

from datetime import UTC, datetime


def naive(moment: datetime) -> datetime:
    """Return an aware `moment` as it is stored: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(stored: datetime) -> datetime:
    """Return a time that was stored as what it means: UTC, said so."""
    return stored.replace(tzinfo=UTC)
