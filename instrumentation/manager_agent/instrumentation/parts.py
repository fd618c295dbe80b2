"""What the guard needs of its neighbours, so that each can be tried without the others."""

from collections.abc import Callable, Sequence
from typing import Protocol

from manager_agent.contract import guard
from manager_agent.contract.decision import Allow, Hold, Refuse
from manager_agent.contract.guard import Policy, Question
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ask, Ended

Call = Callable[[str, bytes, float], bytes]
"""(method, request, seconds) -> answer."""


class BoundsLike(Protocol):
    """What calls reserve and settle at: `bounds.py`."""

    def of(self, ask: Ask, policy: Policy) -> Bound | None: ...  # noqa: D102
    def wanted(self) -> bool: ...  # noqa: D102
    def learn(self, call: Call) -> None: ...  # noqa: D102
    def spent(self, ended: Ended, bound: Bound) -> tuple[int, int, bool]: ...  # noqa: D102
    def ended(self, ended: Ended) -> None: ...  # noqa: D102


class BreakersLike(Protocol):
    """What is open: `breakers.py`."""

    quiet: bool

    def refusal(self, ask: Ask) -> Refuse | None: ...  # noqa: D102
    def withdrawn(self, ask: Ask) -> None: ...  # noqa: D102
    def ended(self, ended: Ended) -> None: ...  # noqa: D102
    def outcomes(self, holder: str) -> Sequence[guard.Outcomes]: ...  # noqa: D102
    def take(self, message: guard.Breakers) -> None: ...  # noqa: D102
    def tell_again(self) -> None: ...  # noqa: D102
    def forget(self) -> None: ...  # noqa: D102


class ApprovalsLike(Protocol):
    """What people must allow: `approvals.py`."""

    def question(  # noqa: D102
        self, ask: Ask, bound: Bound | None, policy: Policy
    ) -> Question | None: ...
    def hold(self, question: Question, policy: Policy) -> Hold: ...  # noqa: D102
    def wait(  # noqa: D102
        self, question: Question, policy: Policy, wake: Callable[[], None]
    ) -> Allow | Refuse: ...
    async def wait_async(  # noqa: D102
        self, question: Question, policy: Policy, wake: Callable[[], None]
    ) -> Allow | Refuse: ...
    def questions(self, holder: str) -> Sequence[Question]: ...  # noqa: D102
    def take(self, answer: guard.Answer) -> None: ...  # noqa: D102


class StreamLike(Protocol):
    """Messages both ways: `channel.Stream`."""

    def send(self, messages: Sequence[bytes]) -> None: ...  # noqa: D102
    def receive(self, seconds: float) -> list[bytes]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class ChannelLike(Protocol):
    """A connection to the manager: `channel.Channel`."""

    def call(self, method: str, payload: bytes, seconds: float) -> bytes: ...  # noqa: D102
    def open(self, method: str) -> StreamLike: ...  # noqa: D102
    def wake(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def abandon(self) -> None: ...  # noqa: D102
