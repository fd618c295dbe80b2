"""`manager-agent rules`: what the manager looks for, and how that goes."""

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from manager_agent.app.alerting import manuals
from manager_agent.app.cli_replay import replay
from manager_agent.app.cli_rules_test import run_tests
from manager_agent.app.cli_view import print_rows
from manager_agent.app.configured import settings_from
from manager_agent.app.options import API_URL, Api, Config, Json, told
from manager_agent.app.rest import ManagerError, NobodyError, get
from manager_agent.rules.manual import Manual
from manager_agent.rules.registry import unusable

_rules = typer.Typer(help="What the manager looks for.", no_args_is_help=True)

_SHOWN = 5


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _rules.command("list")(list_rules)
    _rules.command()(explain)
    _rules.command()(replay)
    _rules.command("test")(run_tests)
    app.add_typer(_rules, name="rules")


def list_rules(as_json: Json = False, config: Config = None, api_url: Api = API_URL) -> None:
    """List the rules and how they do; where no manager runs, as they are configured."""
    with told(ManagerError):
        found = _asked(api_url, "")
        rows = found["rules"] if found else [_static(one) for one in _configured(config)]
    if as_json:
        print(json.dumps(rows))
        return
    columns = ["rule", "state", "tells"]
    if found:
        columns[2:2] = ["open alerts", "last looked", "took", "findings"]
    print_rows(columns, [_row(one, live=bool(found)) for one in rows])


def explain(
    name: Annotated[str, typer.Argument(help="A rule's name.")],
    as_json: Json = False,
    config: Config = None,
    api_url: Api = API_URL,
) -> None:
    """Explain one rule: what it tells, its settings, and how it went of late."""
    with told(ManagerError):
        found = _asked(api_url, f"/{name}") if name.isidentifier() else None
        rows = [] if found else _configured(config)
    for one in rows:
        if one.name == name:
            found = _static(one)
    if found is None:
        names = ", ".join(one.name for one in rows)
        typer.echo(f"no rule is called {name!r}; there are: {names}", err=True)
        raise typer.Exit(1)
    print(json.dumps(found) if as_json else _text(found))


def _asked(api_url: str, path: str) -> Any:
    """Return what a running manager says, None where none runs."""
    try:
        return get(api_url, f"/api/v1/rules{path}")
    except NobodyError:
        return None


def _configured(config: Path | None) -> list[Manual]:
    return manuals(settings_from(config))


def _static(one: Manual) -> dict[str, Any]:
    """Return what is known of a rule where no manager runs; what is not is null."""
    error = unusable().get(one.name)
    on = "on" if one.enabled else "off"
    return {
        "name": one.name,
        "state": on if error is None else "broken",
        "error": error,
        "origin": one.origin,
        "summary": one.summary,
        "open_alerts": None,
        "last_evaluation": None,
        "text": one.text,
        "key": one.key,
        "settings": [
            {"name": each.name, "about": each.about, "default": each.default, "value": each.value}
            for each in one.settings
        ],
        "evaluations": None,
        "alerts": None,
    }


def _row(one: dict[str, Any], *, live: bool) -> list[Any]:
    head, last = [one["name"], one["state"]], one["last_evaluation"]
    if live:
        head.append(one["open_alerts"])
        head += [last["at"], _took(last), last["findings"]] if last else [None, None, None]
    return [*head, one["error"] or one["summary"]]


def _took(evaluation: dict[str, Any]) -> str:
    return f"{evaluation['seconds'] * 1000:,.1f} ms"


def _text(found: dict[str, Any]) -> str:
    """Return the whole manual with what is known of the rule at work."""
    parts = [f"{found['name']} ({found['state']})", found["text"], _settings(found)]
    if found["error"]:
        parts.insert(1, f"It is broken: {found['error']}")
    if found["evaluations"] is None:
        parts.append("No manager runs here, so nothing is known of how it does.")
    else:
        parts += [_evaluations(found["evaluations"]), _alerts(found)]
    return "\n\n".join(parts)


def _settings(found: dict[str, Any]) -> str:
    lines = [f"Settings, under `{found['key']}`:"]
    for one in found["settings"]:
        value, default = json.dumps(one["value"]), json.dumps(one["default"])
        said = "" if value == default else f", default {default}"
        lines.append(f"  {one['name']}: {value}{said}")
        lines += textwrap.wrap(one["about"], 96, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _evaluations(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "It was not asked yet."
    lines = [
        f"  {one['at']}  {_took(one)}, {one['findings']} found"
        + (f": {one['error']}" if one["error"] else "")
        for one in rows[:_SHOWN]
    ]
    return "\n".join(["Last looks:", *lines])


def _alerts(found: dict[str, Any]) -> str:
    rows = found["alerts"]
    if not rows:
        return "It has told nothing so far."
    lines = [
        f"  {one['ts']}  {one['state']}, {one['severity']}: {one['message']}"
        for one in rows[:_SHOWN]
    ]
    return "\n".join([f"Last alerts, {found['open_alerts']} open:", *lines])
