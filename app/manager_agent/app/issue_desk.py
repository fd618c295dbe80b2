"""Issues of a running manager: followed at each look, changed by people, kept in the store."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from manager_agent.analytics.frames import Frames
from manager_agent.contract.budget import BudgetPolicy
from manager_agent.control.rows import Event
from manager_agent.rules.issues import steering
from manager_agent.rules.issues.following import follow
from manager_agent.rules.issues.issue import Issue, Pattern, micros
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.issues.view import IssueView, frame_of, views
from manager_agent.store.issues import IssueStore


@dataclass(frozen=True, slots=True)
class _Shown:
    """The issues at one moment; may be read from any thread."""

    issues: tuple[Issue, ...] = ()
    patterns: tuple[Pattern, ...] = ()


class IssueDesk:
    """Follows the errors of each look; safe for use by several threads.

    Its methods raise what the store raises; then nothing has changed.
    """

    def __init__(
        self, store: IssueStore, policy: Callable[[], BudgetPolicy], clock: Callable[[], datetime]
    ) -> None:
        """`policy`: the limits that hold, for agents' priorities and the time zone."""
        self._store = store
        self._policy = policy
        self._clock = clock
        self._lock = Lock()
        self._tracker: Tracker | None = None
        self._shown = _Shown()

    def follow(self, frames: Frames, now: datetime) -> Frames:
        """Take in what failed; return the frames with the issues that are not resolved."""
        with self._lock:
            tracker = self._known()
            self._tracker = None  # until its changes are stored
            changes = follow(tracker, frames, now)
            if changes:
                self._store.keep(changes)
            self._show(tracker)
        return replace(frames, issues=frame_of(self._seen(now, resolved=False)))

    def all(self) -> list[IssueView]:
        """Return every issue as it is seen now, what matters most first."""
        return self._seen(self._clock(), resolved=True)

    def resolve(self, issue_id: str, by: str, why: str) -> None:
        """Resolve an issue. Raises `SteeringError`, as do the others."""

        def do(tracker: Tracker, now_us: int) -> Event:
            before = steering.known(tracker, issue_id).state
            steering.resolve(tracker, issue_id, by, why or None, now_us)
            return Event(now_us, "resolve_issue", issue_id, before, "resolved", by, why or None)

        self._change(do)

    def merge(self, issue_id: str, others: list[str], by: str, why: str) -> None:
        """Have the errors of `others` belong to one issue."""

        def do(tracker: Tracker, now_us: int) -> Event:
            steering.merge(tracker, issue_id, others)
            said = ", ".join(others)
            return Event(now_us, "merge_issues", issue_id, said, issue_id, by, why or None)

        self._change(do)

    def split(self, issue_id: str, pattern: str, variant: str | None, by: str, why: str) -> str:
        """Take a pattern, or one wording of it, out of an issue; return the new issue's id."""
        made = ""

        def do(tracker: Tracker, now_us: int) -> Event:
            nonlocal made
            made = steering.split(tracker, issue_id, pattern, variant, now_us)
            return Event(now_us, "split_issue", issue_id, issue_id, made, by, why or None)

        self._change(do)
        return made

    def _change(self, do: Callable[[Tracker, int], Event]) -> None:
        with self._lock:
            now_us = micros(self._clock())
            tracker = self._known()
            event = do(tracker, now_us)
            self._tracker = None  # until its changes are stored
            self._store.keep(tracker.changes(now_us), [event])
            self._show(tracker)

    def _known(self) -> Tracker:
        return self._tracker or Tracker(self._store.load())

    def _show(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._shown = _Shown(tuple(tracker.issues.values()), tuple(tracker.patterns.values()))

    def _seen(self, now: datetime, *, resolved: bool) -> list[IssueView]:
        shown = self._shown
        wanted = [one for one in shown.issues if resolved or one.state != "resolved"]
        return views(wanted, shown.patterns, now, self._policy())
