"""What `doctor` says about one thing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: whether it is well, what was found, and what could be done about it."""

    ok: bool
    name: str
    found: str
    remedy: str = ""

    @property
    def verdict(self) -> str:
        """Four letters: `ok`, `FAIL`, or `note` where it is well and there is something to do."""
        if not self.ok:
            return "FAIL"
        return "note" if self.remedy else "ok  "
