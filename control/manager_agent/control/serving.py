"""Who gets money, in which order, and who is asked to give some back.

Demand that cannot be met waits in a queue, critical ones first, then who came first. Nobody behind
overtakes on an account that is short; whoever waits there keeps others' look-ahead waiting, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from manager_agent.contract.guard import Grant, Verdict
from manager_agent.control import booking, sizing
from manager_agent.control.book import Book
from manager_agent.control.commands import To
from manager_agent.control.opening import allowance_for
from manager_agent.control.rows import Account, AccountKey, Lease

TTL_US = 10_000_000
"""How long a grant is believed without news; for low priority half of it."""

_RECALL_AGAIN_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one demand, and the account that is in the way."""

    verdict: Verdict
    account: Account | None = None


def serve(book: Book, now_us: int) -> list[To]:
    """Grant what can be granted to those who wait, then look-ahead to those who asked.

    Those are who reported since this was done last: they are told in any case. Of the others who
    wait, those are told who are granted something or can wait no longer.
    """
    askers = _askers(book)
    asked = {lease.id: book.wish_of(lease).need for lease in askers}
    if book.stirred:
        said, answers = _walk(book, now_us, asked)
    else:  # nothing has changed for anybody since they were all looked at
        said, answers = [], {}
    for asker in askers:
        answer = answers.get(asker.id) or _still(book, asker, asked[asker.id])
        said += _answered(book, book.leases[asker.id], answer, asked[asker.id], now_us)
    return said


def _askers(book: Book) -> list[Lease]:
    """Return the leases whose holders asked, and forget that they did; not those closed since."""
    found = [book.leases[id_] for id_ in book.asking]
    book.asking.clear()
    return [lease for lease in found if not lease.closed]


def _answered(book: Book, asker: Lease, answer: Answer, asked: int, now_us: int) -> list[To]:
    """Give look-ahead to one who asked, where nobody waits for it, and say how it stands."""
    said: list[To] = []
    others_first = any(book.short.get(key, 5) <= asker.priority for key in asker.accounts)
    if answer.verdict == "ok" and not others_first:
        _look_ahead(book, asker)
        allowance = allowance_for(book, asker, now_us)
        if allowance is not None:
            said.append(_beside(told(book, allowance, now_us, Answer("ok")), book, asker))
    said.append(told(book, asker, now_us, answer, asked))
    return said


def _walk(book: Book, now_us: int, asked: Mapping[int, int]) -> tuple[list[To], dict[int, Answer]]:
    """Look at all who wait, in order; return what they are told, and the answers to those `asked`.

    Once for all that was said together: with a thousand who wait, a look for each word of each of
    them would be a million.
    """
    said: list[To] = []
    answers: dict[int, Answer] = {}
    book.short = {}
    called: dict[tuple[AccountKey, int], int] = {}
    for lease in book.queue():
        need = book.wish_of(lease).need
        got = _met(book, lease, book.short)
        if lease.id in asked:
            answers[lease.id] = got
        elif got.verdict != "wait":
            said.append(told(book, lease, now_us, got, need))
        if got.verdict == "wait":
            said += _recalls(book, lease, now_us, called)
    book.stirred = False
    return said, answers


def _still(book: Book, asker: Lease, need: int) -> Answer:
    """Return how it stands for one whose demand is as it was when all were looked at."""
    if need <= 0:
        return Answer("ok")
    blocked = [book.accounts[key] for key in asker.accounts if key in book.short]
    return Answer("wait", blocked[0] if blocked else None)


def _beside(said: To, book: Book, asker: Lease) -> To:
    """Return word of an allowance as the answer to the report that it was made for.

    It has not been reported of itself, and its holder counts its time from a report.
    """
    assert isinstance(said.message, Grant)
    return replace(said, message=replace(said.message, seq=book.wish_of(asker).seq))


def call_back(book: Book, now_us: int) -> list[To]:
    """Ask for all idle money of accounts that are above their limit."""
    over = [account.key for account in book.accounts.values() if account.excess]
    leases = {lease.id: lease for key in over for lease in book.tied_to(key)}
    said = [_recalled(book, lease, now_us) for lease in leases.values() if _spare(book, lease)]
    return [one for one in said if one is not None]


