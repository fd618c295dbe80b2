"""The sections of the configuration: what may be written, the defaults, and the manual.

The sentence under each key is its documentation: `config explain`, the annotated sample and the
JSON Schema are made from it. A key left empty means its default.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from manager_agent.app.delivery_sections import QuietHours, RouteEntry
from manager_agent.app.section import Section as Section

_MOST_USD = 9_000_000_000  # what an int64 of nano-USD holds
_MOST_TOKENS = 10**15


def _number(value: object) -> object:
    """Refuse YAML's true and false, which Python counts as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number; true and false are not")
    return value


_Number = BeforeValidator(_number)
Usd = Annotated[Decimal, _Number, Field(ge=0, le=_MOST_USD)]
Tokens = Annotated[int, _Number, Field(ge=0, le=_MOST_TOKENS)]
Share = Annotated[Decimal, _Number, Field(ge=0, le=1)]
Whole = Annotated[int, _Number, Field(ge=1, le=10**9)]
Duration = Annotated[float, _Number, Field(gt=0, le=10**9, allow_inf_nan=False)]
Priority = Annotated[int, _Number, Field(ge=1, le=4)]
Enforcement = Literal["hard", "firm", "soft", "observe"]


class BudgetEntry(Section):
    """Limits of one agent, or of each agent without an entry if the name is `default`."""

    hourly_limit_usd: Usd | None = None
    """Most it may spend in a clock hour, in USD. Left out: no limit, as for all limits."""
    daily_limit_usd: Usd | None = None
    """Most it may spend in a calendar day of `timezone`, in USD."""
    monthly_limit_usd: Usd | None = None
    """Most it may spend in a calendar month of `timezone`, in USD."""
    hourly_token_limit: Tokens | None = None
    """Most tokens, input and output, in a clock hour."""
    daily_token_limit: Tokens | None = None
    """Most tokens in a calendar day."""
    monthly_token_limit: Tokens | None = None
    """Most tokens in a calendar month."""
    priority: Priority = 3
    """Who goes first when money is short: 1 critical, 2 high, 3 medium, 4 low."""
    enforcement: Enforcement | None = None
    """How its limits bind; left out: as `budgets.enforcement` says."""


class Thresholds(Section):
    """Simple limits on behaviour. The first two are noisy by nature: active only if named here."""

    cost_spike_percentage: Annotated[Decimal, _Number, Field(ge=0, le=10**6)] | None = None
    """Alert when an agent's cost in this clock hour is so many percent above its normal: the
    median of its last 24 hours that had calls (at least 3), and at least 0.01 USD."""
    infinite_loop_calls_per_minute: Whole | None = None
    """Alert when one agent makes more calls than this in any 60 seconds."""
    max_consecutive_failures: Whole = 5
    """Failures in a row, of an agent or of a provider's model family, that open its breaker."""


class Monitoring(Section):
    """How often the manager looks, and when it reports."""

    check_interval_seconds: Duration = 30
    """Seconds between two runs of the rules."""
    remind_hours: Duration | None = None
    """Hours between two reminders of the alerts that are still open. Left out: none."""
    summary_interval_minutes: Whole = 60
    """Minutes between two summaries, counted from midnight in `timezone`."""
    daily_report_hour: Annotated[int, _Number, Field(ge=0, le=23)] = 9
    """Hour of the daily report, 0 to 23, in `timezone`."""


