"""What `doctor` says about one thing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: whether it is well, what was found, and what could be done about it.

    `worth_knowing`: it is as it should be, and still may surprise.
    """

    ok: bool
    name: str
    found: str
    remedy: str = ""
    worth_knowing: bool = False

    @property
    def verdict(self) -> str:
        """Four letters that begin its line: `ok`, `note` or `FAIL`."""
        if not self.ok:
            return "FAIL"
        return "note" if self.worth_knowing else "ok  "
