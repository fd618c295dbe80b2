"""`manager-agent alerts`: what is wrong now and what was, and what nobody wants to hear of."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from manager_agent.app.cli_alerts_test import alerts_test
from manager_agent.app.cli_view import print_rows
from manager_agent.app.options import API_URL, Api, Json, told
from manager_agent.app.rest import ManagerError, delete, get, post
from manager_agent.contract.duration import seconds_of

_alerts = typer.Typer(help="Alerts: what is wrong now, and what was.", no_args_is_help=True)

Matchers = Annotated[
    list[str],
    typer.Argument(
        help="Which alerts, all together: rule, agent or severity, then = or != and a text in which"
        " * and ? are wild, or =~ or !~ and a regular expression; such as rule=budget agent=res*."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    _alerts.command("list")(list_alerts)
    _alerts.command("silence")(silence)
    _alerts.command("silences")(silences)
    _alerts.command("unsilence")(unsilence)
    _alerts.command("test")(alerts_test)
    app.add_typer(_alerts, name="alerts")


def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    rule: Annotated[str | None, typer.Option(help="Of this rule only.")] = None,
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """List the open alerts, and why people were not told of some."""
    asked = {"state": None if everything else "firing", "rule": rule, "agent": agent}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    with told(ManagerError):
        rows = get(api_url, f"/api/v1/alerts?{query}")["alerts"]
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("no alerts" if everything else "no open alerts")
        return
    print_rows(
        ["since", "severity", "state", "rule", "agent", "title", "not told"],
        [
            [
                *(row["ts"], row["severity"], _state(row), row["rule"]),
                *(row["agent"], row["title"], _quiet(row)),
            ]
            for row in rows
        ],
    )


def silence(
    matchers: Matchers,
    hold: Annotated[str, typer.Option("--for", help="How long, such as 30m, 2h or 7d.")],
    why: Annotated[str | None, typer.Option(help="For the audit, and for who lists it.")] = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Hear nothing of some alerts for a while; they are recorded all the same.

    What still fires when the silence ends is told then.
    """
    with told(ManagerError, ValueError):
        body = {"matchers": matchers, "for_seconds": seconds_of(hold), "why": why}
        found = post(api_url, "/api/v1/silences", body)
    if as_json:
        print(json.dumps(found))
        return
    print(f"silence {found['id']}: {' '.join(found['matchers'])} until {found['ends_at']}")


def silences(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """List the silences that hold or are to come."""
    with told(ManagerError):
        found = get(api_url, "/api/v1/silences")["silences"]
    rows = [one for one in found if everything or one["state"] != "expired"]
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("nothing is silenced")
        return
    shown = ("id", "state", "alerts", "starts_at", "ends_at", "by", "why")
    print_rows(
        ["id", "state", "alerts", "from", "until", "by", "why", "matchers"],
        [[*(one[name] for name in shown), " ".join(one["matchers"])] for one in rows],
    )


def unsilence(
    name: Annotated[str, typer.Argument(metavar="ID", help="A silence's id.")],
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """End a silence before its time; what still fires is told at the next look."""
    with told(ManagerError):
        found = delete(api_url, f"/api/v1/silences/{quote(name, safe='')}")
    print(json.dumps(found) if as_json else f"silence {found['id']} ended")


def _state(row: dict[str, Any]) -> str:
    """Return the state with the reason of the last change, where that says more."""
    plain = row["reason"] in (None, "fired", row["state"], "muted", "silenced")
    return str(row["state"]) if plain else f"{row['state']} ({row['reason']})"


def _quiet(row: dict[str, Any]) -> str | None:
    muted = row["muted"]
    said = []
    if muted:
        why = f" ({muted['why']})" if muted["why"] else ""
        said.append(f"{muted['by']} explains it{why}")
    if row["silenced"]:
        said.append(f"silence {row['silenced']}")
    return "; ".join(said) or None
