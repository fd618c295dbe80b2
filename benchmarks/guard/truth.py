"""What was really spent: the fake provider as a process of its own, and the sum of its ledger."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from manager_agent.app.demo.children import clean_environment

NANO = 1_000_000_000
CENT = NANO // 100
_PRICES = {
    "gpt-4o": (2_500, 10_000),
    "claude-haiku-4-5": (1_000, 5_000),
    "gemini-2.5-pro": (1_250, 10_000),
}
"""List prices in nano-USD of a token of input and of output."""
TOKENS = {"openai": (1000, 750), "anthropic": (1000, 1800), "google": (1000, 875)}
"""Input and output of a call that costs a cent, by the SDK that asks for it."""


@dataclass(frozen=True)
class Bill:
    """What the provider bills. `requests`: all attempts that reached it, `calls`: the billed."""

    requests: int
    calls: int
    nano: int
    starts: tuple[float, ...] = ()

    @property
    def usd(self) -> float:
        """Return the sum in USD, for people."""
        return self.nano / NANO

    def over(self, limit_nano: int) -> float:
        """Return by how many percent of the limit it was exceeded; 0 where it was held."""
        return max(0.0, (self.nano - limit_nano) * 100 / limit_nano)


class Truth:
    """A provider that runs, and its ledger."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def place(self) -> str:
        """Return `host:port`."""
        return self.url.removeprefix("http://")

    def bill(self, seconds: float = 30.0, under: str = "", pending: bool = False) -> Bill:
        """Return the bill once nothing is under way; raises `TimeoutError` where that takes longer.

        `under`: only of requests whose path begins so. `pending`: the bill as it is now.
        """
        deadline = time.monotonic() + seconds
        while (told := self._told())["pending"] and not pending:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{told['pending']} requests are pending after {seconds} s")
            time.sleep(0.05)  # the condition above, polled
        return bill([one for one in told["served"] if one["path"].startswith(under)])

    def _told(self) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/__ledger", timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
        return told


def bill(served: list[dict[str, Any]]) -> Bill:
    """Return the sum of entries of a ledger, at list prices."""
    billed = [one for one in served if one["billed"] and one["usage"]]
    return Bill(
        len(served), len(billed), sum(map(_nano, billed)), tuple(one["started"] for one in billed)
    )


def _nano(entry: Mapping[str, Any]) -> int:
    dear_input, dear_output = _PRICES[entry["model"]]
    used = entry["usage"]
    return int(used["input_tokens"] * dear_input + used["output_tokens"] * dear_output)


@contextmanager
def provider(sdk: str = "openai", hang: float = 0.1, **faults: Any) -> Iterator[Truth]:
    """Run a provider whose calls cost a cent each, until the block ends."""
    size = dict(zip(("input_tokens", "output_tokens"), TOKENS[sdk], strict=True))
    told = {**size, "hang_seconds": hang, **faults}
    switches = [f"--fault={name.replace('_', '-')}={value}" for name, value in told.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "manager_agent.app.demo.provider", *switches],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment({}) | {"PATH": ""},
    )
    try:
        assert process.stdout is not None, "it was started with a pipe"
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the provider ended with code {process.wait()}: {switches}")
        yield Truth(url)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
