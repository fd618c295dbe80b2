"""The keys that say who is told what: routes, quiet hours, webhooks of one's own."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from manager_agent.app.section import Section
from manager_agent.delivery.routing import markup
from manager_agent.delivery.signed import key_of

Severity = Literal["info", "warning", "critical"]


def _several(value: object) -> object:
    """Take one word for a list of one."""
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_several)]
Severities = Annotated[tuple[Severity, ...], BeforeValidator(_several)]


class RouteEntry(Section):
    """Messages that fit all that is named go to `channel`."""

    channel: str = Field(min_length=1)
    """Channel, in quotes because of the #, or its id (C...)."""
    severities: Severities = ()
    """Of these: info, warning, critical. Left out: all."""
    agents: Words = ()
    """About these agents; `team-*` is a pattern. Left out: all, and what is about none."""
    kinds: Words = ()
    """Of these kinds, such as budget or `*_report`. Left out: all."""
    mention: Words = ()
    """Who is mentioned when a critical alert fires: here, channel, a user's id (U...) or a user
    group's (S...)."""

    @field_validator("mention")
    @classmethod
    def _somebody(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            markup(name)
        return names


class QuietHours(Section):
    """When small matters wait; they are told in one at the end. Questions never wait."""

    start: str = Field(alias="from")
    """Begin, such as "22:00", in `timezone`."""
    until: str = Field(alias="to")
    """End, such as "07:00"; before the begin: of the next day."""
    severities: Severities = ("info", "warning")
    """Which wait. Critical ones wait only if named here."""

    @field_validator("start", "until", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        try:
            datetime.strptime(str(value), "%H:%M")
        except ValueError:
            raise ValueError(f'must be a time such as "22:00", in quotes; found {value}') from None
        return value

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.start == self.until:
            raise ValueError("from and to are the same time; leave quiet_hours out for none")
        return self


class WebhookEntry(Section):
    """Another system that gets the messages as signed JSON."""

    url: SecretStr
    """Where they are posted, https://...; redirects are not followed."""
    secret: SecretStr
    """What they are signed with; `openssl rand -hex 32` makes one."""
    name: str | None = None
    """Word for status, logs and metrics; left out: the address's host."""
    severities: Severities = ()
    """Of these: info, warning, critical. Left out: all."""
    agents: Words = ()
    """About these agents; `team-*` is a pattern. Left out: all, and what is about none."""
    kinds: Words = ()
    """Of these kinds. Left out: all."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("must begin with https://")
        return url

    @field_validator("secret")
    @classmethod
    def _is_long(cls, secret: SecretStr) -> SecretStr:
        key_of(secret.get_secret_value())
        return secret
