"""What of the frames is kept from one look to the next."""

from collections.abc import Collection

from manager_agent.analytics.budgets_frame import BudgetsFrame
from manager_agent.analytics.guarded_frame import GuardedFrame
from manager_agent.analytics.hourly import Hourly
from manager_agent.analytics.kept import Kept
from manager_agent.analytics.unpriced_frame import UnpricedFrame
from manager_agent.analytics.usage_frames import UsageFrames


class KeptFrames:
    """Each frame with what it keeps. A frame that keeps something has its place here.

    `hourly`: what is computed from weeks of hours.
    """

    def __init__(self) -> None:
        self.budgets = BudgetsFrame()
        self.guarded = GuardedFrame()
        self.unpriced = UnpricedFrame()
        self.usage = UsageFrames()
        self.hourly = Hourly()

    @property
    def kept(self) -> tuple[Kept, ...]:
        """All that is kept by stretches of time."""
        parts = (self.budgets, self.guarded, self.unpriced, self.usage)
        return tuple(each for part in parts for each in part.kept)

    def touch(self, minutes: Collection[int]) -> None:
        """Forget what these minutes (since 1970) changed."""
        for each in self.kept:
            each.touch(minutes)
        self.hourly.touch(minutes)

    def clear(self) -> None:
        """Forget everything."""
        for each in self.kept:
            each.clear()
        self.hourly.clear()
