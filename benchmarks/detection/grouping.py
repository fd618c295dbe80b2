"""How well errors with known templates are grouped: `python -m benchmarks.detection.grouping`.

Right are errors whose issue holds all errors of their template and no others. Over-grouped are
errors in an issue of several templates, under-grouped those of a template in several issues.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.detection.error_corpus import templates, told
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.testing import NOW

SEEDS = range(5)
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of all errors, in percent; `mistakes`: what went together, or apart, in words."""

    right: float
    over: float
    under: float
    mistakes: tuple[str, ...]


def score(name: str, seed: int) -> Score:
    """Return how the errors of one corpus are grouped when they come in one order."""
    errors = told(name, seed)
    numbers = {error.key: number for number, error in errors}
    tracker = Tracker()
    placed: list[tuple[int, str]] = []
    for end in range(_AT_ONCE, len(errors) + _AT_ONCE, _AT_ONCE):
        # All so far, as the frame of the last hour has them; what is counted anew is the new ones.
        so_far = [error for _, error in errors[:end]]
        changes = tracker.follow(so_far, NOW, NOW - timedelta(hours=1))
        placed += [(numbers[one.key], one.template_id) for one in changes.counted]
    return _scored(name, placed)


def _scored(name: str, placed: list[tuple[int, str]]) -> Score:
    templates_of: dict[str, set[int]] = defaultdict(set)
    issues_of: dict[int, set[str]] = defaultdict(set)
    for number, issue in placed:
        templates_of[issue].add(number)
        issues_of[number].add(issue)
    over = sum(len(templates_of[issue]) > 1 for _, issue in placed)
    under = sum(len(issues_of[number]) > 1 for number, _ in placed)
    right = sum(
        len(templates_of[issue]) == 1 and len(issues_of[number]) == 1 for number, issue in placed
    )
    texts = [f"{one.source}: {one.text[:90]}" for one in templates(name)]
    together = {frozenset(each) for each in templates_of.values() if len(each) > 1}
    mistakes = [f"together: {' // '.join(texts[n] for n in sorted(each))}" for each in together]
    mistakes += [f"in {len(each)}: {texts[n]}" for n, each in issues_of.items() if len(each) > 1]
    share = 100 / len(placed)
    return Score(right * share, over * share, under * share, tuple(sorted(mistakes)))


def main() -> None:
    """Print the shares over all seeds; with `-v` also the mistakes of the first, of `known`."""
    for name in ("known", "held_out"):
        scores = [score(name, seed) for seed in SEEDS]
        count = len(templates(name))
        shares = [
            f"{word} {min(each):5.1f} to {max(each):5.1f} %"
            for word, each in (
                ("right", [one.right for one in scores]),
                ("over-grouped", [one.over for one in scores]),
                ("under-grouped", [one.under for one in scores]),
            )
        ]
        print(f"{name:9} {count} templates, {len(SEEDS)} orders: {', '.join(shares)}")
        if "-v" in sys.argv and name == "known":
            print(*scores[0].mistakes, sep="\n")


if __name__ == "__main__":
    main()
