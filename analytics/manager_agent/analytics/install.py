"""Creates the views that users, rules and the dashboard query."""

import re
from graphlib import TopologicalSorter
from importlib.resources import files

import duckdb

_COMMENT = re.compile(r"--.*")
_WORD = re.compile(r"\w+")


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Create every view of `sql/views/`, each after those it reads; safe to repeat.

    The tables the views read must be there. Raises `duckdb.Error` where one is not.
    """
    views = {
        path.name.removesuffix(".sql"): path.read_text("utf-8")
        for path in files("manager_agent.analytics").joinpath("sql", "views").iterdir()
        if path.name.endswith(".sql")
    }
    for name in in_order(views):
        con.execute(views[name])


def in_order(views: dict[str, str]) -> list[str]:
    """Return the names of `views` (name to SQL), each after the views its SQL names."""
    words = {name: set(_WORD.findall(_COMMENT.sub("", sql))) for name, sql in views.items()}
    needs = {name: sorted((words[name] & views.keys()) - {name}) for name in sorted(views)}
    return list(TopologicalSorter(needs).static_order())
