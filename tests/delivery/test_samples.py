"""Samples are what the manager really tells: each rule has one, with the facts that it emits."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.main import get_command

from manager_agent.app.cli import built
from manager_agent.delivery.catalog import catalog
from manager_agent.delivery.samples import samples
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message
from manager_agent.rules.registry import catalog as rules
from tests.delivery.found import found

NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)
SAMPLES = samples(NOW)

ANNOUNCED = {"manager-agent report issues", "manager-agent report"}
"""Commands of the design that come with the reports."""


def of_kind(kind: str) -> list[Message]:
    return [message for message in SAMPLES if message.kind == kind]


@pytest.mark.parametrize("rule", rules())
def test_each_rule_has_samples_with_the_facts_that_it_emits(rule: str) -> None:
    emitted = {tuple(finding.evidence) for finding in found(rule)}

    assert {tuple(message.facts) for message in of_kind(rule)} == emitted


@pytest.mark.parametrize("rule", rules())
def test_what_is_told_when_it_is_over_has_a_sample(rule: str) -> None:
    tells = any(finding.tell_resolved for finding in found(rule))

    assert ("resolved" in {message.state for message in of_kind(rule)}) == tells


def test_each_kind_with_words_has_a_sample() -> None:
    assert {message.kind for message in SAMPLES} == set(catalog())


@pytest.mark.parametrize("kind", rules())
def test_words_are_for_facts_that_there_are(kind: str) -> None:
    words = catalog()[kind]
    there = {key for message in of_kind(kind) for key in [*message.facts, *words.facts(message)]}
    units = {key.replace("_usd", "_tokens") for key in there}

    assert set(words.labels) <= there | units
    assert words.hidden <= there | {"agent"}


def test_samples_are_stable_and_each_has_a_key_of_its_own() -> None:
    keys = [message.key for message in SAMPLES]

    assert len(set(keys)) == len(keys)
    assert all(key.startswith("sample:") for key in keys)
    assert samples(NOW) == SAMPLES
    later = samples(NOW + timedelta(days=40, hours=13, minutes=20))
    assert [message.alert_id for message in later] == [message.alert_id for message in SAMPLES]


def test_a_command_that_is_advised_is_there() -> None:
    """The part after the command's name is the user's affair; that it exists is ours."""
    advised = {line for message in SAMPLES for line in _COMMAND.findall(_words(message))}

    assert len(advised) >= 10
    root = get_command(built())
    assert {line for line in advised if not _is_there(line, root)} <= ANNOUNCED


def _is_there(line: str, command: Any) -> bool:
    for word in line.split()[1:]:
        if not hasattr(command, "commands"):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


_COMMAND = re.compile(r"manager-agent(?: [a-z]+)+")


def _words(message: Message) -> str:
    shown = card(message)
    return " ".join(filter(None, [shown.text, shown.advice, shown.done]))