def told(book: Book, lease: Lease, now_us: int, answer: Answer, need: int = 0) -> To:
    """Return the message that says where a lease stands."""
    lease = book.leases[lease.id]
    accounts = [book.accounts[key] for key in lease.accounts]
    about = answer.account or _tightest(accounts)
    left_us = max(0, lease.ends_us - now_us)
    grant = Grant(
        holder=lease.holder,
        lease=lease.id,
        agent=lease.agent,
        unit=lease.unit,
        seq=book.wish_of(lease).seq,
        granted_total=lease.granted,
        ttl_ms=ttl_us(lease) // 1000,
        window_left_ms=left_us // 1000,
        verdict=answer.verdict,
        need=need,
        recall_to=0 if answer.verdict == "paused" else None,
        unlimited=all(account.bound is None for account in accounts),
        offline=lease.offline,
        limit_name=name_of(about.key) if about else "",
        limit=(about.amount or 0) if about else 0,
        spent=about.settled + about.doubt if about else 0,
        reserved=about.outstanding if about else 0,
        resets_in_ms=max(0, about.end_us - now_us) // 1000 if about else 0,
    )
    return To(lease.holder, grant)


def ttl_us(lease: Lease) -> int:
    """Return how long a grant is believed: low priority gives up sooner."""
    return TTL_US // 2 if lease.priority == 4 else TTL_US


def name_of(key: AccountKey) -> str:
    """Return a limit's name as people know it, such as `daily_limit_usd of agent research`."""
    word = {"hour": "hourly", "day": "daily", "month": "monthly"}[key.period]
    name = f"{word}_limit_usd" if key.unit == "usd" else f"{word}_token_limit"
    return f"{name} of the fleet" if key.scope == "fleet" else f"{name} of {key.scope} {key.name}"


def _met(book: Book, lease: Lease, short: dict[AccountKey, int]) -> Answer:
    """Grant what a waiting lease needs if it can be.

    If not, note in `short` which accounts lack it, with the priority of the first who waits there.
    """
    wish = book.wish_of(lease)
    draws = _draws(book, lease)
    over = sizing.exhausted(draws, wish.need)
    if over is not None:
        book.wish(lease, replace(wish, need=0, exhausted=True))
        return Answer("exhausted", over.account)
    lacking = sizing.short(draws, wish.need)
    for draw in lacking:
        short.setdefault(draw.account.key, lease.priority)
    blocked = [book.accounts[key] for key in lease.accounts if key in short]
    if blocked:
        return Answer("wait", blocked[0])
    booking.grant(book, lease, sizing.amount(draws, wish.want, wish.need))
    book.wish(lease, replace(wish, want=0, need=0, exhausted=False))
    return Answer("ok")


def _look_ahead(book: Book, lease: Lease) -> None:
    wish = book.wish_of(lease)
    more = sizing.amount(_draws(book, lease), wish.want, 0) if wish.want > 0 else 0
    if more > 0 and any(book.accounts[key].bound is not None for key in lease.accounts):
        booking.grant(book, lease, more)
    if wish.want:
        book.wish(lease, replace(wish, want=0))


def _recalls(
    book: Book, waiting: Lease, now_us: int, called: dict[tuple[AccountKey, int], int]
) -> list[To]:
    """Ask holders that are no more critical for idle money, the least critical first.

    `called`: how much was asked for already, for others of the same priority who wait there.
    """
    said: list[To] = []
    need = book.wish_of(waiting).need
    for draw in sizing.short(_draws(book, waiting), need):
        lacks = need - draw.free
        place = (draw.account.key, waiting.priority)
        if lacks <= called.get(place, 0):
            continue
        called[place] = lacks
        tied = book.tied_to(draw.account.key)
        for lease in sorted(tied, key=lambda one: (one.offline, -one.priority)):
            spare = _spare(book, lease)
            if lease.id == waiting.id or lease.priority < waiting.priority or not spare:
                continue
            lacks -= spare
            recall = _recalled(book, lease, now_us)
            if recall is not None:
                said.append(recall)
            if lacks <= 0:
                break
    return said


def _spare(book: Book, lease: Lease) -> int:
    return sizing.idle(lease, book.wish_of(lease).reserved)


def _recalled(book: Book, lease: Lease, now_us: int) -> To | None:
    """Return the message that calls idle money back; None where it was sent a moment ago."""
    wish = book.wish_of(lease)
    if wish.recalled_us + _RECALL_AGAIN_US > now_us:
        return None
    book.wish(lease, replace(wish, recalled_us=now_us))
    said = told(book, lease, now_us, Answer("ok"))
    assert isinstance(said.message, Grant)
    return replace(said, message=replace(said.message, recall_to=0))


def _draws(book: Book, lease: Lease) -> list[sizing.Draw]:
    accounts = [book.accounts[key] for key in lease.accounts]
    drawers = [len(book.tied.get(key, ())) for key in lease.accounts]
    return sizing.draws(accounts, drawers, lease.priority)


def _tightest(accounts: list[Account]) -> Account | None:
    bounded = [one for one in accounts if one.bound is not None]
    return min(bounded, key=lambda one: (one.bound or 0) - one.total, default=None)
