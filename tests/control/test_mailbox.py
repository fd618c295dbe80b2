"""What waits for the clerk is bounded, and nobody waits behind somebody else's flood."""

from concurrent.futures import Future
from typing import Any

from manager_agent.contract.guard import Hello, Outcomes, Question, Report
from manager_agent.control.commands import Charge, Tick
from manager_agent.control.mailbox import SHARE, Item, Look, Mailbox


def report(holder: str, seq: int, lease: int = 1, agent: str = "a") -> Report:
    return Report(holder=holder, seq=seq, lease=lease, agent=agent, unit="tokens")


def told(mail: Mailbox) -> list[Any]:
    return [item.command for item in mail.gather(0).items]


def test_of_what_is_told_in_totals_only_the_newest_waits() -> None:
    mail = Mailbox()
    for seq in (1, 3, 2):
        mail.put(Item(report("h1", seq)))
        mail.put(Item(report("h1", seq + 10, lease=2)))
        mail.put(Item(Outcomes("h1", "a", "openai", "gpt", {"ok": seq})))
        mail.put(Item(Question("q", "h1", "a")))
        mail.put(Item(Charge("minute", "a", "usd", 0, seq)))

    assert mail.size() == 5
    found = told(mail)
    assert [one.seq for one in found if isinstance(one, Report)] == [3, 13]
    assert [one.counts for one in found if isinstance(one, Outcomes)] == [{"ok": 2}]
    assert [one.total for one in found if isinstance(one, Charge)] == [2]
    assert told(mail) == []


def test_each_thing_that_is_not_a_total_counts() -> None:
    mail = Mailbox()
    asked: Future[Any] = Future()
    for item in (Item(Hello("h1")), Item(Hello("h1")), Item(report("h1", 1), asked)):
        mail.put(item)
    mail.put(Item(report("h1", 2)))

    assert len(mail.gather(0).items) == 4


def test_a_flood_of_one_does_not_keep_others_waiting() -> None:
    mail = Mailbox()
    for lease in range(10 * SHARE):
        mail.put(Item(report("flood", lease, lease=lease)))
    mail.put(Item(report("quiet", 1)))
    mail.put(Item(Tick()))

    first = mail.gather(0).items
    assert len(first) == SHARE + 2
    assert {item.sender for item in first} == {"flood", "quiet", ""}
    assert mail.waiting("flood") == 9 * SHARE
    seen = [item.command.lease for item in first if item.sender == "flood"]
    while mail.size():
        seen += [item.command.lease for item in mail.gather(0).items]
    assert seen == list(range(10 * SHARE)), "in order, each once"


def test_what_is_put_back_yields_to_what_is_newer() -> None:
    mail = Mailbox()
    mail.put(Item(Hello("h1")))
    mail.put(Item(report("h1", 1)))
    mail.put(Item(report("h1", 2, lease=2)))
    taken = mail.gather(0).items
    mail.put(Item(report("h1", 5)))

    mail.put_back(taken)

    said = told(mail)
    assert [type(one) for one in said] == [Hello, Report, Report], "and in the order of old"
    assert [one.seq for one in said[1:]] == [5, 2]


def test_who_looks_sees_what_was_told_before() -> None:
    mail = Mailbox()
    mail.put(Item(Tick()))
    look = Look(len, Future())
    assert mail.look(look)

    post = mail.gather(60)
    assert (len(post.items), post.looks) == (1, [look])
    assert mail.end() == []
    assert not mail.look(look)
