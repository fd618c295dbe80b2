"""The whole configuration: read from a file and the environment, checked, and handed on frozen."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from manager_agent.app.approval_section import Approval
from manager_agent.app.config_error import ConfigError
from manager_agent.app.config_errors import worded
from manager_agent.app.delivery_sections import WebhookEntry
from manager_agent.app.report_section import Reports
from manager_agent.app.sections import (
    Api,
    Breaker,
    BudgetEntry,
    Budgets,
    Fleet,
    Group,
    Monitoring,
    Prices,
    Receiver,
    Section,
    Slack,
    Storage,
    Thresholds,
)
from manager_agent.app.yaml_text import MOST_BYTES, Document, read_yaml
from manager_agent.prices.custom import CustomPrice

DEFAULT_PATH = Path("config/manager_agent.yaml")
"""Read if it is there and no other file is named."""

RuleCheck = Callable[[Mapping[str, Any]], list[str]]
"""What is written under `rules` -> what is wrong with it."""

ENVIRONMENT = {
    "MANAGER_DATA_DIR": ("storage", "data_dir"),
    "SLACK_API_URL": ("slack", "api_url"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_CHANNEL": ("slack", "channel"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_WEBHOOK_URL": ("slack", "webhook_url"),
}
"""Environment variable -> the key it overrides; an empty variable counts as unset."""


def _of_a_rule(value: object) -> object:
    """Refuse what is neither settings nor a list of rules; the rest is the rules' own affair."""
    if isinstance(value, dict | list | None):
        return value
    raise PydanticCustomError("dict_type", "must be a mapping")


RuleSettings = Annotated[Any, BeforeValidator(_of_a_rule)]


class Settings(Section):
    """Everything that may be configured; every key may be left out."""

    agent_budgets: dict[str, BudgetEntry] = Field(default_factory=dict)
    """Limits per agent. `default` applies to each agent that has no entry; an entry replaces it
    whole. Without any entry there are no budgets."""
    thresholds: Thresholds = Thresholds()
    """Simple limits on behaviour."""
    monitoring: Monitoring = Monitoring()
    """How often the manager looks, and when it reports."""
    reports: Reports = Reports()
    """What is reported on its own."""
    slack: Slack = Slack()
    """Where alerts go."""
    webhooks: tuple[WebhookEntry, ...] = ()
    """Other systems that get what Slack gets, as signed JSON."""
    timezone: str = "UTC"
    """Zone of days, months and report hours, such as Europe/Berlin."""
    budgets: Budgets = Budgets()
    """How budgets bind."""
    groups: dict[str, Group] = Field(default_factory=dict)
    """Agents that share limits, by the group's name."""
    fleet: Fleet = Fleet()
    """Limits of all agents together."""
    breaker: Breaker = Breaker()
    """How long calls stop after too many failures."""
    approval: Approval = Approval()
    """Calls that wait for a person's yes."""
    prices: Prices = Prices()
    """Prices of your own, and discounts."""
    receiver: Receiver = Receiver()
    """How telemetry comes in."""
    api: Api = Api()
    """Who may ask."""
    storage: Storage = Storage()
    """Where data lies, and for how long."""
    rules: dict[str, RuleSettings] = Field(default_factory=dict)
    """Settings of each rule under its name; `manager-agent rules explain` lists them. `custom` is a
    list of rules of your own, in SQL."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zones = available_timezones()
        if name not in zones:
            close = get_close_matches(name, zones, n=1)
            meant = f"did you mean {close[0]}?" if close else "write one such as Europe/Berlin"
            raise ValueError(f"is no time zone; {meant}")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of `timezone`."""
        return ZoneInfo(self.timezone)

    @property
    def data_dir(self) -> Path:
        """Return the directory of the databases, with `~` written out."""
        return self.storage.data_dir.expanduser()


def load(
    path: Path | None, env: Mapping[str, str], rule_settings: RuleCheck | None = None
) -> Settings:
    """Return the configuration of the file at `path`, overridden by the environment `env`.

    Without a `path`: of `MANAGER_CONFIG_PATH`, else of config/manager_agent.yaml if it is there,
    else the defaults. `rule_settings` says what is wrong under `rules`. Raises `ConfigError` with
    all problems at once; also where a file that was asked for is not there.
    """
    found = locate(path, env)
    if found is None:
        return parse(b"", "environment", env, rule_settings)
    return parse(_bytes_of(found), str(found), env, rule_settings)


def locate(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return the file that `load` reads, None where there is none and defaults hold."""
    asked = path or (Path(env["MANAGER_CONFIG_PATH"]) if env.get("MANAGER_CONFIG_PATH") else None)
    return asked or (DEFAULT_PATH if DEFAULT_PATH.is_file() else None)


def parse(
    text: bytes, name: str, env: Mapping[str, str], rule_settings: RuleCheck | None = None
) -> Settings:
    """Return the configuration that `text` holds; `name` is what errors call it."""
    document = read_yaml(text)
    problems = list(document.problems)
    if document.data is None and problems:
        raise ConfigError(name, problems)
    try:
        settings = Settings.model_validate(_overridden(document, env))
    except ValidationError as error:
        problems += worded(Settings, error) + _rule_problems(document, rule_settings)
        raise ConfigError(name, problems) from None  # the error itself holds secrets
    problems += _rule_problems(document, rule_settings)
    if problems:
        raise ConfigError(name, problems)
    return settings


def _rule_problems(document: Document, rule_settings: RuleCheck | None) -> list[str]:
    """Return what is wrong under `rules`; its outer shape is the settings' own affair."""
    written = document.data.get("rules") if isinstance(document.data, dict) else None
    if rule_settings is None or not isinstance(written, dict | None):
        return []
    written = written or {}
    known = (dict, list, type(None))
    return rule_settings({str(k): v for k, v in written.items() if isinstance(v, known)})


def custom_prices(settings: Settings) -> list[CustomPrice]:
    """Return the user's own prices as `PriceBook` takes them."""
    return [CustomPrice(**dict(entry)) for entry in settings.prices.custom]


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        why = f"cannot be read ({error.strerror}); name another with --config"
        raise ConfigError(str(path), [why]) from error


def _overridden(document: Document, env: Mapping[str, str]) -> Any:
    """Return the document with the environment's values in place of its own."""
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        return data
    for variable, (section, key) in ENVIRONMENT.items():
        inside = data.get(section)
        if env.get(variable) and (inside is None or isinstance(inside, dict)):
            data = {**data, section: {**(inside or {}), key: env[variable]}}
    return data
