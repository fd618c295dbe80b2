"""In which of the user groups that we care for somebody is; unknown counts as not."""

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog

from manager_agent.delivery.slack.web_api import SlackSaidNoError

_log = structlog.get_logger()

KEPT_SECONDS = 300.0
"""How long an answer of Slack holds: who left a group may decide for so long still."""


class Groups:
    """Members of user groups (`S...`), kept for minutes. Methods: from any thread.

    `members` asks Slack. `clock`: seconds that only grow.
    """

    def __init__(
        self,
        names: Iterable[str],
        members: Callable[[str], frozenset[str]],
        clock: Callable[[], float],
    ) -> None:
        self._names = tuple(sorted(name for name in names if name[:1] == "S"))
        self._members = members
        self._clock = clock
        self._kept: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()
        self.troubles: Mapping[str, str] = {}
        """Groups that Slack does not tell the members of, and why."""

    def of(self, user: str) -> frozenset[str]:
        """Return the groups that hold a user; a group that Slack does not tell of holds nobody."""
        with self._lock:
            return frozenset(name for name in self._names if user in self._of(name))

    def _of(self, name: str) -> frozenset[str]:
        now = self._clock()
        at, found = self._kept.get(name, (None, frozenset[str]()))
        if at is not None and now - at < KEPT_SECONDS:
            return found
        others = {group: why for group, why in self.troubles.items() if group != name}
        try:
            found = self._members(name)
        except SlackSaidNoError as error:
            self.troubles = {**others, name: str(error)}
            _log.warning("a user group of Slack is not known", group=name, error=str(error))
            return frozenset()
        self.troubles = others
        self._kept[name] = (now, found)
        return found
