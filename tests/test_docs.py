"""The documentation is whole: links lead somewhere, examples fit, nothing is left out.

What it shows is run in test_docs_live.py.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from structlog.testing import capture_logs
from typer.main import get_command

from manager_agent.analytics.install import install
from manager_agent.app.cli import built
from manager_agent.app.rule_settings import rule_problems
from manager_agent.app.settings import ENVIRONMENT, Settings, load, parse
from manager_agent.app.unsupported import warn_unused
from manager_agent.rules.registry import catalog
from manager_agent.store.sql_files import migrations
from tests.documented.pages import PAGES, ROOT, Block, blocks, links, slugs

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text("utf-8")
SECTIONS = sorted(Settings.model_fields)


def command_tree(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command with its words, groups included."""
    command = command or get_command(built())
    if path:
        yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from command_tree(inner, (*path, name))


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_shown_is_valid(block: Block) -> None:
    """Either the collector's, or a configuration of ours."""
    read = yaml.safe_load(block.text)
    if "exporters" in read:
        assert all("endpoint" in exporter for exporter in read["exporters"].values())
        return
    assert parse(block.text.encode(), str(block), {}, rule_problems) != Settings()


def test_the_rule_shown_needs_one_file_and_one_test(tmp_path: Path) -> None:
    rule, test = (block for block in blocks("python") if block.page == "CONTRIBUTING.md")
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    catalog_folder = tmp_path / "rules/manager_agent/rules/catalog"
    (catalog_folder / "budget_pace.py").write_text(rule.text, "utf-8")
    (tmp_path / "test_budget_pace.py").write_text(test.text, "utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error"]

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env={"PYTHONPATH": str(tmp_path / "rules")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    assert "4 passed" in run("pytest", *options, "test_budget_pace.py")
    assert "budget_pace" in run("manager_agent.app.dispatch", "rules", "list")


def test_the_view_shown_can_be_created() -> None:
    [view] = [block for block in blocks("sql") if block.page == "CONTRIBUTING.md"]
    with duckdb.connect() as con:
        for _, _, text in migrations():
            con.execute(text)
        install(con)
        con.execute(view.text)

        assert con.sql("SELECT * FROM errors_hour").fetchall() == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue  # other people's pages; no network in tests
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        assert not anchor or anchor in slugs(target), f"{page} links to {link}"


TREE = list(command_tree())


@pytest.mark.parametrize(("words", "command"), TREE, ids=[words for words, _ in TREE])
def test_a_command_is_explained_and_documented(words: str, command: Any) -> None:
    assert command.help
    assert any(f"manager-agent {words}" in page for page in map(text_of, PAGES))


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("rule", sorted(catalog()))
def test_a_rule_is_documented(rule: str) -> None:
    assert f"| `{rule}` |" in CONFIGURATION


# Sections with something else in them than their defaults.
OTHER = {
    "approval": {"cost_usd": 5},
    "breaker": {"base_open_seconds": 60},
    "budgets": {"warn_at": [0.9]},
    "groups": {"research": {"agents": ["a"], "daily_limit_usd": 50}},
    "monitoring": {"check_interval_seconds": 10},
    "thresholds": {"max_consecutive_failures": 3},
}


def test_a_configuration_that_says_nothing_new_warns_of_nothing() -> None:
    with capture_logs() as logs:
        warn_unused(load(ROOT / "config" / "manager_agent.yaml", {}))

    assert not [entry for entry in logs if entry["log_level"] == "warning"]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_documented_and_what_ignores_it_is_said(section: str) -> None:
    [row] = [line for line in CONFIGURATION.splitlines() if line.startswith(f"| `{section}` |")]
    written = {section: OTHER[section]} if section in OTHER else {}

    with capture_logs() as logs:
        warn_unused(Settings.model_validate(written))

    ignored = any(entry.get("key") == section for entry in logs)
    assert row.endswith("| not yet |") == ignored


@pytest.mark.parametrize("variable", ["MANAGER_CONFIG_PATH", "MANAGER_API_URL", *ENVIRONMENT])
def test_a_variable_is_documented(variable: str) -> None:
    assert f"`{variable}`" in CONFIGURATION


def test_extras_named_in_the_pages_are_there() -> None:
    named = {
        extra
        for page in PAGES
        for extras in re.findall(r"manager-agent\[([a-z,]+)\]", text_of(page))
        for extra in extras.split(",")
    }

    assert named <= set(PROJECT["optional-dependencies"])
