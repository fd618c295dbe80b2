"""Groups errors into issues as they come: what is known and errors in, changes out.

Each error is counted once. What was counted in the last hour is remembered by its key, with what
was counted of it: an error that is corrected is taken back and counted anew, one that turns out to
be none is taken back. An error that began before the horizon is final.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import TypeVar

from manager_agent.rules.issues.counting import seen, total, unseen
from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.fingerprint import Scope, scope_of
from manager_agent.rules.issues.issue import (
    Changes,
    Counted,
    Issue,
    Kept,
    Pattern,
    Tally,
    micros,
)
from manager_agent.rules.issues.life import Terms, aged, back, forgettable
from manager_agent.rules.issues.mask import Masking, masked, tokens_of
from manager_agent.rules.issues.naming import title_of
from manager_agent.rules.issues.templates import Template, Templates
from manager_agent.rules.issues.unwrap import alike, said

T = TypeVar("T")


@lru_cache(8192)
def _words(sentence: str) -> tuple[str, ...]:
    return tokens_of(masked(sentence))


def _first(message: str) -> tuple[str, ...]:
    return _words(said(alike(message)))


VERSIONS: Mapping[int, Masking] = MappingProxyType({1: _first})
"""Ways from what an error says to its words. One that is improved is added under a new number, and
the old one stays: it finds the errors of the issues that began with it, so none is regrouped."""


class Tracker:
    """What is known of issues, in memory. Not for several threads.

    After `changes` were not stored, the tracker is to be made anew of what is stored.
    """

    def __init__(
        self,
        kept: Kept | None = None,
        terms: Terms | None = None,
        versions: Mapping[int, Masking] = VERSIONS,
    ) -> None:
        kept = kept or Kept()
        self.terms = terms or Terms()
        self._versions = versions
        self.issues: dict[str, Issue] = {issue.issue_id: issue for issue in kept.issues}
        self.patterns: dict[str, Pattern] = {
            pattern.template.template_id: pattern for pattern in kept.patterns
        }
        self._templates = Templates(pattern.template for pattern in kept.patterns)
        self._counted = {one.key: one for one in kept.counted}
        self._horizon_us = kept.horizon_us
        self._revision = kept.revision
        self._begin()

    def copy(self) -> "Tracker":
        """Return another that knows the same, and goes its own way."""
        kept = Kept(
            issues=tuple(self.issues.values()),
            patterns=tuple(self.patterns.values()),
            counted=tuple(self._counted.values()),
            horizon_us=self._horizon_us,
            revision=self._revision,
        )
        return Tracker(kept, self.terms, self._versions)

    def known(self, key: str) -> str | None:
        """Return the print that an error was counted with lately, None where it was not."""
        one = self._counted.get(key)
        return None if one is None else one.print

    def follow(
        self,
        errors: Sequence[Failed],
        now: datetime,
        since: datetime,
        present: Collection[str] | None = None,
    ) -> Changes:
        """Take in all errors that began after `since` and not after `now`.

        `present`: the keys of all; `errors` may then leave out those that are `known` so.
        """
        now_us = micros(now)
        self._begin()
        self._horizon_us = max(self._horizon_us, micros(since))
        if present is None:
            present = {one.key for one in errors}
        for one in list(self._counted.values()):
            if self._horizon_us < one.ts_us <= now_us and one.key not in present:
                self._take_back(one)
        for error in errors:
            at_us = micros(error.ts)
            if at_us > self._horizon_us:
                self._take(error, at_us, now_us)
        self._count()
        self._forget_counted()
        self._sum_up()
        self._let_time_pass(now_us)
        return self.changes(now_us)

    def changes(self, now_us: int) -> Changes:
        """Return what has changed since the last time, each issue with the revision it gets."""
        self._sum_up()
        for issue_id in self._touched_issues & self.issues.keys():
            self.issues[issue_id] = self._revised(self.issues[issue_id], now_us)
        gone = sorted(self._touched_issues - self.issues.keys())
        found = Changes(
            issues=_known(self.issues, self._touched_issues),
            patterns=_known(self.patterns, self._touched_patterns),
            counted=_known(self._counted, self._touched_counted),
            gone_issues=tuple((issue_id, self._next_revision(now_us)) for issue_id in gone),
            gone_patterns=tuple(sorted(self._touched_patterns - self.patterns.keys())),
            gone_counted=tuple(sorted(self._touched_counted - self._counted.keys())),
            horizon_us=self._horizon_us,
        )
        self._begin()
        return found

    def put(self, issue: Issue) -> None:
        """Let an issue be as it is now."""
        self._touched_issues.add(issue.issue_id)
        self.issues[issue.issue_id] = issue

    def patterns_of(self, issue_id: str) -> list[Pattern]:
        """Return the patterns of an issue, the one seen most first."""
        mine = [one for one in self.patterns.values() if one.issue_id == issue_id]
        return sorted(mine, key=lambda one: (-one.tally.count, one.template.template_id))

    def belong(self, pattern: Pattern, issue_id: str) -> None:
        """Have a pattern, with all that was counted of it, belong to an issue."""
        self._touched_issues |= {pattern.issue_id, issue_id}
        self.put_pattern(replace(pattern, issue_id=issue_id))

    def put_pattern(self, pattern: Pattern) -> None:
        """Let a pattern be as it is now."""
        self._touched_patterns.add(pattern.template.template_id)
        self.patterns[pattern.template.template_id] = pattern
        self._templates.put(pattern.template)

    def _begin(self) -> None:
        self._touched_issues: set[str] = set()
        self._touched_patterns: set[str] = set()
        self._touched_counted: set[str] = set()
        self._new: dict[str, list[Counted]] = {}

    def _take(self, error: Failed, at_us: int, now_us: int) -> None:
        print_ = error.print or _print(error)
        before = self._counted.get(error.key)
        if before is not None:
            if before.print == print_:
                return
            self._count()  # it may be one of those
            self._take_back(before)
        template, changed, variant = self._template(scope_of(error), error.message)
        pattern = self.patterns.get(template.template_id)
        if pattern is None:
            pattern = Pattern(template, template.template_id, Tally(at_us, at_us))
            self.put_pattern(pattern)
        elif changed:
            pattern = replace(pattern, template=template)
            self.put_pattern(pattern)
        one = Counted(
            *(error.key, template.template_id, at_us, error.agent, error.model),
            *(error.cost, error.source, variant, print_),
        )
        issue = self.issues.get(pattern.issue_id) or _begun(pattern, now_us)
        self.put(back(issue, at_us, now_us))
        self._new.setdefault(one.template_id, []).append(one)
        self._counted[one.key] = one
        self._touched_counted.add(one.key)

    def _count(self) -> None:
        """Count what was taken in since the last time, all of a pattern together."""
        new, self._new = self._new, {}
        for template_id, errors in new.items():
            self.put_pattern(seen(self.patterns[template_id], errors))

    def _take_back(self, one: Counted) -> None:
        del self._counted[one.key]
        self._touched_counted.add(one.key)
        pattern = self.patterns.get(one.template_id)
        if pattern is not None:
            self._touched_issues.add(pattern.issue_id)
            self.put_pattern(unseen(pattern, one))

    def _sum_up(self) -> None:
        """Sum up the issues that changed; one of which nothing is left is gone."""
        parts: dict[str, list[Pattern]] = {issue_id: [] for issue_id in self._touched_issues}
        for pattern in self.patterns.values():
            if pattern.issue_id in parts:
                parts[pattern.issue_id].append(pattern)
        for issue_id, mine in parts.items():
            left = [one.tally for one in mine if one.tally.count > 0]
            if left and issue_id in self.issues:
                self.issues[issue_id] = replace(self.issues[issue_id], sum=total(left))
            else:
                self._forget({issue_id})

    def _template(self, scope: Scope, message: str) -> tuple[Template, bool, str]:
        """Return the template of a message, whether it is new or wider now, and its words."""
        newest = max(self._versions)
        words = {version: way(message) for version, way in self._versions.items()}
        for version in sorted(words):
            if version != newest:
                found = self._templates.match(version, scope, words[version])
                if found is not None:
                    return found, False, " ".join(words[version])
        template, changed = self._templates.learn(newest, scope, words[newest])
        return template, changed, " ".join(words[newest])

    def _forget_counted(self) -> None:
        old = [key for key, one in self._counted.items() if one.ts_us <= self._horizon_us]
        for key in old:
            del self._counted[key]
        self._touched_counted.update(old)

    def _let_time_pass(self, now_us: int) -> None:
        for issue in list(self.issues.values()):
            older = aged(issue, now_us, self.terms)
            if older is not issue or issue.dirty:
                self.put(older)
        gone = {
            issue.issue_id
            for issue in self.issues.values()
            if forgettable(issue, now_us, self.terms)
        }
        self._forget(gone | self._too_many(len(self.issues) - len(gone)))

    def _too_many(self, left: int) -> set[str]:
        """Return the issues to let go of for want of room: resolved ones first, then quiet ones."""
        excess = left - self.terms.most_issues
        if excess <= 0:
            return set()
        order = sorted(
            self.issues.values(), key=lambda one: (one.state != "resolved", one.sum.last_us)
        )
        return {issue.issue_id for issue in order[:excess]}

    def _forget(self, gone: set[str]) -> None:
        """Let go of issues, with their templates."""
        if not gone:
            return
        self._touched_issues |= gone
        for issue_id in gone:
            self.issues.pop(issue_id, None)
        for template_id, pattern in list(self.patterns.items()):
            if pattern.issue_id in gone:
                del self.patterns[template_id]
                self._templates.forget(template_id)
                self._touched_patterns.add(template_id)

    def _revised(self, issue: Issue, now_us: int) -> Issue:
        """Return an issue with a new revision if others should hear of it now, else marked."""
        mark = f"{issue.state} {issue.regressions}"
        if issue.told == mark and now_us - issue.revision < self.terms.told_us:
            return replace(issue, dirty=True)
        return replace(issue, revision=self._next_revision(now_us), told=mark, dirty=False)

    def _next_revision(self, now_us: int) -> int:
        """Return a revision above all before: microseconds since 1970 where the clock allows."""
        self._revision = max(self._revision + 1, now_us)
        return self._revision


def _known(of: Mapping[str, T], keys: Iterable[str]) -> tuple[T, ...]:
    return tuple(of[key] for key in sorted(keys) if key in of)


def _begun(pattern: Pattern, now_us: int) -> Issue:
    """Return a new issue without errors yet. Its id is that of its first template."""
    template = pattern.template
    title = title_of(template)
    return Issue(pattern.issue_id, template.scope, title, pattern.tally, since_us=now_us)


def _print(error: Failed) -> str:
    return blake2b(repr(error).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
