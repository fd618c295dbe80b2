"""What is written under `rules`, checked as a whole: settings of rules, and rules that are SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from manager_agent.analytics.install import install
from manager_agent.rules.custom import (
    CustomRuleError,
    SqlRule,
    custom_rules,
    unknown_places,
)
from manager_agent.rules.registry import CUSTOM, RuleSettingsError, entries_from
from manager_agent.store.query_check import Refused, check
from manager_agent.store.sql_files import migrations


def rule_problems(written: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with what is written under `rules`, a sentence each."""
    problems: list[str] = []
    try:
        entries_from(written)
    except RuleSettingsError as error:
        problems += error.problems
    try:
        rules = custom_rules(written.get(CUSTOM))
    except CustomRuleError as error:
        return [*problems, *error.problems]
    return [*problems, *sql_problems(rules)]


def sql_problems(rules: Sequence[SqlRule]) -> list[str]:
    """Return what is wrong with the SELECT of each rule, tried on empty tables; runs none."""
    if not rules:
        return []
    with duckdb.connect() as con:
        for _, _, text in migrations():
            con.execute(text)
        install(con)
        return [
            f"rules.{CUSTOM}: {rule.name}: {problem}"
            for rule in rules
            if (problem := _problem(con, rule)) is not None
        ]


def _problem(con: duckdb.DuckDBPyConnection, rule: SqlRule) -> str | None:
    try:
        check(con, rule.sql)
        columns = con.sql(rule.sql).columns
    except Refused as error:
        return f"sql: {error}"
    except duckdb.Error as error:
        return f"sql: {' '.join(str(error).split())}"
    if len(set(columns)) < len(columns):
        return f"sql: two columns have one name ({', '.join(columns)}); rename one with AS"
    unknown = unknown_places(rule, columns)
    if unknown:
        return f"message: {{{unknown[0]}}} is none of the columns {', '.join(columns)}"
    return None
