"""Outbox out to Slack and the console. `SlackNotifier` may also be used on its own."""

from manager_agent.delivery.slack.notifier import SlackAlert, SlackNotifier

__all__ = ["SlackAlert", "SlackNotifier"]
