"""One look at what failed, by a running manager and by a replay alike."""

from datetime import datetime

from manager_agent.analytics.frames import Frames
from manager_agent.rules.issues.error import failures, reach
from manager_agent.rules.issues.issue import Changes
from manager_agent.rules.issues.track import Tracker


def follow(tracker: Tracker, frames: Frames, now: datetime) -> Changes:
    """Have what failed of `frames` taken in at `now` (UTC); return what that changed."""
    errors = failures(frames, tracker.known)
    return tracker.follow(errors.changed, now, reach(frames, now), errors.present)
