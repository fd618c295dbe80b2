"""A process that commits steps and marks messages for as long as it lives, saying what it did.

Run as `python -m tests.store.control_victim PATH`, to be killed. Each line on stdout is a promise:
`step N` after step N was committed, `sent KEY` after a message was marked.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from manager_agent.rules.finding import Finding
from manager_agent.rules.step import step
from manager_agent.store.control import ControlStore
from tests.harness.outbox import due, sent

START = datetime(2026, 11, 23, tzinfo=UTC)


def finding(number: int) -> Finding:
    return Finding(
        rule="loop",
        subject=f"s{number}",
        agent=None,
        severity="info",
        title=f"s{number}",
        headline="x" * 500,
        evidence={"number": number},
    )


def main(path: Path) -> None:
    with ControlStore(path) as store:
        number = len(store.alerts())
        while True:
            now = START + timedelta(seconds=number)
            store.commit(step(store.memory(), [finding(number)], now))
            print("step", number, flush=True)
            for outgoing in due(store, now, 1):
                sent(store, outgoing.message.key, now)
                print("sent", outgoing.message.key, flush=True)
            number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
