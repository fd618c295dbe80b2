"""What is wrong with the manager itself, in one list: for its health, and for its rule."""

from typing import NamedTuple

from manager_agent.app.manager import Manager


class Trouble(NamedTuple):
    """One thing that is wrong. `kind`: disk, facts, budgets, rule, delivery, snapshot, slow.

    `about`: which of its kind; empty where there is one. `said`: a sentence for people.
    """

    kind: str
    about: str
    said: str


NO_ILLNESS = frozenset({"snapshot", "slow"})
"""Kinds with which the manager still does its work."""

_SLOWEST_SECONDS = 5.0


def troubles(manager: Manager) -> list[Trouble]:
    """Return what is wrong at present."""
    return [
        *_of_storing(manager),
        *(
            Trouble("rule", name, f"rule {name} raises: {error}")
            for name, error in manager.ticker.broken.items()
        ),
        *_of_delivery(manager),
        *_of_pace(manager),
    ]


def _of_storing(manager: Manager) -> list[Trouble]:
    no_room, snapshot = manager.room.closed(), manager.snapshots.trouble
    facts, budgets = manager.intake.trouble, manager.clerk.trouble
    found = [
        Trouble("disk", "", no_room or ""),
        Trouble("facts", "", f"facts cannot be stored: {facts}" if facts else ""),
        Trouble("budgets", "", f"budgets cannot be stored: {budgets}" if budgets else ""),
        Trouble("snapshot", "", f"SQL users see old data: {snapshot}" if snapshot else ""),
    ]
    return [one for one in found if one.said]


def _of_delivery(manager: Manager) -> list[Trouble]:
    answers = manager.answers.troubles() if manager.answers else []
    found = [Trouble("delivery", "answers", said) for said in answers]
    found += [
        Trouble("delivery", one.name, f"delivery to {one.name} stopped: {one.reason}")
        for one in manager.worker.channels()
        if one.health == "stopped"
    ]
    lost = manager.control.given_up()
    if lost:
        said = f"{len(lost)} message(s) undeliverable: {lost[-1].error}"
        found.append(Trouble("delivery", "", said))
    return found


def _of_pace(manager: Manager) -> list[Trouble]:
    every = manager.settings.monitoring.check_interval_seconds
    took = manager.ticker.seconds
    if took <= max(every, _SLOWEST_SECONDS):
        return []
    return [
        Trouble(
            "slow", "", f"a look at the rules takes {took:.1f} s, and one is due each {every:g} s"
        )
    ]
