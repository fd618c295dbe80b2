"""Issues over REST: groups of similar errors, why they are grouped, and changing that."""

from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import choice, json_object, refuse_unknown
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.services import Issues
from manager_agent.api.shapes import moment_of
from manager_agent.contract.money import usd
from manager_agent.rules.issues.issue import Pattern, State
from manager_agent.rules.issues.kinds import ABOUT, Kind
from manager_agent.rules.issues.steering import SteeringError, UnknownIssueError
from manager_agent.rules.issues.view import IssueView, alike

_MOST_MERGED = 50
_LONGEST_VARIANT = 2_000
_ON_DASHBOARD = 20


def routes(issues: Issues) -> list[Route]:
    """Return the routes of issues."""

    async def listed(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"state", "kind", "agent"}, "parameter")
        state = choice(request, "state", ("open", *get_args(State)))
        kind = choice(request, "kind", get_args(Kind))
        agent = request.query_params.get("agent")
        found = [
            issue(view)
            for view in await run_in_threadpool(issues.seen)
            if _is(view, state)
            and kind in (None, view.issue.kind)
            and (agent is None or agent in view.issue.sum.agents)
        ]
        return JSONResponse({"issues": found})

    async def one(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_one, issues, _id(request)))

    async def resolve(request: Request) -> Response:
        fields = Fields(await json_object(request), ("why",))
        why = fields.text("why") or ""
        fields.done()
        await _steer(lambda: issues.resolve(_id(request), who(request), why))
        return await one(request)

    async def merge(request: Request) -> Response:
        body = await json_object(request)
        fields = Fields(body, ("issues", "why"))
        why, others = fields.text("why") or "", _ids(fields, body)
        fields.done()
        await _steer(lambda: issues.merge(_id(request), others, who(request), why))
        return await one(request)

    async def split(request: Request) -> Response:
        fields = Fields(await json_object(request), ("pattern", "variant", "why"))
        pattern, why = fields.text("pattern", needed=True), fields.text("why") or ""
        variant = fields.text("variant", longest=_LONGEST_VARIANT)
        fields.done()
        asked = (_id(request), pattern or "", variant, who(request), why)
        made = await _steer(lambda: issues.split(*asked))
        return JSONResponse({"issue_id": made})

    return [
        Route("/api/v1/issues", listed),
        Route("/api/v1/issues/{id}", one),
        Route("/api/v1/issues/{id}/resolve", resolve, methods=["POST"]),
        Route("/api/v1/issues/{id}/merge", merge, methods=["POST"]),
        Route("/api/v1/issues/{id}/split", split, methods=["POST"]),
    ]


def issues_shown(issues: Issues) -> list[dict[str, Any]]:
    """Return the open issues that matter most, for the dashboard."""
    views = [view for view in issues.seen() if view.issue.state != "resolved"]
    return [issue(view) for view in views[:_ON_DASHBOARD]]


def issue(view: IssueView) -> dict[str, Any]:
    """Return one issue; its cost is null where that of none of its calls is known."""
    found, tally = view.issue, view.issue.sum
    resolved = found.state == "resolved"
    priced = tally.count > tally.unpriced and found.kind != "tool_error"
    return {
        "issue_id": found.issue_id,
        "kind": found.kind,
        "title": found.title,
        "tldr": view.tldr,
        "state": found.state,
        "first_seen": moment_of(tally.first_us),
        "last_seen": moment_of(tally.last_us),
        "count": tally.count,
        "agents": view.agents,
        "cost_usd": float(usd(tally.cost)) if priced else None,
        "unpriced_calls": tally.unpriced,
        "trend": {
            "last_24h": view.trend.last_day,
            "before": view.trend.day_before,
            "word": view.trend.word,
        },
        "priority": view.priority.level,
        "priority_why": list(view.priority.why),
        "action": ABOUT[found.kind].action,
        "provider": found.scope.provider or None,
        "model_family": found.scope.family or None,
        "tool": found.scope.tool or None,
        "regressions": found.regressions,
        "resolved_ts": moment_of(found.since_us) if resolved else None,
        "resolved_by": found.resolved_by,
        "why": found.why,
        "last_call_id": tally.last_call or None,
    }


def _one(issues: Issues, issue_id: str) -> dict[str, Any]:
    views = issues.seen()
    view = next((one for one in views if one.issue.issue_id == issue_id), None)
    if view is None:
        detail = f"there is no issue {issue_id!r}; GET /api/v1/issues lists those there are"
        raise Problem(404, "unknown-issue", detail)
    return issue(view) | {
        "agent_counts": dict(view.issue.sum.agents),
        "model_counts": dict(view.issue.sum.models),
        "patterns": [_pattern(one) for one in view.patterns],
        "alike": [
            {"issue_id": other.issue.issue_id, "title": other.issue.title}
            for other in alike(view, views)
        ],
    }


def _pattern(pattern: Pattern) -> dict[str, Any]:
    template = pattern.template
    return {
        "pattern_id": template.template_id,
        "template": template.text,
        "version": template.version,
        "exact": template.exact,
        "count": pattern.tally.count,
        "matched": template.scope.facts(),
        "variants": [{"text": text, "count": n} for text, n in pattern.variants.items()],
    }


async def _steer(do: Any) -> Any:
    try:
        return await run_in_threadpool(do)
    except UnknownIssueError as error:
        raise Problem(404, "unknown-issue", str(error)) from error
    except SteeringError as error:
        raise Problem(409, "not-of-these-issues", str(error)) from error


def _ids(fields: Fields, body: dict[str, Any]) -> list[str]:
    found = body.get("issues")
    if (
        isinstance(found, list)
        and 0 < len(found) <= _MOST_MERGED
        and all(isinstance(one, str) for one in found)
    ):
        return found
    fields.wrong(f"issues must be a list of 1 to {_MOST_MERGED} ids of issues")
    return []


def _is(view: IssueView, state: str | None) -> bool:
    if state == "open":
        return view.issue.state != "resolved"
    return state in (None, view.issue.state)


def _id(request: Request) -> str:
    return str(request.path_params["id"])
