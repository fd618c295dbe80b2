"""The configuration: users' files load unchanged, mistakes are named all at once with the cure."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.analytics.frames import Thresholds
from manager_agent.app.budget_settings import budget_policy, thresholds
from manager_agent.app.config_error import ConfigError
from manager_agent.app.settings import Settings, custom_prices, load, parse
from manager_agent.contract.budget import Limits

USERS_FILE = b"""
agent_budgets:
  default:
    hourly_limit_usd: 1.0
    daily_limit_usd: 10.0
    monthly_limit_usd: 100.0
    hourly_token_limit: 10000
    daily_token_limit: 100000
    monthly_token_limit: 1000000
    priority: 3
  security_healing_agent:
    hourly_limit_usd: 2.0
    daily_limit_usd: 20.0
    priority: 1
thresholds:
  cost_spike_percentage: 20.0
  infinite_loop_calls_per_minute: 10
  max_consecutive_failures: 5
monitoring:
  check_interval_seconds: 30
  summary_interval_minutes: 60
  daily_report_hour: 9
slack:
  webhook_url: null
  channel: "#alerts"
"""


def read(text: str, env: dict[str, str] | None = None) -> Settings:
    return parse(text.encode(), "test.yaml", env or {})


def problems(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "test.yaml", {})
    return caught.value.problems


def test_a_users_existing_file_loads_unchanged() -> None:
    settings = parse(USERS_FILE, "manager_agent.yaml", {})
    assert settings.thresholds.cost_spike_percentage == Decimal(20)
    assert settings.thresholds.infinite_loop_calls_per_minute == 10
    assert settings.monitoring.check_interval_seconds == 30
    assert settings.slack.webhook_url is None
    policy = budget_policy(settings)
    assert policy.default == Limits(
        Decimal("1.0"), Decimal("10.0"), Decimal("100.0"), 10_000, 100_000, 1_000_000
    )
    assert policy.limits_of("security_healing_agent") == Limits(
        Decimal("2.0"), Decimal("20.0"), priority=1
    )
    assert policy.limits_of("somebody_else") == policy.default


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "{}", "slack:\nthresholds: {}\n", "slack: null"]
)
def test_an_empty_configuration_has_the_defaults_and_no_budgets(text: str) -> None:
    settings = read(text)
    assert settings == Settings()
    assert budget_policy(settings).limits_of("anyone") is None
    assert settings.thresholds.infinite_loop_calls_per_minute is None
    assert settings.receiver.max_pending_mib == settings.receiver.max_request_mib == 64


def test_an_unquoted_channel_is_a_comment_to_yaml_and_means_the_default() -> None:
    assert read("slack:\n  channel: #alerts\n").slack.channel == "#alerts"


def test_floats_in_the_file_are_exact_money() -> None:
    settings = read("agent_budgets: {a: {hourly_limit_usd: 0.1}}")
    assert settings.agent_budgets["a"].hourly_limit_usd == Decimal("0.1")


def test_an_agents_enforcement_wins_over_the_general_one() -> None:
    text = "budgets: {enforcement: soft}\nagent_budgets: {a: {}, b: {enforcement: firm}}"
    policy = budget_policy(read(text))
    assert {name: limits.enforcement for name, limits in policy.agents.items()} == {
        "a": "soft",
        "b": "firm",
    }
    assert policy.default is None


def test_warnings_and_zone_reach_the_policy_in_order() -> None:
    policy = budget_policy(read("timezone: Europe/Berlin\nbudgets: {warn_at: [1, 0.5, 0.5]}"))
    assert policy.warn_at == (Decimal("0.5"), Decimal(1))
    assert policy.zone.key == "Europe/Berlin"


def test_a_threshold_is_active_only_where_it_is_named() -> None:
    named = parse(
        b"thresholds: {cost_spike_percentage: 20.0, infinite_loop_calls_per_minute: 10}", "c", {}
    )
    unnamed = parse(b"thresholds: {cost_spike_percentage:, max_consecutive_failures: 3}", "c", {})

    assert thresholds(named) == Thresholds(20.0, 10, 5)
    assert thresholds(unnamed) == Thresholds(None, None, 3)


def test_own_prices_reach_the_price_book() -> None:
    entry = "{match: 'm*', input_usd_per_mtok: 0.1, output_usd_per_mtok: 2, from: 2026-12-01}"
    text = f"prices: {{custom: [{entry}]}}"
    (price,) = custom_prices(read(text))
    assert (price.match, price.input_usd_per_mtok, str(price.start)) == (
        "m*",
        Decimal("0.1"),
        "2026-12-01",
    )


MISTAKES = [
    ("agent_budget: {}", "agent_budget: there is no such key; did you mean agent_budgets?"),
    (
        "agent_budgets: {a: {prority: 1}}",
        "agent_budgets.a.prority: there is no such key; did you mean priority?",
    ),
    (
        "agent_budgets: {a: {hourly_limit_usd: -1}}",
        "agent_budgets.a.hourly_limit_usd: found -1; must be 0 or more",
    ),
    (
        "agent_budgets: {a: {hourly_token_limit: ten}}",
        "agent_budgets.a.hourly_token_limit: found 'ten'; must be a whole number",
    ),
    (
        "agent_budgets: {a: {priority: yes}}",
        "agent_budgets.a.priority: found True; must be a number; true and false are not",
    ),
    ("agent_budgets: {a: {priority: 5}}", "agent_budgets.a.priority: found 5; must be 4 or less"),
    ("agent_budgets: {7: {}}", "agent_budgets[7]: found 7; must be text; put it in quotes"),
    (
        "budgets: {enforcement: hrad}",
        "budgets.enforcement: found 'hrad'; must be one of hard, firm, soft, observe; "
        "did you mean hard?",
    ),
    ("budgets: {warn_at: 0.5}", "budgets.warn_at: found 0.5; must be a list such as [a, b]"),
    ("budgets: {warn_at: [0.5, x]}", "budgets.warn_at[1]: found 'x'; must be a number"),
    ("budgets: {ceiling_usd_per_mtok: .nan}", "must be a finite number"),
    ("thresholds: [1]", "thresholds: found a list; must be a mapping of `key: value`"),
    ("timezone: Europe/Berln", "timezone: found 'Europe/Berln'; is no time zone; did you mean"),
    ("timezone: ../../etc/passwd", "is no time zone"),
    ("breaker: {base_open_seconds: 4000}", "breaker: max_open_seconds (3600) is below"),
    ("groups: {g: {}}", "groups.g.agents: is missing; add it"),
    ("groups: {g: {agents: [a], floors: {1: 0.7, 2: 0.7}}}", "groups.g: floors together"),
    ("prices: {discounts: {openai: 10}}", "prices.discounts.openai: found 10; must be 1 or less"),
    (
        "prices: {custom: [{model: x, output_usd_per_mtok: 1}]}",
        "prices.custom[0].input_usd_per_mtok: is missing; add it",
    ),
    (
        "prices: {custom: [{input_usd_per_mtok: 1, output_usd_per_mtok: 1}]}",
        "prices.custom[0]: needs a model or a match",
    ),
    ("monitoring: {daily_report_hour: 24}", "must be 23 or less"),
    ("rules: {budget: 5}", "rules.budget: found 5; must be a mapping"),
    ("- a list", "the file: found a list; must be a mapping of `key: value`"),
    ("slack: {webhook_url: hooks.slack.com/x}", "slack: webhook_url must begin with https://"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_a_mistake_is_named_with_its_key_and_the_cure(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem


def test_all_mistakes_come_at_once_the_rules_too() -> None:
    text = b"slak: {}\nslack: {channel: '#a', channel: '#b'}\nbreaker: {count_429: 7}\n"
    assert len(problems(text)) == 3
    with pytest.raises(ConfigError, match="2 problems") as caught:
        parse(
            b"slack: {channel: a, channel: b}",
            "test.yaml",
            {},
            lambda rules: [f"rules: {len(rules)} is wrong"],
        )
    assert "rules: 0 is wrong" in caught.value.problems


HOSTILE = [
    (
        "a key twice",
        b"slack: {}\ntimezone: UTC\nslack: {}\n",
        "line 3: the key 'slack' was given in line 1",
    ),
    ("an alias bomb", b"", "aliases make more than"),
    ("an alias that holds itself", b"slack: &a {x: *a}", "an alias holds itself"),
    ("nesting without end", b"a: " + b"[" * 800, "nested too deeply"),
    ("too large", b"#" * (1 << 20) + b"\n", "at most 1,048,576"),
    (
        "a Python object",
        b"a: !!python/object/apply:os.system [ls]",
        "could not determine a constructor",
    ),
    ("a second document", b"timezone: UTC\n---\ntimezone: UTC\n", "expected a single document"),
    ("half a list", b"a: [", "line 1, column 5: is not YAML"),
    ("no text", b"\xff\xfe\x00\x01\x02", "is not YAML"),
    ("an impossible day", b"a: 2026-13-45", "holds a date or number"),
    ("a number without end", b"a: " + b"9" * 5000, "holds a date or number"),
]
_BOMB = b"a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "said"), [row[1:] for row in HOSTILE], ids=[r[0] for r in HOSTILE]
)
def test_hostile_yaml_is_refused_with_the_reason(text: bytes, said: str) -> None:
    assert any(said in problem for problem in problems(text or _BOMB))


def test_honest_aliases_and_merges_still_work() -> None:
    text = "agent_budgets:\n  a: &a {hourly_limit_usd: 1}\n  b: {<<: *a, priority: 1}\n  c: *a\n"
    limits = read(text).agent_budgets
    assert limits["b"].hourly_limit_usd == limits["c"].hourly_limit_usd == 1
    assert (limits["a"].priority, limits["b"].priority) == (3, 1)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_configuration_or_an_error_with_reasons(text: bytes) -> None:
    with suppress(ConfigError):  # any other error fails the test
        assert isinstance(parse(text, "test.yaml", {}), Settings)


SECRET = "xoxb-1234-very-secret"


@pytest.mark.parametrize(
    "text",
    [
        f"slack: {{webhook_url: {SECRET}}}",
        f"slack: {{bot_token: [{SECRET}]}}",
        f"slack: {{bot_tokn: {SECRET}}}",
        f"slack: {SECRET}",
        f"receiver: {{tokens: {SECRET}}}",
        f"receiver: {{tokens: [{{a: {SECRET}}}]}}",
        f"slack: {{bot_token: {SECRET}, bot_token: {SECRET}}}",
    ],
)
def test_no_secret_is_in_an_error(text: str) -> None:
    assert SECRET not in "".join(problems(text))


def test_no_secret_is_in_the_printed_settings() -> None:
    settings = read(f"slack: {{bot_token: {SECRET}}}\nreceiver: {{tokens: [{SECRET}]}}")
    assert SECRET not in repr(settings) + str(settings)
    assert settings.slack.bot_token
    assert settings.slack.bot_token.get_secret_value() == SECRET


def test_the_environment_wins_over_the_file_unless_it_is_empty() -> None:
    env = {
        "SLACK_CHANNEL": "#env",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.test/x",
        "MANAGER_DATA_DIR": "/data",
        "SLACK_API_URL": "",
    }
    settings = read("slack: {channel: '#file', api_url: 'http://file'}", env)
    assert (settings.slack.channel, settings.slack.api_url) == ("#env", "http://file")
    assert settings.slack.webhook_url
    assert settings.slack.webhook_url.get_secret_value() == "https://hooks.slack.test/x"
    assert settings.data_dir == Path("/data")


def test_a_home_directory_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Settings().data_dir == Path("/home/somebody/.manager-agent")


def test_files_are_found_by_argument_then_variable_then_place_then_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Settings()
    for name, zone in (
        ("given", "Asia/Tokyo"),
        ("named", "Asia/Seoul"),
        ("config/manager_agent", "UTC"),
    ):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"timezone: {zone}\nslack: {{channel: '#{zone}'}}\n")
    env = {"MANAGER_CONFIG_PATH": str(tmp_path / "named.yaml")}
    assert load(tmp_path / "given.yaml", env).timezone == "Asia/Tokyo"
    assert load(None, env).timezone == "Asia/Seoul"
    assert load(None, {"MANAGER_CONFIG_PATH": ""}).slack.channel == "#UTC"


@pytest.mark.parametrize("given_by", ["argument", "variable"])
def test_a_file_that_was_asked_for_must_be_there(given_by: str, tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"
    env = {"MANAGER_CONFIG_PATH": str(path)} if given_by == "variable" else {}
    with pytest.raises(ConfigError, match=r"missing\.yaml.*\n.*--config"):
        load(path if given_by == "argument" else None, env)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().slack.channel = "#other"
