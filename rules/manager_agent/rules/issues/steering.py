"""What people do with issues: resolve, merge, split."""

from dataclasses import replace

from manager_agent.rules.issues.fingerprint import fingerprint
from manager_agent.rules.issues.issue import Issue, Pattern, Tally
from manager_agent.rules.issues.life import resolved
from manager_agent.rules.issues.naming import title_of
from manager_agent.rules.issues.templates import new_template
from manager_agent.rules.issues.track import Tracker


class SteeringError(ValueError):
    """It cannot be done to these issues; the message says why, and what can be."""


class UnknownIssueError(SteeringError):
    """There is no such issue."""


def resolve(tracker: Tracker, issue_id: str, by: str, why: str | None, now_us: int) -> Issue:
    """Resolve an issue; the next error of its kind is a regression. Raises `SteeringError`."""
    issue = known(tracker, issue_id)
    if issue.state != "resolved":
        issue = resolved(issue, by, why, now_us)
        tracker.put(issue)
    return issue


def merge(tracker: Tracker, issue_id: str, others: list[str]) -> None:
    """Have the errors of other issues, before and from now on, belong to one. Raises
    `SteeringError`.

    Errors of a kind of their own never merge: an issue is a matter of one kind.
    """
    into = known(tracker, issue_id)
    for other in others:
        found = known(tracker, other)
        if other == issue_id:
            raise SteeringError(f"issue {other} cannot be merged with itself; name another")
        if found.kind != into.kind:
            raise SteeringError(
                f"issue {other} is of kind {found.kind}, {issue_id} of kind {into.kind}; only"
                " issues of one kind can be merged"
            )
    for other in others:
        for pattern in tracker.patterns_of(other):
            tracker.belong(pattern, issue_id)


def split(
    tracker: Tracker, issue_id: str, pattern_id: str, variant: str | None, now_us: int
) -> str:
    """Take a pattern out of an issue, or one wording out of a pattern; return the new issue's id.

    A pattern goes with all that was counted of it; a wording from the next error on. Raises
    `SteeringError`.
    """
    known(tracker, issue_id)
    patterns = {one.template.template_id: one for one in tracker.patterns_of(issue_id)}
    pattern = patterns.get(pattern_id)
    if pattern is None:
        raise SteeringError(
            f"issue {issue_id} has no pattern {pattern_id!r}; it has {', '.join(patterns)}"
        )
    if variant is not None:
        return _apart(tracker, pattern, variant, now_us)
    if len(patterns) == 1:
        raise SteeringError(
            f"issue {issue_id} has no other pattern; name one of its wordings, `variant`, to have"
            " an issue of that"
        )
    new_id = pattern_id
    if new_id in tracker.issues:  # the first pattern names its issue: the rest get another name
        scope = pattern.template.scope
        new_id = fingerprint(pattern.template.version, scope, ("split", pattern_id, str(now_us)))
    template = pattern.template
    tracker.put(Issue(new_id, template.scope, title_of(template), pattern.tally, since_us=now_us))
    tracker.belong(pattern, new_id)
    return new_id


def known(tracker: Tracker, issue_id: str) -> Issue:
    """Return an issue. Raises `UnknownIssueError`."""
    issue = tracker.issues.get(issue_id)
    if issue is None:
        raise UnknownIssueError(
            f"there is no issue {issue_id!r}; GET /api/v1/issues lists those there are"
        )
    return issue


def _apart(tracker: Tracker, pattern: Pattern, variant: str, now_us: int) -> str:
    """Have one wording be a template, and so an issue, of its own from the next error on."""
    if variant not in pattern.variants:
        raise SteeringError(
            f"pattern {pattern.template.template_id} was not seen as {variant!r}; its variants are"
            f" {', '.join(map(repr, pattern.variants))}"
        )
    template = pattern.template
    if template.exact:
        raise SteeringError(f"pattern {template.template_id} is of one wording already")
    tokens = tuple(variant.split(" ")) if variant else ()
    own = new_template(template.version, template.scope, tokens, exact=True)
    tracker.put_pattern(Pattern(own, own.template_id, Tally(now_us, now_us)))
    left = {text: count for text, count in pattern.variants.items() if text != variant}
    tracker.put_pattern(replace(pattern, variants=left))
    return own.template_id
