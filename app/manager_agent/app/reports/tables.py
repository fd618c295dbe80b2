"""Tables of what was used, as sections of a message: cells are words already."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from manager_agent.analytics.report_used import Sum, Used, by_agent, total
from manager_agent.app.reports import words
from manager_agent.contract.window import Window
from manager_agent.rules.amounts import counted
from manager_agent.rules.message import Section

COST_BY_DAY = "Cost by day"
"""Title of the table that the chart is drawn from."""

CHART_AGENTS = 4
OTHERS = "others"


def agents_table(
    title: str,
    agents: Mapping[str | None, Sum],
    before: Mapping[str | None, Sum],
    against: str,
    most: int,
    trend: Mapping[str | None, str] | None = None,
) -> Section:
    """Return the first `most` of `agents` and what the others come to, against `before`."""
    columns: tuple[str, ...] = ("Agent", "Cost", against, "Calls", "Success")
    rows = [
        _row(words.name(agent), of, before.get(agent, Sum())) for agent, of in _first(agents, most)
    ]
    rest = list(agents)[most:]
    if rest:
        others = (
            sum((each.get(agent, Sum()) for agent in rest), Sum()) for each in (agents, before)
        )
        rows.append(_row(counted(len(rest), "other"), *others))
    if trend is not None:
        columns = (*columns, "Trend")
        names = [agent for agent, _ in _first(agents, most)]
        bars = [trend.get(agent, "") for agent in names] + [""] * bool(rest)
        rows = [(*row, bar) for row, bar in zip(rows, bars, strict=True)]
    return Section(title, columns=columns, rows=tuple(rows))


def models_table(models: Mapping[str | None, Sum], most: int) -> Section:
    """Return the first `most` of `models` and what the others come to."""
    rows = [_model(words.name(model), of) for model, of in _first(models, most)]
    rest = list(models)[most:]
    if rest:
        rows.append(
            _model(counted(len(rest), "other"), sum((models[each] for each in rest), Sum()))
        )
    return Section("By model", columns=("Model", "Cost", "Calls", "Tokens"), rows=tuple(rows))


def trends(days: Sequence[tuple[Window, Sequence[Used]]]) -> dict[str | None, str]:
    """Return the sparkline of each agent's last days."""
    each = [by_agent(used) for _, used in days]
    agents = {agent for day in each for agent in day}
    return {agent: words.sparkline([day.get(agent, Sum()) for day in each]) for agent in agents}


def cost_by_day(days: Sequence[tuple[Window, Sequence[Used]]], zone: ZoneInfo) -> Section:
    """Return what each day cost: of the agents that cost most in all, of the others, and in all."""
    everything = by_agent([line for _, used in days for line in used])
    top = [agent for agent, of in _first(everything, CHART_AGENTS) if of.cost]
    sums = [total(used) for _, used in days]
    rows = []
    for (day, used), of in zip(days, sums, strict=True):
        mine = by_agent(used)
        rest = sum((each for agent, each in mine.items() if agent not in top), Sum())
        parts = [mine.get(agent, Sum()) for agent in top]
        rows.append((_date(day, zone), *map(words.cost, (*parts, rest, of))))
    columns = ("Day", *(words.name(agent) for agent in top), OTHERS, "all")
    return Section(COST_BY_DAY, _trend(sums), columns, tuple(rows))


def _trend(sums: Sequence[Sum]) -> str:
    called = [of for of in sums if of.calls]
    if not called:
        return "no calls"
    low, high = (pick(called, key=lambda of: of.cost) for pick in (min, max))
    return f"{words.sparkline(sums)}  {words.cost(low)} to {words.cost(high)} a day"


def _row(of_whom: str, of: Sum, before: Sum) -> tuple[str, ...]:
    return (
        of_whom,
        words.cost(of),
        words.change(of, before),
        f"{of.calls:,}",
        words.success(of),
    )


def _model(model: str, of: Sum) -> tuple[str, ...]:
    return (model, words.cost(of), f"{of.calls:,}", f"{of.tokens:,}")


def _first(sums: Mapping[str | None, Sum], most: int) -> list[tuple[str | None, Sum]]:
    return list(sums.items())[:most]


def _date(day: Window, zone: ZoneInfo) -> str:
    return day.start.astimezone(zone).date().isoformat()
