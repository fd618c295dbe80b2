"""Every row of the tables of emitters rests on a recorded capture, or says that it does not."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from manager_agent.receiver.claims import part_of, verdict
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.fields import Fields
from manager_agent.receiver.logs import decode_logs
from manager_agent.receiver.metrics import decode_metrics
from manager_agent.receiver.span import Span
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import nested, response_id

DATA = Path(__file__).parent.parent / "data"


@cache
def spans(seen: str) -> list[Span]:
    folder = DATA if seen.startswith("lab/") else DATA / "captures"
    payload = (folder / f"{seen}.pb").read_bytes()
    return decode_logs(payload).spans if ".logs" in seen else Decoder().decode(payload).spans


def field_rows() -> Iterator[Any]:
    for section in table("fields").values():
        for field, rows in section.items() if isinstance(section, dict) else ():
            for row in rows:
                yield pytest.param(field, row, id=f"{field}: {row[0]}")


@pytest.mark.parametrize(("field", "row"), list(field_rows()))
def test_a_field_is_where_the_row_says(field: str, row: list[str]) -> None:
    key, seen, *only = row
    if seen == "map":
        return
    head, _, name = key.partition("#")
    carrying = [each for each in spans(seen) if each.attributes.get(head) is not None]

    assert carrying, f"no span of {seen} has {head}"
    if only:
        assert all(each.scope.startswith(only[0]) for each in carrying)
    if name:
        read = response_id if field == "response_id" else lambda value: nested(value, name)
        assert any(read(each.attributes[head]) for each in carrying)
    assert any(Fields(each.attributes, each.scope).has(field) for each in carrying)


@pytest.mark.parametrize("rule", table("claims")["rule"], ids=lambda rule: str(rule["name"]))
def test_a_claim_rule_decides_where_it_was_seen(rule: dict[str, Any]) -> None:
    if rule["seen"] == "map":
        return
    verdicts = [verdict(each.name, each.scope, each.attributes) for each in spans(rule["seen"])]

    assert rule["name"] in {said.rule for said in verdicts if said}


@pytest.mark.parametrize("row", table("claims")["part"], ids=lambda row: str(row["name"]))
def test_a_part_shows_where_it_was_seen(row: dict[str, Any]) -> None:
    if row["seen"] == "map":
        return
    parts = [part_of(each.scope, each.attributes) for each in spans(row["seen"])]

    assert row["name"] in {part.name for part in parts if part}


@pytest.mark.parametrize("row", table("events")["event"], ids=lambda row: str(row["is"]))
def test_an_event_is_told_where_it_was_seen(row: dict[str, Any]) -> None:
    if row["seen"] == "map":
        return

    assert row["is"] in {each.name for each in spans(row["seen"])}


@pytest.mark.parametrize("row", table("metrics")["metric"], ids=lambda row: str(row["name"]))
def test_a_metric_is_told_where_it_was_seen(row: dict[str, Any]) -> None:
    if row["seen"] == "map":
        return
    payload = (DATA / "captures" / f"{row['seen']}.pb").read_bytes()
    told = [each for each in decode_metrics(payload).arrived if each.span.name == row["name"]]

    fields = {each.fact.sum.field for each in told if each.fact and each.fact.sum}
    assert fields == set(row.get("types", {"": row.get("field")}).values())


@pytest.mark.parametrize("row", table("homes")["home"], ids=lambda row: str(row["scope"]))
def test_a_run_is_known_where_it_was_seen(row: dict[str, Any]) -> None:
    processes = {s.resource.process for s in spans(row["seen"]) if s.scope.startswith(row["scope"])}

    assert len(processes) == 1
    assert processes.pop().startswith(f"{row['scope']}:")


def habit_rows() -> Iterator[Any]:
    for habit, rows in table("usage").items():
        for row in rows if isinstance(rows, list) else ():
            what = row.get("scope_prefix") or row.get("scope_suffix")
            yield pytest.param(row, id=f"{habit}: {what} {row.get('field', '')}")


@pytest.mark.parametrize("row", list(habit_rows()))
def test_a_habit_is_of_an_emitter_that_was_seen(row: dict[str, Any]) -> None:
    if row["seen"] == "map":
        return
    scopes = {each.scope for each in spans(row["seen"])}

    assert any(
        scope.startswith(row.get("scope_prefix", ""))
        and scope.endswith(row.get("scope_suffix", ""))
        for scope in scopes
    )


def test_most_rows_rest_on_captures() -> None:
    rows = [row for param in field_rows() for row in [param.values[1]]]
    on_the_map_alone = [row for row in rows if row[1] == "map"]

    assert len(on_the_map_alone) < len(rows) / 2
