"""Where imported calls go: into a running manager, or straight into the data directory."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from manager_agent.analytics.install import install
from manager_agent.api.services import BadHistoryError, BusyError
from manager_agent.app.history.taken import Rows, Taken, Target
from manager_agent.app.rest import LaterError, post
from manager_agent.app.settings import Settings, custom_prices
from manager_agent.prices.book import PriceBook
from manager_agent.receiver.call import Call
from manager_agent.receiver.content import Door
from manager_agent.receiver.cost import costed
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.history import HistoryError, past_call, priced
from manager_agent.store.digest_key import digest_key
from manager_agent.store.duck import FactStore, InUseError

_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 1.0
_MOST_BYTES = 900_000
"""Of one request; the API takes a little more."""


class Directory:
    """A data directory on which no manager runs."""

    def __init__(self, facts: FactStore, price: Callable[[Call], Call], name: str) -> None:
        self.name = name
        self._facts = facts
        self._price = price

    def take(self, rows: Rows) -> Taken:
        """Store the rows that are not there yet."""
        calls = [priced(past_call(row), self._price) for row in rows]
        return _said(self._facts.take_in(calls, time.time_ns()), len(rows))


class Running:
    """A manager that runs; it is asked again for a while where it says "later"."""

    def __init__(self, api_url: str) -> None:
        self.name = f"the manager at {api_url}"
        self._api_url = api_url

    def take(self, rows: Rows) -> Taken:
        """Have the rows stored. Raises `ManagerError`."""
        size = len(json.dumps(list(rows)))
        if size > _MOST_BYTES and len(rows) > 1:
            half = len(rows) // 2
            return self.take(rows[:half]) + self.take(rows[half:])
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return Taken(**post(self._api_url, "/api/v1/imports", {"rows": list(rows)}))
            except LaterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)


class Nowhere:
    """For a dry run: prices, and keeps nothing."""

    name = "nowhere (dry run)"

    def __init__(self, price: Callable[[Call], Call]) -> None:
        self._price = price

    def take(self, rows: Rows) -> Taken:
        """Price the rows."""
        return _said([priced(past_call(row), self._price) for row in rows], len(rows))


@contextmanager
def target(settings: Settings, api_url: str, *, dry_run: bool) -> Iterator[Target]:
    """Yield where imported calls go: the running manager where one has the directory open."""
    book = PriceBook(custom_prices(settings), settings.prices.discounts)

    def price(call: Call) -> Call:
        return costed(call, book)

    if dry_run:
        yield Nowhere(price)
        return
    directory = settings.data_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        facts = _opened(directory, settings)
    except InUseError:
        yield Running(api_url)
        return
    try:
        yield Directory(facts, price, str(directory))
    finally:
        facts.close()


class LiveHistory:
    """The manager's side of an import: prices rows, and stores them between two commits."""

    def __init__(
        self,
        facts: FactStore,
        intake: Entrance,
        price: Callable[[Call], Call],
        committed: Callable[[], None],
        closed: Callable[[], str | None],
    ) -> None:
        """`closed`: why nothing may be stored at present, such as a full disk."""
        self._facts = facts
        self._intake = intake
        self._price = price
        self._committed = committed
        self._closed = closed

    def __call__(self, rows: Rows) -> dict[str, int]:
        """Return the members of `Taken`. Raises `BadHistoryError` and `BusyError`."""
        why = self._closed()
        if why is not None:
            raise BusyError(why)
        try:
            calls = [priced(past_call(row), self._price) for row in rows]
        except HistoryError as error:
            raise BadHistoryError(str(error)) from error
        fresh: list[Call] = []

        def store() -> None:
            fresh.extend(self._facts.take_in(calls, time.time_ns()))
            if fresh:
                self._committed()

        try:
            self._intake.between_commits(store).result()
        except duckdb.Error as error:
            raise BusyError(f"the store cannot write at present: {error}") from error
        taken = _said(fresh, len(rows))
        return {name: getattr(taken, name) for name in Taken.__slots__}


def _said(fresh: Sequence[Call], offered: int) -> Taken:
    return Taken(
        added=len(fresh),
        known=offered - len(fresh),
        unpriced=sum(call.cost_nano is None for call in fresh),
        cost_nano=sum(call.cost_nano or 0 for call in fresh),
    )


def _opened(directory: Path, settings: Settings) -> FactStore:
    door = Door(digest_key(directory / "digest.key"), keep=settings.receiver.keep_attributes)
    return FactStore(directory / "manager.duckdb", door, install)
