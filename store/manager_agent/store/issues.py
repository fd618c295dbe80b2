"""Groups of similar errors, in the control database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Self

from manager_agent.control.rows import Event
from manager_agent.rules.issues.document import (
    counted_of,
    counted_text,
    issue_of,
    issue_text,
    pattern_of,
    pattern_text,
)
from manager_agent.rules.issues.issue import Changes, Issue, Kept
from manager_agent.store.control_file import ControlStoreError, connect, query, transaction
from manager_agent.store.ledger import stored
from manager_agent.store.ledger_rows import query_of, values

_GONE_KEPT_US = 30 * 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an issue that others are to be told of; `issue` is None where it is gone."""

    issue_id: str
    revision: int
    issue: Issue | None


class IssueStore:
    """Keeps issues on SQLite; what `keep` stored is on the disk when it returns.

    Methods may be called from any thread. They raise `KeeperError` where the disk fails; then
    nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        """Open the control database. Raises `ControlStoreError` where it cannot be used."""
        self._path = path
        self._con = connect(path)
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to repeat."""
        with self._lock:
            self._con.close()

    def load(self) -> Kept:
        """Return all that is kept. Raises `ControlStoreError` where it cannot be read."""
        try:
            [(horizon_us, revision)] = self._rows("horizon")
            return Kept(
                tuple(issue_of(text) for (text,) in self._rows("issues")),
                tuple(pattern_of(text) for (text,) in self._rows("patterns")),
                tuple(counted_of(text) for (text,) in self._rows("counted")),
                horizon_us,
                revision,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ControlStoreError(
                f"{self._path}: the issues cannot be read ({error!r}); restore it from a backup"
            ) from error

    def keep(self, changes: Changes, events: Sequence[Event] = ()) -> None:
        """Store changes and what people will ask about, together or not at all."""
        with self._lock, stored(), transaction(self._con):
            self._keep(changes)
            for event in events:
                self._con.execute(query("ledger", query_of(event)), values(event))

    def versions_since(self, revision: int) -> list[Version]:
        """Return each issue whose last version is after `revision`, in order of revision."""
        rows = self._rows("changes_since", revision=revision)
        return [Version(one, at, issue_of(text) if text else None) for one, at, text in rows]

    def _keep(self, changes: Changes) -> None:
        issues = [
            {"issue_id": one.issue_id, "revision": one.revision, "document": issue_text(one)}
            for one in changes.issues
        ]
        issues += [
            {"issue_id": issue_id, "revision": revision, "document": None}
            for issue_id, revision in changes.gone_issues
        ]
        patterns = [
            {"pattern_id": one.template.template_id, "document": pattern_text(one)}
            for one in changes.patterns
        ]
        self._many("keep_issue", issues)
        self._many("keep_pattern", patterns)
        self._many(
            "keep_counted",
            [{"key": one.key, "document": counted_text(one)} for one in changes.counted],
        )
        self._many("forget_pattern", [{"pattern_id": one} for one in changes.gone_patterns])
        self._many("forget_counted", [{"key": key} for key in changes.gone_counted])
        self._many("keep_horizon", [{"horizon_us": changes.horizon_us}])
        self._many("prune", [{"before_us": changes.horizon_us - _GONE_KEPT_US}])

    def _many(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        self._con.executemany(query("issues", name), rows)

    def _rows(self, name: str, **parameters: int) -> list[Any]:
        with self._lock, stored():
            return self._con.execute(query("issues", name), parameters).fetchall()
