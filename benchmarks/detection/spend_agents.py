"""Agents by the rhythm that they spend in: what an hour of each normally costs, and how it strays.

Some are hard negatives: what looks like a spike and is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, exp, pi
from random import Random

BEGIN = datetime(2027, 1, 25, tzinfo=UTC)
"""First judged moment, a Monday; five weeks of history lie before."""

_DAY = 86_400.0
_MONTH_END = datetime(2027, 1, 31, tzinfo=UTC)
RHYTHMS: Mapping[str, str] = {
    "people": "office hours, fewer at weekends, busier at the month's end",
    "service": "all day, a little more at noon",
    "nightly": "a job from two to four each night",
    "mondays": "a job on Monday mornings",
    "sparse": "each fourth hour only",
    "growing": "1.2 % more each day",
    "deploy": "1.7 times as much from the third day on, for good",
    "new": "begins on the second day",
    "few": "some calls a day, each worth a dollar or so",
    "bursty": "few long sessions of very different cost",
    "weekend": "works at weekends alone, a tenth of it at other times",
    "odd_batch": "a job of two hours every third day, at any hour",
    "young": "began five days before",
    "day_old": "began a day and a half before",
    "dearer": "prices rise by a quarter from the second day on",
    "quiet_nights": "next to nothing at night, wakes within an hour",
}
UNSEEN: Mapping[str, str] = {
    "shifts": "three shifts of eight hours, each with its own pace, and pauses between",
    "falling": "2 % less each day",
    "lunch": "office hours with a break, Fridays shorter",
    "two_peaks": "busy in the morning and in the evening, quiet between",
    "crons": "a job of an hour each sixth hour, next to nothing else",
    "sundays": "a third more on Sundays, as people have time for it",
    "ramp": "4 % more each day",
}
"""Rhythms of the fleets held out alone."""

LUMPY: Mapping[str, tuple[float, float]] = {"few": (1.2, 0.6), "bursty": (0.8, 1.1)}
"""Rhythms made of single dear pieces: USD of one (median), and how far pieces stray (log scale)."""


@dataclass(frozen=True, slots=True)
class Spender:
    """`usd`: an hour at noon of a working day; `noise`: how far its hours stray (log scale).

    `shift`: hours by which its day lies later; `seed`: what else is its own.
    """

    name: str
    rhythm: str
    usd: float
    noise: float
    shift: float
    seed: str

    def normal(self, at: datetime) -> float:
        """Return USD an hour, without noise."""
        if at < _begins(self.rhythm):
            return 0.0
        shape = self._shape(at)
        if self.rhythm == "people" and at.date() == _MONTH_END.date():
            shape *= 1.8
        return self.usd * shape

    def _shape(self, at: datetime) -> float:
        hour = at.hour + at.minute / 60
        days = (at - BEGIN).total_seconds() / _DAY
        wave = 0.55 + 0.45 * cos((hour - 14 - self.shift) / 24 * 2 * pi)
        week = 0.3 if at.weekday() >= 5 else 1.0
        match self.rhythm:
            case "service":
                return 0.7 + 0.3 * wave
            case "nightly":
                return 3.0 if 2 <= hour < 4 else 0.1 * wave
            case "mondays":
                return 3.0 if at.weekday() == 0 and 8 <= hour < 11 else 0.3 * wave * week
            case "sparse":
                return wave * week if at.hour % 4 == 0 else 0.0
            case "growing":
                return wave * week * exp(days * 0.012)
            case "deploy":
                return wave * week * (1.7 if days >= 2.6 else 1.0)
            case "new" | "young" | "day_old":
                return wave
            case "few" | "bursty":
                return 0.25 * wave * week
            case "weekend":
                return wave * (1.0 if at.weekday() >= 5 else 0.1)
            case "odd_batch":
                return 0.3 * wave + (4.0 if self._in_batch(at) else 0.0)
            case "dearer":
                return wave * week * (1.25 if days >= 1.0 else 1.0)
            case "shifts":
                return (1.0, 0.6, 0.3)[at.hour // 8] * (0.1 if at.hour % 8 == 7 else 1.0)
            case "falling":
                return wave * week * exp(-days * 0.02)
            case "lunch":
                short = at.weekday() == 4 and at.hour >= 13
                return wave * week * (0.3 if at.hour == 12 or short else 1.0)
            case "two_peaks":
                evening = exp(-(((hour - 8 - self.shift) % 24 - 12) ** 2) / 8)
                return 0.15 + exp(-((hour - 9) ** 2) / 6) + evening * (0.5 if week < 1 else 1.0)
            case "crons":
                return 2.0 if at.hour % 6 == 1 else 0.08 * wave
            case "sundays":
                return wave * (1.3 if at.weekday() == 6 else 1.0)
            case "ramp":
                return wave * week * exp(days * 0.04)
            case "quiet_nights":
                return 1.0 if 7 <= (hour - self.shift) % 24 < 22 else 0.02
            case _:
                return wave * week

    def _in_batch(self, at: datetime) -> bool:
        number = int((at - BEGIN).total_seconds() // (3 * _DAY))
        starts = Random(f"{self.seed} batch {number}").randrange(0, 70)
        passed = (at - BEGIN).total_seconds() - number * 3 * _DAY
        return starts * 3600 <= passed < (starts + 2) * 3600


def _begins(rhythm: str) -> datetime:
    since = {"new": 1.4, "young": -5.0, "day_old": -1.5}.get(rhythm, -1000.0)
    return datetime.fromtimestamp(BEGIN.timestamp() + since * _DAY, UTC)


def pieces(random: Random, usd: float, piece: float, stray: float) -> float:
    """Return what falls into a bucket that holds `usd` on average: whole pieces, often none."""
    mean = usd / (piece * exp(stray * stray / 2))
    told, passed = 0.0, random.expovariate(1.0)
    while passed < mean:
        told += piece * exp(random.gauss(0, stray))
        passed += random.expovariate(1.0)
    return told
