"""Spans that arrive after their call was sealed correct it; repeated ones change nothing.

The merge window is a second long here, so that "minutes apart" takes seconds.
"""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.harness.captures import Capture, captures, verdict
from tests.harness.manager import Manager, Rows, manager, until
from tests.harness.otlp import Sender, Sending, hex_id, llm, parts, request, shuffled
from tests.harness.rollups import assert_rollups_are_sums

CONFIG = {"receiver": {"merge_window_seconds": 1}}
SEED = 7


def forgotten(running: Manager) -> None:
    """Wait until all calls are sealed and the window remembers nothing."""
    until("the window is empty", lambda: running.metric("manager_receiver_window_spans") == 0)


def send_all(sender: Sender, pieces: Sequence[ExportTraceServiceRequest], seed: int) -> None:
    """Send the pieces in a random order, some of different emitters in one request."""
    rng = random.Random(seed)
    order = rng.sample(pieces, len(pieces))
    requests = []
    while order:
        together = ExportTraceServiceRequest()
        for _ in range(min(len(order), rng.randrange(1, 16))):
            together.MergeFrom(order.pop())
        requests.append(together)
    with ThreadPoolExecutor(4) as pool:
        refused = pool.map(lambda each: sender.send(*each), shuffled(requests, rng))
        assert sum(refused) == 0


@dataclass
class Story:
    """What `llm_calls` held after the first parts, after the others, and after a repetition."""

    running: Manager
    first: Rows
    complete: Rows
    repeated: Rows


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    rng, two_hours_ago = random.Random(SEED), time.time_ns() - 7200 * 10**9
    pieces = [
        piece
        for case in captures()
        for piece in parts(case.ending(two_hours_ago), rng, most_spans=1)
    ]
    rng.shuffle(pieces)
    half = len(pieces) // 2
    query = "SELECT * FROM llm_calls ORDER BY call_id"
    with (
        manager(tmp_path_factory.mktemp("late") / "data", CONFIG) as running,
        Sender(running.where) as sender,
    ):
        send_all(sender, pieces[:half], 1)
        forgotten(running)
        first = running.sql(query)
        send_all(sender, pieces[half:], 2)
        forgotten(running)
        complete = running.sql(query)
        send_all(sender, pieces, 3)
        forgotten(running)
        yield Story(running, first, complete, running.sql(query))


@pytest.mark.parametrize("case", captures(), ids=lambda case: case.name)
def test_capture_in_two_halves(case: Capture, story: Story) -> None:
    """Spans before and after the seal make up the calls that went out."""
    got = [call for call in story.complete if call["trace_id"] in case.trace_ids]

    assert verdict(case.truth, got) is None


def test_the_second_half_corrected_sealed_calls(story: Story) -> None:
    """The test would prove nothing if no sealed call had changed."""
    before = {call["call_id"]: call for call in story.first}
    after = {call["call_id"]: call for call in story.complete}

    assert [name for name, call in before.items() if after.get(name) != call]


def test_sent_again_after_the_seal_nothing_changes(story: Story) -> None:
    assert story.repeated == story.complete


def test_rollups_are_sums_of_calls(story: Story) -> None:
    assert_rollups_are_sums(story.running)


@pytest.fixture
def sender(story: Story) -> Iterator[Sender]:
    with Sender(story.running.where) as found:
        yield found


def test_an_agent_span_names_calls_sealed_before_it_came(story: Story, sender: Sender) -> None:
    """`invoke_agent` ends after its calls: they move to its agent, in the rollups too."""
    rng = random.Random(1)
    trace, top, now = hex_id(rng, 32), hex_id(rng, 16), time.time_ns()
    calls = [
        Sending(trace, hex_id(rng, 16), now, parent_id=top, attributes=llm(), service="late-app")
        for _ in range(3)
    ]
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}

    sender.send(request(calls))
    forgotten(story.running)
    by_service = agents(story.running, trace)
    sender.send(request([Sending(trace, top, now, attributes=agent, service="late-app")]))

    assert by_service == {"late-app": 3}
    assert agents(story.running, trace) == {"planner": 3}
    assert spent_by(story.running, "late-app") == 0
    assert spent_by(story.running, "planner") == 3
    forgotten(story.running)
    assert agents(story.running, trace) == {"planner": 3}
    assert_rollups_are_sums(story.running, "late-app", "planner")


