"""The same request has the same digest on its span, under a key that only the manager gives."""

import json
from collections.abc import Sequence

from manager_agent.contract.attributes import PROMPT_DIGEST
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.exporter import Exporter
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.transport import GrpcTransport
from tests.harness.metered import CHAT, MESSAGES, asked, ended


class Manager(GrpcTransport):
    """Gives a key and no rates; sends nothing."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def call(self, method: str, request: bytes, seconds: float) -> bytes:
        return json.dumps({"rates": [], "digest_key": self._key and self._key.hex()}).encode()


def call(body: bytes | None, endpoint: Endpoint = CHAT) -> Ended:
    ask = asked(endpoint)
    ask.body = body
    return ended(ask, Told(usage=Usage(1, 1)))


def digests(key: bytes | None, calls: Sequence[Ended]) -> list[object]:
    manager = Manager(key)
    exporter = Exporter(manager, manager, {})
    exporter.learn(calls)
    return [(exporter.prepare(each).attributes or {}).get(PROMPT_DIGEST) for each in calls]


def test_the_same_request_has_the_same_digest() -> None:
    one, again, other, elsewhere = digests(
        b"key", [call(b"a"), call(b"a"), call(b"b"), call(b"a", MESSAGES)]
    )

    assert isinstance(one, str)
    assert len(bytes.fromhex(one)) == 16
    assert one == again
    assert len({one, other, elsewhere}) == 3


def test_another_managers_digest_is_another() -> None:
    assert digests(b"key", [call(b"a")]) != digests(b"other", [call(b"a")])


def test_without_key_or_body_there_is_none() -> None:
    assert digests(None, [call(b"a")]) == [None]
    assert digests(b"key", [call(None)]) == [None]
