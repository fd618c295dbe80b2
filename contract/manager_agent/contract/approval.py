"""What people say to a call that waits for them, and who says it, wherever they say it."""

from dataclasses import dataclass, field
from typing import Literal

Choice = Literal["once", "amount", "cheaper", "deny"]
Source = Literal["api", "cli", "slack"]


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: `name` as the audit shows it, and where they said it.

    Over the API and the command line the name is that of a token, else an address. In Slack
    anybody can choose a name: there `user` (`U...`), which is Slack's word for it, and `groups`
    (`S...`), the user groups that hold the user, say who it is.
    """

    name: str
    source: Source = "api"
    user: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """Somebody answers a question: `id` is its id, or the beginning that no other has.

    `once`: this one call may be made; `amount_nano`, nano-USD: it may cost at most so much; None:
    as it asks. `amount`: calls like it of the same agent may cost so much in all until `until_us`
    (microseconds since 1970); None: what is configured to be offered. `cheaper`: it is made with a
    cheaper model, named by `cheaper`, "" for the one that was offered. `deny`: it is not made.
    `why` is told to who asked, and kept.
    """

    id: str
    choice: Choice
    who: Decider
    why: str = ""
    amount_nano: int | None = None
    until_us: int | None = None
    cheaper: str = ""