class Slack(Section):
    """Where alerts go. Without a webhook or bot token they are printed to the console."""

    webhook_url: SecretStr | None = None
    """Incoming webhook, https://hooks.slack.com/...; SLACK_WEBHOOK_URL overrides it."""
    channel: str = "#alerts"
    """Channel, in quotes because of the #; SLACK_CHANNEL overrides it."""
    bot_token: SecretStr | None = None
    """Bot token (xoxb-...), used instead of the webhook; better given as SLACK_BOT_TOKEN."""
    app_token: SecretStr | None = None
    """App token (xapp-...), for answers by socket; better given as SLACK_APP_TOKEN."""
    signing_secret: SecretStr | None = None
    """Secret that proves answers by HTTP; better given as SLACK_SIGNING_SECRET."""
    api_url: str | None = None
    """Other address of Slack's API, for tests; SLACK_API_URL overrides it."""
    dashboard_url: str | None = None
    """Where people reach the manager's API, https://manager.example:5002: messages link to it."""
    operators: tuple[str, ...] = ()
    """Slack users `U...` and user groups `S...` whose `/manager` commands may change things; empty:
    nobody's."""
    members: tuple[str, ...] = ()
    """Those who may read by `/manager` besides; empty: everyone in the workspace."""

    routes: tuple[RouteEntry, ...] = ()
    """Which messages go to which channel, with a bot token. A message goes to every channel whose
    line it fits; to `channel` where it fits none."""
    quiet_hours: QuietHours | None = None
    """When small matters wait. Left out: never."""
    digest_after_minutes: Duration = 15
    """Messages that waited longer, as after an outage, are told in one."""

    @model_validator(mode="after")
    def _addresses_are_urls(self) -> Self:
        webhook = self.webhook_url.get_secret_value() if self.webhook_url else None
        for key, url in (("webhook_url", webhook), ("api_url", self.api_url)):
            if url and not url.startswith(("https://", "http://")):
                raise ValueError(f"{key} must begin with https://; copy the whole URL from Slack")
        if self.dashboard_url and not self.dashboard_url.startswith(("https://", "http://")):
            raise ValueError(
                f"dashboard_url must begin with https:// or http://, found {self.dashboard_url!r}"
            )
        return self


class Budgets(Section):
    """How budgets bind, for every agent."""

    enforcement: Enforcement = "hard"
    """hard: never over; firm: calls under way may end over it; soft: alerts and slows;
    observe: alerts only."""
    warn_at: tuple[Annotated[Decimal, _Number, Field(gt=0, le=10)], ...] = (
        Decimal("0.5"),
        Decimal("0.8"),
        Decimal("1.0"),
    )
    """Shares of a limit at which people are told, each once per window; 1.0 is all of it."""
    unpriced: Literal["refuse", "ceiling", "allow"] = "ceiling"
    """A model without a price under a limit in USD: refuse its calls, count them at
    `ceiling_usd_per_mtok`, or allow them uncounted."""
    ceiling_usd_per_mtok: Usd = Decimal(100)
    """USD for a million tokens of a model without a price."""
    unreachable: Literal["static", "closed", "open"] = "static"
    """What an agent's gate does without its manager: static: spends the lease it has; closed:
    refuses; open: lets calls pass."""
    max_wait_seconds: Annotated[float, _Number, Field(ge=0, le=600)] = 5
    """Longest a call waits for its budget before it is refused, in seconds."""


class Group(Section):
    """Agents that share limits."""

    agents: tuple[str, ...] = Field(min_length=1)
    """The agents' names."""
    hourly_limit_usd: Usd | None = None
    """Most they may spend together in a clock hour, in USD."""
    daily_limit_usd: Usd | None = None
    """Most they may spend together in a calendar day, in USD."""
    monthly_limit_usd: Usd | None = None
    """Most they may spend together in a calendar month, in USD."""
    hourly_token_limit: Tokens | None = None
    """Most tokens of all of them, input and output, in a clock hour."""
    daily_token_limit: Tokens | None = None
    """Most tokens of all of them in a calendar day."""
    monthly_token_limit: Tokens | None = None
    """Most tokens of all of them in a calendar month."""
    enforcement: Enforcement | None = None
    """How the limits bind; left out: as `budgets.enforcement` says."""
    floors: dict[Priority, Share] = Field(default_factory=dict)
    """Share of the limits kept for agents of a priority (1 to 4) and above."""

    @model_validator(mode="after")
    def _floors_fit(self) -> Self:
        if sum(self.floors.values()) > 1:
            raise ValueError("floors together are above 1; lower one of them")
        return self


class Fleet(Section):
    """Limits of all agents together, seen or not, besides those of their own and their groups'."""

    hourly_limit_usd: Usd | None = None
    """Most that all may spend together in a clock hour, in USD."""
    daily_limit_usd: Usd | None = None
    """Most that all may spend together in a calendar day, in USD."""
    monthly_limit_usd: Usd | None = None
    """Most that all may spend together in a calendar month, in USD."""
    hourly_token_limit: Tokens | None = None
    """Most tokens of all together, input and output, in a clock hour."""
    daily_token_limit: Tokens | None = None
    """Most tokens of all together in a calendar day."""
    monthly_token_limit: Tokens | None = None
    """Most tokens of all together in a calendar month."""
    enforcement: Enforcement | None = None
    """How the limits bind; left out: as `budgets.enforcement` says."""


