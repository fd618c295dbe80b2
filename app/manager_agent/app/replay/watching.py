"""What looks at the past as a configuration says."""

from collections.abc import Sequence

from manager_agent.app.budget_settings import budget_policy, thresholds
from manager_agent.app.people import breaker_terms
from manager_agent.app.replay.ticks import Watch
from manager_agent.app.settings import Settings
from manager_agent.rules.rule import Rule


def watch_of(settings: Settings, rules: Sequence[Rule]) -> Watch:
    """Return what a manager with these settings and rules would have looked with."""
    return Watch(
        rules,
        budget_policy(settings),
        thresholds(settings),
        breaker_terms(settings),
        settings.breaker.count_429,
    )
