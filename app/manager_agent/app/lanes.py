"""The notifiers as the configuration names them, each with its plan."""

from collections.abc import Callable
from datetime import datetime, time

from manager_agent.app.settings import Settings
from manager_agent.delivery import SlackNotifier
from manager_agent.delivery.console import Console
from manager_agent.delivery.lane import Lane, never_quiet
from manager_agent.delivery.notifier import Notifier
from manager_agent.delivery.routing import Quiet, Route, channels, mentions, wanted
from manager_agent.delivery.signed import SignedWebhook
from manager_agent.delivery.slack.bot import SlackBot, no_picture
from manager_agent.delivery.slack.posts import Posts
from manager_agent.rules.message import Message

SLACK_PACE_SECONDS = 1.0
"""Slack takes one message a second in one channel."""

Picture = Callable[[Message], bytes | None]


def lanes(
    settings: Settings,
    posts: Posts,
    clock: Callable[[], datetime],
    picture: Picture = no_picture,
) -> list[Lane]:
    """Return every notifier that is configured, with its plan; the console first."""
    return [Lane(Console()), *_slack(settings, posts, clock, picture), *_webhooks(settings, clock)]


def _slack(
    settings: Settings, posts: Posts, clock: Callable[[], datetime], picture: Picture
) -> list[Lane]:
    slack = settings.slack
    after = slack.digest_after_minutes * 60
    quiet = _quiet(settings)
    if slack.bot_token is None:
        if slack.webhook_url is None:
            return []
        # A legacy webhook refuses a channel that is not there: name one only if the user did.
        named = slack.channel if "channel" in slack.model_fields_set else None
        url = slack.webhook_url.get_secret_value()
        notifier = SlackNotifier(url, named, dashboard_url=slack.dashboard_url)
        return [Lane(notifier, quiet=quiet, pace_seconds=SLACK_PACE_SECONDS, digest_after=after)]
    routes = [
        Route(one.channel, one.severities, one.agents, one.kinds, one.mention)
        for one in slack.routes
    ]

    def lane(channel: str) -> Lane:
        bot = SlackBot(
            slack.bot_token.get_secret_value() if slack.bot_token else "",
            channel,
            posts,
            clock,
            api_url=slack.api_url,
            mention=lambda message: mentions(routes, channel, message),
            picture=picture,
            dashboard_url=slack.dashboard_url,
            interactive=bool(slack.app_token or slack.signing_secret),
        )
        wants = wanted(routes, slack.channel, channel)
        return Lane(bot, wants, quiet, SLACK_PACE_SECONDS, after, bot.has_card)

    return [lane(channel) for channel in channels(routes, slack.channel)]


def _quiet(settings: Settings) -> Callable[[Message, datetime], datetime | None]:
    hours = settings.slack.quiet_hours
    if hours is None:
        return never_quiet
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.until)
    return Quiet(start, end, settings.zone, frozenset(hours.severities)).until


def _webhooks(settings: Settings, clock: Callable[[], datetime]) -> list[Lane]:
    found: list[Lane] = []
    for entry in settings.webhooks:
        url, secret = entry.url.get_secret_value(), entry.secret.get_secret_value()
        hook: Notifier = SignedWebhook(url, secret, clock, name=entry.name)
        route = Route("", entry.severities, entry.agents, entry.kinds)
        found.append(Lane(hook, route.takes))
    return found
