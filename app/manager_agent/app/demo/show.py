"""Watches the manager and shows what it says: on a terminal live, into a pipe line by line."""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live

from manager_agent.app.demo.provider import Provider
from manager_agent.app.demo.reading import EMPTY, Reading, fetch
from manager_agent.app.demo.ready import DemoFailed
from manager_agent.app.demo.screen import Seen, alert_text, progress_line, screen, story_line
from manager_agent.app.demo.slack_frame import slack_frame
from manager_agent.app.demo.story import Told
from manager_agent.app.demo.summary import tokens_served

LOOK_SECONDS = 0.5
LINE_SECONDS = 5.0  # between two lines into a pipe
SILENCE_SECONDS = 15.0  # a server that answers nothing for so long has failed
SETTLE_SECONDS = 5.0  # for what the fleet sent last to appear on the dashboard


class Show:
    """One demonstration as people see it. `up`: when the server was up, `time.monotonic()`."""

    def __init__(
        self, api_url: str, console: Console, *, up: float, told: Sequence[Told] = ()
    ) -> None:
        """`told`: what happens, growing meanwhile."""
        self.seen: list[Seen] = []
        self._told = told
        self._api_url = api_url
        self._console = console
        self._up = up
        self._reading = EMPTY
        self._answered = up
        self._tokens_before: int | None = None

    def up_seconds(self) -> float:
        """Return how long the server has been up."""
        return time.monotonic() - self._up

    def tokens_counted(self) -> int:
        """Return what the manager counted since the first look; before it, earlier runs did."""
        return self._reading.tokens - (self._tokens_before or 0)

    def until(self, seconds: float | None, check: Callable[[], None]) -> None:
        """Show until `seconds` after the server was up, None: for ever.

        `check` is called before every look and may raise. Raises `DemoFailed` where the server
        stops answering.
        """
        live = sys.stdout.isatty() and not self._console.is_dumb_terminal
        show = self._live if live else self._lines
        show(lambda: seconds is None or self.up_seconds() < seconds, check)

    def draw_messages(self) -> None:
        """Draw each alert as Slack shows it; a live screen leaves nothing behind."""
        for entry in self.seen:
            self._console.print(slack_frame(entry.alert))

    def last_reading(self, provider: Provider) -> Reading:
        """Return the dashboard once it holds all that was served, or as it is after a while."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            self._look()
            if self.tokens_counted() >= tokens_served(provider.served):
                break
            time.sleep(LOOK_SECONDS)
        return self._reading

    def _live(self, going: Callable[[], bool], check: Callable[[], None]) -> None:
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while going():
                check()
                self._look()
                live.update(
                    screen(
                        self._reading,
                        self.seen,
                        now=datetime.now(UTC),
                        up_seconds=self.up_seconds(),
                        api_url=self._api_url,
                        told=self._told,
                    ),
                    refresh=True,
                )
                time.sleep(LOOK_SECONDS)

    def _lines(self, going: Callable[[], bool], check: Callable[[], None]) -> None:
        next_line, lines = 0.0, 0
        while going():
            check()
            for each in self._told[lines:]:
                print(story_line(each), flush=True)
            lines = len(self._told)
            for entry in self._look():
                print(alert_text(entry), flush=True)
            if self.up_seconds() >= next_line:
                print(progress_line(self._reading, self.up_seconds()), flush=True)
                next_line += LINE_SECONDS
            time.sleep(LOOK_SECONDS)

    def _look(self) -> list[Seen]:
        """Read the dashboard and return the alerts that are new."""
        try:
            self._reading = fetch(self._api_url)
        except OSError as error:
            if time.monotonic() - self._answered > SILENCE_SECONDS:
                raise DemoFailed(f"the server no longer answers: {error}") from error
            return []
        self._answered = time.monotonic()
        if self._tokens_before is None:
            self._tokens_before = self._reading.tokens
        known = {entry.alert.key for entry in self.seen}
        fresh = [alert for alert in self._reading.alerts if alert.key not in known]
        new = [Seen(alert, self.up_seconds()) for alert in fresh]
        self.seen += new
        return new
