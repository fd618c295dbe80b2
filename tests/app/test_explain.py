"""The settings' manual comes from the settings: the sample file, the reference and the schema."""

import re
from pathlib import Path

import pytest
import yaml

from manager_agent.app.explain import EXAMPLES, UnknownKeyError, annotated, explain, keys, schema
from manager_agent.app.settings import Settings, parse

SAMPLE = Path(__file__).parents[2] / "config/manager_agent.yaml"


def test_the_sample_file_is_the_generated_one() -> None:
    """To renew it write `explain.annotated()` to config/manager_agent.yaml."""
    assert SAMPLE.read_text() == annotated()


def test_the_sample_file_loads_and_changes_nothing() -> None:
    assert parse(SAMPLE.read_bytes(), "sample", {}) == Settings()


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_example_in_the_sample_file_is_valid_when_its_comment_marks_go(path: str) -> None:
    name = path.rpartition(".")[2]
    text = annotated()
    example = re.search(
        rf"( *)# For example:\n((?:\1# .*\n)*?\1# {name}:.*\n(?:\1#   .*\n)*)", text
    )
    assert example
    bare = example[2].replace(f"{example[1]}# ", example[1])
    inside = "".join(f"  {line}\n" for line in bare.splitlines()) if "." in path else bare
    section = path.partition(".")[0]
    shown = parse((f"{section}:\n{inside}" if "." in path else bare).encode(), "example", {})
    assert shown != Settings()


def test_every_key_is_documented_and_in_the_sample_file() -> None:
    text = annotated()
    assert [key.path for key in keys() if not key.text] == []
    plain = [key.path for key in keys() if "<" not in key.path and "[" not in key.path]
    written = yaml.safe_load(text)
    for path in plain:
        place = written
        for part in path.split("."):
            if place is None:
                break  # a section that is off, such as receiver.tls
            assert part in place
            place = place[part]


@pytest.mark.parametrize(
    ("path", "first"),
    [
        (None, "agent_budgets  (mapping of names to section; default {})"),
        ("slack.channel", 'slack.channel  (text; default "#alerts")'),
        ("budgets.unpriced", "budgets.unpriced  (refuse | ceiling | allow; default ceiling)"),
        (
            "agent_budgets.my_agent.priority",
            "agent_budgets.<name>.priority  (whole number; default 3)",
        ),
        ("prices.custom.from", "prices.custom[].from  (day; default null)"),
        (
            "prices.custom.input_usd_per_mtok",
            "prices.custom[].input_usd_per_mtok  (number; must be given)",
        ),
    ],
)
def test_explain_tells_type_default_and_meaning(path: str | None, first: str) -> None:
    lines = explain(path).splitlines()
    assert lines[0] == first
    assert lines[1].startswith("    ")


def test_explain_of_a_section_tells_all_of_it() -> None:
    assert explain("breaker").count("breaker.") >= 3
    assert "slack." not in explain("breaker")


def test_explain_of_an_unknown_key_says_what_was_meant() -> None:
    with pytest.raises(UnknownKeyError, match=r"did you mean slack\.channel\?"):
        explain("slack.chanel")


def test_the_schema_knows_each_key_with_its_text() -> None:
    made = schema()
    assert set(made["properties"]) == set(Settings.model_fields)
    assert made["additionalProperties"] is False
    custom = made["$defs"]["CustomPriceEntry"]["properties"]
    assert "from" in custom
    assert "First day" in custom["from"]["description"]
