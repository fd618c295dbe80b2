"""A manager with little room, shared by all tests that only send and look."""

from collections.abc import Iterator

import pytest

from tests.harness.manager import Manager, manager
from tests.harness.otlp import Sender

CONFIG = {"receiver": {"max_pending_mib": 1, "max_request_mib": 8}}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with manager(tmp_path_factory.mktemp("shared") / "data", CONFIG) as found:
        yield found


@pytest.fixture(scope="session")
def sender(running: Manager) -> Iterator[Sender]:
    with Sender(running.where) as found:
        yield found
