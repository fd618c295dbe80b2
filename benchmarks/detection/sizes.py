"""How many tokens requests and answers have, and how they arrive: from a real trace.

The tables are 21 quantiles (each 5 %, the last one 99.5 %) of the Azure LLM inference trace 2023
(AzurePublicDataset, CC-BY; Patel et al., "Splitwise", ISCA 2024): two services, one hour each.
Given the trace itself (`--trace DIRECTORY`), its own rows are drawn instead.
"""

import csv
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random

Table = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Ascending values to draw from: tokens in and out of a request, seconds between two."""

    input: Table
    output: Table
    gap: Table

    def tokens(self, random: Random) -> tuple[int, int]:
        """Return tokens in and out of one request."""
        return max(int(_drawn(self.input, random)), 20), max(int(_drawn(self.output, random)), 1)

    def seconds(self, random: Random, mean: float) -> float:
        """Return the time to the next arrival, bursty as the trace is, around a mean."""
        return _drawn(self.gap, random) * mean * (len(self.gap) / sum(self.gap))


# fmt: off
CODE = Sizes(
    (
        3, 75, 147, 232, 385, 578, 770, 938, 1075, 1261, 1469,
        1690, 1909, 2164, 2433, 2745, 3193, 3923, 5194, 7315, 7436,
    ),
    (
        6, 6, 7, 7, 8, 9, 9, 10, 11, 12, 13,
        14, 16, 18, 20, 24, 29, 39, 55, 90, 361,
    ),
    (
        0.0, 0.0, 0.0, 0.001, 0.001, 0.002, 0.003, 0.005, 0.015, 0.038, 0.064,
        0.09, 0.095, 0.098, 0.1, 0.104, 0.16, 0.199, 0.273, 0.401, 10.124,
    ),
)
CHAT = Sizes(
    (
        2, 181, 207, 372, 387, 396, 403, 414, 703, 984, 1020,
        1045, 1071, 1097, 1130, 1189, 1315, 1877, 2735, 4083, 4831,
    ),
    (
        7, 41, 54, 67, 77, 85, 91, 96, 103, 113, 129,
        151, 177, 217, 384, 395, 400, 411, 424, 451, 644,
    ),
    (
        0.0, 0.006, 0.016, 0.026, 0.037, 0.048, 0.061, 0.073, 0.087, 0.102, 0.118,
        0.138, 0.159, 0.183, 0.214, 0.247, 0.289, 0.346, 0.421, 0.565, 1.05,
    ),
)
# fmt: on


def from_trace(directory: Path) -> tuple[Sizes, Sizes]:
    """Return the sizes of code and of chat as the trace's files in a directory have them."""
    code, chat = (_read(directory / f"azure_llm_2023_{name}.csv") for name in ("code", "conv"))
    return code, chat


def _read(path: Path) -> Sizes:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    at = [datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows]
    return Sizes(
        tuple(sorted(float(row["ContextTokens"]) for row in rows)),
        tuple(sorted(float(row["GeneratedTokens"]) for row in rows)),
        tuple(sorted(after - before for before, after in pairwise(at))),
    )


def _drawn(table: Table, random: Random) -> float:
    """Return a value between two neighbours of an ascending table."""
    place = random.random() * (len(table) - 1)
    low = int(place)
    return table[low] + (table[min(low + 1, len(table) - 1)] - table[low]) * (place - low)
