"""A process that stores transactions for as long as it lives, saying which are acknowledged.

Run as `python -m tests.store.log_victim FOLDER`, to be killed. Each line on stdout is the number
of transactions committed so far; each stores three spans.
"""

import sys
from pathlib import Path

from tests.harness.facts import opened
from tests.harness.stories import Receiver, llm

SPANS = 3


def main(folder: Path) -> None:
    receiver = Receiver(opened(folder))
    number = 0
    while True:
        receiver.take([llm("a", SPANS * number + each) for each in range(1, SPANS + 1)])
        number += 1
        print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