def test_an_ancestor_two_levels_up_comes_last(story: Story, sender: Sender) -> None:
    """Levels arrive bottom up, each after what lies below was sealed."""
    rng = random.Random(2)
    trace, now = hex_id(rng, 32), time.time_ns()
    low, middle, top = (hex_id(rng, 16) for _ in range(3))
    sending = Sending(trace, low, now, parent_id=middle, attributes=llm(), service="deep-app")

    sender.send(request([sending]))
    forgotten(story.running)
    step = replace(sending, span_id=middle, parent_id=top, attributes={"step": 1})
    sender.send(request([step]))
    forgotten(story.running)
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "deep"}
    sender.send(request([replace(sending, span_id=top, parent_id="", attributes=agent)]))

    assert agents(story.running, trace) == {"deep": 1}
    assert spent_by(story.running, "deep-app") == 0


@pytest.mark.parametrize(
    "ahead_seconds",
    [
        pytest.param(0, id="a good clock"),
        pytest.param(-36_000, id="ten hours behind"),
        pytest.param(-400 * 86_400, id="a year behind"),
        pytest.param(3_600, id="an hour ahead"),
        pytest.param(40 * 86_400, id="40 days ahead"),
    ],
)
def test_a_batch_sent_again_after_the_seal_counts_once(
    ahead_seconds: int, story: Story, sender: Sender
) -> None:
    """Whatever the sender's clock says."""
    rng = random.Random(ahead_seconds)
    trace = hex_id(rng, 32)
    start, agent = time.time_ns() + ahead_seconds * 10**9, f"clock-{ahead_seconds}"
    message = request([Sending(trace, hex_id(rng, 16), start, attributes=llm(), service=agent)])

    sender.send(message)
    forgotten(story.running)
    sender.send(message)

    assert agents(story.running, trace) == {agent: 1}
    assert_rollups_are_sums(story.running, agent)


def test_a_second_emitter_after_the_seal_joins_the_call(story: Story, sender: Sender) -> None:
    """Another trace, the same response id: one call, known by both."""
    rng = random.Random(3)
    now, answer = time.time_ns(), {"gen_ai.response.id": "chatcmpl-late-1"}
    one, other = (
        Sending(
            hex_id(rng, 32),
            hex_id(rng, 16),
            now,
            attributes=llm(**answer),
            scope=scope,
            service="twice",
        )
        for scope in ("test.outer", "test.inner")
    )

    sender.send(request([one]))
    forgotten(story.running)
    sender.send(request([other]))
    forgotten(story.running)
    sender.send(request([one, other]))

    found = story.running.sql(
        "SELECT emitters FROM llm_calls WHERE response_id = ?", "chatcmpl-late-1"
    )
    assert found == [{"emitters": "test.inner,test.outer"}]
    assert_rollups_are_sums(story.running, "twice")


def test_a_restart_between_the_halves_loses_nothing(tmp_path: Path) -> None:
    """An open call stays open over a restart; its second half completes it."""
    rng = random.Random(4)
    now, answer = time.time_ns(), {"gen_ai.response.id": "chatcmpl-restart-1"}
    scopes = ("test.outer", "test.inner")
    one, other = (
        Sending(hex_id(rng, 32), hex_id(rng, 16), now, attributes=llm(**answer), scope=scope)
        for scope in scopes
    )

    with manager(tmp_path / "data") as running, Sender(running.where) as sender:
        sender.send(request([one]))
        assert running.stop() == 0
    with manager(tmp_path / "data") as running, Sender(running.where) as sender:
        sender.send(request([other]))
        sender.send(request([one]))
        found = running.sql("SELECT emitters FROM llm_calls")
        assert_rollups_are_sums(running)

    assert found == [{"emitters": ",".join(sorted(scopes))}]


def agents(running: Manager, trace_id: str) -> dict[str, int]:
    """Return how many calls of a trace each agent made."""
    rows = running.sql(
        "SELECT agent, count(*) AS n FROM llm_calls WHERE trace_id = ? GROUP BY agent", trace_id
    )
    return {row["agent"]: row["n"] for row in rows}


def spent_by(running: Manager, agent: str) -> int:
    """Return the calls that the rollups have of an agent."""
    query = "SELECT CAST(coalesce(sum(calls), 0) AS BIGINT) AS n FROM usage_hour WHERE agent = ?"
    return int(running.sql(query, agent)[0]["n"])
