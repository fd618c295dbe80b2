"""`manager-agent bench`: a manager of its own, loaded and measured."""

import json

import pytest

from manager_agent.app import dispatch

SMALL = ["bench", "--seconds", "2", "--exporters", "2", "--spans", "8"]


def test_it_measures_a_manager_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main([*SMALL, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["queryable_spans"] == found["sent_spans"] > 0
    assert found["acked_per_s"] > 0
    assert found["calls_per_s"] == pytest.approx(found["acked_per_s"] * 5 / 8)
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert found["refused"] == 0


def test_it_says_what_is_acknowledged_and_what_can_be_kept_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert dispatch.main(SMALL) == 0

    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    acknowledged, stored = said["acknowledged"], said["stored"]
    assert _number(stored) > 0
    assert _number(acknowledged) > 0
    assert stored.endswith("until a query finds all")


def _number(text: str) -> float:
    return float(text.split()[0].replace(",", ""))
