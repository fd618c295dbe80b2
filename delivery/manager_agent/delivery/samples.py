"""One message of each form that there is: for tests, for pictures and for `alerts test`."""

from datetime import datetime

from manager_agent.delivery.catalog import catalog
from manager_agent.rules.message import Message


def samples(now: datetime) -> tuple[Message, ...]:
    """Return a realistic message of each kind, in each of its forms, as of `now` (UTC).

    Made by the files of `kinds/`, ordered by kind. Their facts are those that rules really tell; a
    test holds the two together. Keys and alert ids are stable, and begin with `sample:`.
    """
    return tuple(message for kind in catalog().values() for message in kind.samples(now))
