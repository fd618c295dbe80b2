"""otel-collector.yaml lets through what the receiver's tables read, and no content beside it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from manager_agent.receiver.claims import verdict
from manager_agent.receiver.tables import table
from tests.harness.collector import CONFIG, DEPLOY

READ: dict[str, Any] = yaml.safe_load(CONFIG.read_text("utf-8"))
STRICT: dict[str, Any] = yaml.safe_load((DEPLOY / "genai-only.yaml").read_text("utf-8"))
REDACTION = READ["processors"]["transform/redact"]["trace_statements"]
STATEMENTS: list[str] = [each for group in REDACTION for each in group["statements"]]

# Two things at once: digested where the span is a tool's, cut to numbers and ids elsewhere.
BOTH = {"output.value"}


def literals(begin: str) -> list[str]:
    """Return the string literals of the one statement that begins so, after its beginning."""
    [found] = [each[len(begin) :] for each in STATEMENTS if each.startswith(begin)]
    return [re.sub(r"\\(.)", r"\1", text) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', found)]


NAMED = frozenset(literals('keep_keys(span.cache["named"], '))
FAMILIES = re.compile(literals('keep_matching_keys(span.cache["pass"], ')[0])
PROMPTS = re.compile(literals('keep_matching_keys(span.cache["prompt"], ')[0])
[CUT] = [
    each for each in STATEMENTS if each.startswith("replace_all_patterns(") and "model" in each
]
SET = {
    (found[1], found[2]): each
    for each in STATEMENTS
    if (found := re.match(r'set\(span\.cache\["(named|told)"\]\["([^"]+)"\]', each))
}


def filters(config: dict[str, Any]) -> str:
    [condition] = config["processors"]["filter/genai"]["traces"]["span"]
    return str(condition)


def patterns(condition: str) -> tuple["re.Pattern[str]", "re.Pattern[str]"]:
    """Return the two by which a span is GenAI: of its keys and of its scope."""
    found = re.findall(r'not IsMatch\((?:String\(Keys|scope).*?\s"([^"]+)"\)', condition, re.DOTALL)
    keys, scopes = (re.compile(text.replace("\\\\", "\\")) for text in found[-2:])
    return keys, scopes


def read_by_the_tables() -> Iterator[tuple[str, str]]:
    """Yield (attribute, name inside its text or nothing) of all that the receiver reads."""
    for section in table("fields").values():
        if isinstance(section, dict):
            for rows in section.values():
                yield from (tuple(row[0].partition("#")[::2]) for row in rows)
    for row in [*table("claims")["rule"], *table("claims")["part"]]:
        yield from ((row[name], "") for name in ("key", "seconds") if row.get(name))
    for rows in table("usage").values():
        for row in rows if isinstance(rows, list) else ():
            for name in ("has", "unless_present", "unless_positive"):
                if "." in row.get(name, ""):
                    yield row[name], ""


def goes_through(key: str, name: str) -> bool:
    if name:
        return ("told", key) in SET and bool(name == "id" or re.search(rf"[:|]{name}[|)]", CUT))
    return key in NAMED or bool(FAMILIES.match(key)) or ("named", key) in SET


ON_LOG_RECORDS = frozenset(
    {"input_token_count", "output_token_count", "cached_token_count", "cache_write_token_count"}
    | {"reasoning_token_count", "cost_usd", "event.name"}
)
"""Attributes of log records alone; of those all pass that are not named as content."""


def test_what_the_receiver_reads_goes_through() -> None:
    """A new row of the tables needs its place in transform/redact, or spend is lost there."""
    lost = [row for row in read_by_the_tables() if not goes_through(*row)]

    assert [row for row in lost if row[0] not in ON_LOG_RECORDS] == []


def test_what_the_manager_keeps_goes_through() -> None:
    kept = table("content")["keep"]["keys"]

    assert [key for key in kept if key not in NAMED and not FAMILIES.match(key)] == []


CONTENT = {key for kind in ("arguments", "result") for key in table("content")[kind]["keys"]}


@pytest.mark.parametrize("key", sorted(CONTENT))
def test_arguments_and_results_go_through_as_digests(key: str) -> None:
    made = SET["told" if key in BOTH else "named", key]

    assert key not in NAMED
    assert not FAMILIES.match(key)
    assert "SHA256(" in made


PROMPT = table("content")["prompt"]


@pytest.mark.parametrize("key", [*PROMPT["keys"], *(f"{p}0.content" for p in PROMPT["prefixes"])])
def test_prompts_go_into_the_digest_alone(key: str) -> None:
    assert PROMPTS.match(key)
    assert key not in NAMED
    assert not FAMILIES.match(key)


# A key under each marker of claims.py, and of some that are none.
MARKED = (
    *("gen_ai.x", "openinference.x", "llm.x", "ai.x", "traceloop.x", "langsmith.x"),
    *("langfuse.x", "mlflow.x", "logfire.span_type", "manager.x", "agent_name"),
)
OTHER = ("http.route", "genai.x", "my.ai.x", "logfire.msg", "llmx", "db.system", "hallm.x")


@pytest.mark.parametrize("config", [READ, STRICT], ids=["otel-collector", "genai-only"])
def test_genai_is_what_the_receiver_calls_so(config: dict[str, Any]) -> None:
    by_key, _ = patterns(filters(config))

    for key in {*MARKED, *OTHER, *(key for key, _ in read_by_the_tables())}:
        genai = verdict("span", "", {"first": "1", key: "x"}) is not None
        assert bool(by_key.search(f'["first","{key}"]')) == genai, key


@pytest.mark.parametrize("config", [READ, STRICT], ids=["otel-collector", "genai-only"])
@pytest.mark.parametrize("rule", [r for r in table("claims")["rule"] if r.get("scope")], ids=str)
def test_scopes_that_need_no_attribute_pass(rule: dict[str, Any], config: dict[str, Any]) -> None:
    _, by_scope = patterns(filters(config))

    assert by_scope.match(rule["scope"])


def test_nothing_waits_in_memory_once_acknowledged() -> None:
    """The batch processor would; batches are made behind the queue on disk."""
    service, exporter = READ["service"], READ["exporters"]["otlp/manager"]
    used = {name for each in service["pipelines"].values() for name in each["processors"]}

    assert not [name for name in used if name.split("/")[0] in ("batch", "groupbytrace")]
    assert exporter["sending_queue"]["storage"] in service["extensions"]
    assert READ["extensions"][exporter["sending_queue"]["storage"]]["fsync"] is True
    assert exporter["retry_on_failure"]["max_elapsed_time"] == 0


def test_all_signals_go_through_the_memory_limiter_first() -> None:
    pipelines = READ["service"]["pipelines"]

    assert set(pipelines) == {"traces", "logs", "metrics"}
    assert {each["processors"][0] for each in pipelines.values()} == {"memory_limiter"}


def test_one_release_of_the_collector_is_built() -> None:
    text = (DEPLOY / "builder.yaml").read_text("utf-8")
    read = yaml.safe_load(text)
    modules = [
        each["gomod"].rpartition(" ")
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for each in read[kind]
    ]

    assert {version for _, _, version in modules} == {f"v{read['dist']['version']}"}