class Breaker(Section):
    """How long calls stop after too many failures, and what else stops an agent's."""

    base_open_seconds: Duration = 300
    """Seconds a breaker stays open the first time; twice as long each time after."""
    max_open_seconds: Duration = 3600
    """Longest it stays open, in seconds."""
    count_429: bool = False
    """Whether "too many requests" is a failure; otherwise it only slows calls down."""
    failed_usd: Usd = Decimal(5)
    """USD that an agent's failed calls may cost within `failed_seconds`: more opens its breaker,
    where `failed_percent` holds as well. 0: never."""
    failed_seconds: Annotated[float, _Number, Field(ge=10, le=86_400)] = 600
    """Seconds over which `failed_usd` is counted."""
    failed_percent: Annotated[int, _Number, Field(ge=0, le=100)] = 50
    """Share of what the agent spent meanwhile that its failed calls must have cost, in percent:
    where most of it is spent well, stopping it would do more harm. 0: any."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_open_seconds < self.base_open_seconds:
            raise ValueError(
                f"max_open_seconds ({self.max_open_seconds:g}) is below base_open_seconds "
                f"({self.base_open_seconds:g}); raise it"
            )
        return self


class CustomPriceEntry(Section):
    """A price of your own, for one model or a pattern. It is final: discounts do not touch it."""

    provider: str | None = None
    """Whose model; left out: of every provider."""
    model: str | None = None
    """The model's whole name. Give this or `match`."""
    match: str | None = None
    """A pattern such as `llama-3*`. A whole name wins over a pattern."""
    input_usd_per_mtok: Usd
    """USD for a million input tokens."""
    output_usd_per_mtok: Usd
    """USD for a million output tokens; 0 for embeddings."""
    cache_read_usd_per_mtok: Usd | None = None
    """USD for a million tokens read from the cache; left out: as other input."""
    cache_write_usd_per_mtok: Usd | None = None
    """USD for a million tokens written to the cache; left out: as other input."""
    max_output_tokens: Whole | None = None
    """The most that the model generates for one answer, which a call reserves that sets no limit of
    its own; left out: as the maker documents it, else 128,000."""
    context_tokens: Whole | None = None
    """The most that the model takes in; left out: as the maker documents it, else 1,000,000."""
    start: date | None = Field(default=None, alias="from")
    """First day (UTC) on which it holds, such as 2026-12-01. Add a line for a new price instead of
    changing the old one, and history keeps its prices."""

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if bool(self.model) == bool(self.match):
            raise ValueError("needs a model or a match, one of the two")
        return self


class Prices(Section):
    """Prices of your own and discounts; all other prices come from the genai-prices package."""

    custom: tuple[CustomPriceEntry, ...] = ()
    """Your prices, one per line; `manager-agent prices check` prints the lines you need."""
    discounts: dict[str, Share] = Field(default_factory=dict)
    """Share taken off list prices, per provider or `provider/model`: {openai: 0.1} is 10 % off."""


class Tls(Section):
    """Certificates of a server. Files that are renewed are used from the next connection on."""

    cert_file: Path
    """Certificate chain, PEM."""
    key_file: Path
    """Private key, PEM, without a passphrase."""
    client_ca_file: Path | None = None
    """Who signs the certificates that clients must show; left out: clients need none."""


class TokenEntry(Section):
    """A token that clients may show. A text alone is short for `token`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra=lambda made: _or_text(made),
    )

    token: SecretStr | None = None
    """The secret itself. Give this, `token_file` or `token_env`; `manager-agent tokens new` makes
    one."""
    token_file: Path | None = None
    """File that holds it."""
    token_env: str | None = None
    """Environment variable that holds it."""
    agent: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Everything sent with it is booked on this agent; left out: as the spans say."""
    name: str | None = None
    """What it is called in `tokens list` and in logs; left out: the agent."""

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_token(cls, data: object) -> object:
        return {"token": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.token, self.token_file, self.token_env)) != 1:
            raise ValueError("needs a token, a token_file or a token_env, one of the three")
        return self


