"""A request on its way in: whom to answer, and whether that was done."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from manager_agent.receiver.answer import Answer
from manager_agent.receiver.sink import Kept, Offer


@dataclass(slots=True, eq=False)
class Request:
    """A request until its sender has an answer, and until it is stored.

    `since`: when it came. `direct`: the intake has it already. `kept`: where it lies in the
    journal, if it does. Who sets `answered`, under the entrance's lock, tells the answer.
    """

    offer: Offer
    since: float
    direct: bool
    told: "Future[Answer]" = field(default_factory=Future)
    answered: bool = False
    kept: Kept | None = None

    def tell(self, answer: Answer) -> None:
        """Give the sender its answer, unless it has gone."""
        if self.told.set_running_or_notify_cancel():
            self.told.set_result(answer)
