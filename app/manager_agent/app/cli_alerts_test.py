"""`manager-agent alerts test`: does what people are to hear arrive?"""

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from manager_agent.app.options import API_URL, Api, Config, Json, told
from manager_agent.app.rest import ManagerError, NobodyError, post

if TYPE_CHECKING:
    from manager_agent.app.alerts_trial import Trial

Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Only messages of this kind; may be repeated."),
]


def alerts_test(
    kind: Kinds = None,
    config: Config = None,
    as_json: Json = False,
    api_url: Api = API_URL,
) -> None:
    """Send each kind of message, marked as a test, through what is configured: PASS or FAIL each.

    Where all pass, a running manager tries again what a revoked token or the like had stopped.
    """
    from manager_agent.app.alerts_trial import kinds, trials
    from manager_agent.app.configured import settings_from
    from manager_agent.app.lanes import lanes
    from manager_agent.delivery.slack.posts import MemoryPosts

    wanted = kind or []
    unknown = [one for one in wanted if one not in kinds(now())]
    if unknown:
        print(f"no kind {unknown[0]!r}; there are {', '.join(kinds(now()))}", file=sys.stderr)
        raise typer.Exit(2)
    with told():
        settings = settings_from(config)
    found = asyncio.run(trials(lanes(settings, MemoryPosts(), now), wanted, now()))
    _print(found, as_json)
    if any(one.error for one in found):
        raise typer.Exit(1)
    _release(api_url)


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


def _print(found: "list[Trial]", as_json: bool) -> None:
    if as_json:
        rows = [{**asdict(one), "passed": one.error is None} for one in found]
        print(json.dumps(rows))
        return
    for one in found:
        verdict = "PASS" if one.error is None else "FAIL"
        why = f": {one.error}" if one.error else ""
        print(f"{verdict}  {one.notifier}  {one.title}{why}")


def _release(api_url: str) -> None:
    """Tell a running manager that something may have been changed."""
    try:
        post(api_url, "/api/v1/manager/delivery/retry", {})
    except NobodyError:
        return  # none runs: the next one starts afresh
    except ManagerError as error:
        print(f"the running manager was not told to try again: {error}", file=sys.stderr)