def _or_text(made: dict[str, Any]) -> None:
    """Tell the JSON Schema that a text may stand for the mapping."""
    mapping = dict(made)
    made.clear()
    made["anyOf"] = [{"type": "string", "format": "password", "writeOnly": True}, mapping]


class Receiver(Section):
    """How telemetry comes in."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is all of IPv4, "::" all there are. Other than loopback needs
    `tls` and `tokens`. --host overrides it."""
    tls: Tls | None = None
    """cert_file, key_file and client_ca_file; left out: no TLS."""
    tokens: tuple[TokenEntry, ...] = ()
    """Tokens of which senders must show one; empty: none needed."""
    allow_insecure: bool = False
    """Whether `host` may be other than loopback without `tls` or `tokens`, because something else
    protects the ports."""
    merge_window_seconds: Duration = 600
    """Seconds in which several spans of one call are still merged; then the call is sealed."""
    capture_content: bool = False
    """Whether prompts and answers are stored. Otherwise only keyed digests and sizes are."""
    max_pending_mib: Whole = 64
    """MiB that may wait to be stored; beyond it senders are told to try again later."""
    journal_mib: Annotated[int, _Number, Field(ge=0, le=10**6)] = 1024
    """MiB on the disk of requests that are acknowledged and not yet in the database, when that
    falls behind; beyond it senders are told to try again later. They are there as they came,
    prompts included, until they are stored. 0: none, every request waits for the database."""
    journal_after_ms: Annotated[int, _Number, Field(ge=1, le=60_000)] = 100
    """Milliseconds that a request waits for the database before it is written to the journal;
    where 32 wait at once, a tenth of it."""
    max_request_mib: Annotated[int, _Number, Field(ge=1, le=1024)] = 64
    """Largest request in MiB."""
    max_window_spans: Annotated[int, _Number, Field(ge=1, le=10**8)] = 200_000
    """Spans remembered for merging, 1.4 kB each, 2 kB where two instrumentations tell of a
    call; beyond it calls are sealed early."""
    keep_attributes: tuple[str, ...] = ()
    """Further span attributes whose values may be stored."""


class Api(Section):
    """Who may ask: the ports of REST, SQL and metrics."""

    host: str = "127.0.0.1"
    """Address to listen on. Other than loopback needs `tls` and `tokens`. --host overrides it."""
    tls: Tls | None = None
    """cert_file, key_file and client_ca_file; left out: no TLS."""
    tokens: tuple[TokenEntry, ...] = ()
    """Tokens of which every request must show one, but for /healthz; empty: none needed."""
    allow_insecure: bool = False
    """Whether `host` may be other than loopback without `tls` or `tokens`, because something else
    protects the ports."""
    names: tuple[str, ...] = ()
    """Further names under which browsers may ask where no tokens are needed; others are refused,
    so that no web page can reach the API under a name of its own."""

    @model_validator(mode="after")
    def _askers_are_no_agents(self) -> Self:
        if any(entry.agent is not None for entry in self.tokens):
            raise ValueError("a token here belongs to no agent; remove `agent`, or use `name`")
        return self


class Storage(Section):
    """Where data lies, and for how long."""

    data_dir: Path = Path("~/.manager-agent")
    """Directory of the databases; --data-dir and MANAGER_DATA_DIR override it."""
    live_days: Whole = 2
    """Days of single spans and calls in the database; older ones move to the archive."""
    archive_days: Whole = 90
    """Days the archive is kept."""
    snapshot_seconds: Duration = 15
    """Seconds between two snapshots for SQL."""
    min_free_mib: Annotated[int, _Number, Field(ge=0, le=10**9)] = 512
    """MiB that stay free on the disk, or a tenth of it where that is less: below it senders are
    told to try again later. A checkpoint needs room for twice the log. 0: never."""
    checkpoint_mib: Annotated[int, _Number, Field(ge=1, le=10**6)] = 32
    """MiB that the log of changes may reach before they are worked into the database. With more,
    commits wait more seldom and for longer; it needs memory, room, and a longer start after a
    crash."""
