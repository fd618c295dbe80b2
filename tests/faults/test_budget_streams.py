"""What a provider bills is never more than what was settled for it, however an answer ends.

Real SDKs at the seam, a real provider whose ledger is the truth, and the bound of a hard limit.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from benchmarks.guard.truth import bill
from manager_agent.app.demo.faults import Faults
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from manager_agent.contract.guard import Policy
from manager_agent.control.rates import rates_answer
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.seam_httpx import patch
from manager_agent.prices.book import PriceBook
from tests.harness.seam import Recorder, seam

pytestmark = pytest.mark.slow

DEADLINE = 30.0
BOOK = PriceBook()
HARD = Policy(agent="a", enforcement="hard", unpriced="refuse")
WORDS: list[Any] = [{"role": "user", "content": "the " * 990}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": WORDS, "max_tokens": 750}
MESSAGE: dict[str, Any] = {"model": "claude-haiku-4-5", "messages": WORDS, "max_tokens": 750}
RESPONSE: dict[str, Any] = {"model": "gpt-4o", "input": "the " * 990, "max_output_tokens": 750}
APIS = ("chat", "responses", "messages")
FIXED = {"input_tokens": 1000, "output_tokens": 750}
SLOW = {"chunk_seconds": 0.005, "bill_left": True}


@dataclass
class World:
    """A provider, what the seam saw of its answers, and what a hard limit makes of that.

    `before`: requests that were served before this test.
    """

    provider: Provider
    recorder: Recorder
    bounds: Bounds
    before: int

    @property
    def url(self) -> str:
        """Return a base under which nobody asked before: the provider counts repetitions."""
        return f"{self.provider.url}/after/{self.before}"

    def fault(self, **faults: Any) -> None:
        self.provider.settings = ProviderSettings(
            pace=0, rate_429=0, rate_500=0, faults=Faults(**{**FIXED, **faults})
        )

    def settled(self, attempts: int) -> int:
        """Return nano-USD that so many attempts were settled at, once all have ended."""
        with self.recorder.changed:
            done = self.recorder.changed.wait_for(
                lambda: len(self.recorder.settled) >= attempts, DEADLINE
            )
        assert done, f"{len(self.recorder.settled)} of {attempts} attempts were settled"
        return sum(self._nano(ended) for ended in self.recorder.settled)

    def billed(self) -> tuple[int, int]:
        """Return how many requests the provider had, and nano-USD that it bills for them."""
        deadline = time.monotonic() + DEADLINE
        while self.provider.pending:
            assert time.monotonic() < deadline, "requests are still under way"
            time.sleep(0.01)  # the condition above, polled
        found = bill([one.as_json() for one in self.provider.served[self.before :]])
        return found.requests, found.nano

    def _nano(self, ended: Ended) -> int:
        if self.bounds.of(ended.ask, HARD) is None:
            self.bounds.learn(told)
        bound = self.bounds.of(ended.ask, HARD)
        assert bound is not None, "the rates of its model are known"
        self.bounds.spent(ended, ended.counted, bound)
        self.bounds.learn(told)  # the rates of the dated model that answered
        return self.bounds.spent(ended, ended.counted, bound)[0]


def told(method: str, request: bytes, seconds: float) -> bytes:
    """Answer as a manager does who is asked for rates."""
    return rates_answer(request, BOOK, datetime.now(UTC), b"key")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving() as found:
        yield found


@pytest.fixture
def world(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    place = provider.url.removeprefix("http://")
    entries = f"{place}=openai,{place}=anthropic"
    with seam(monkeypatch, entries, (patch, httpx2)) as recorder:
        yield World(provider, recorder, Bounds(KnownRates()), len(provider.served))


Asks = dict[str, tuple[Callable[..., Any], dict[str, Any]]]


@contextmanager
def clients(world: World, **settings: Any) -> Iterator[Asks]:
    """Yield what makes a request of each API, and the request."""
    told = {"api_key": "none", "max_retries": 0, **settings}
    with (
        openai.OpenAI(base_url=f"{world.url}/v1", **told) as gpt,
        anthropic.Anthropic(base_url=world.url, **told) as claude,
    ):
        yield {
            "chat": (gpt.chat.completions.create, CHAT),
            "responses": (gpt.responses.create, RESPONSE),
            "messages": (claude.messages.create, MESSAGE),
        }


@asynccontextmanager
async def async_clients(world: World) -> AsyncIterator[Asks]:
    """Yield the same for coroutines."""
    told: dict[str, Any] = {"api_key": "none", "max_retries": 0}
    async with (
        openai.AsyncOpenAI(base_url=f"{world.url}/v1", **told) as gpt,
        anthropic.AsyncAnthropic(base_url=world.url, **told) as claude,
    ):
        yield {
            "chat": (gpt.chat.completions.create, CHAT),
            "responses": (gpt.responses.create, RESPONSE),
            "messages": (claude.messages.create, MESSAGE),
        }


def _read(stream: Any) -> None:
    for _ in stream:
        pass


def _closed(stream: Any) -> None:
    for _ in zip(range(3), stream, strict=False):
        pass
    stream.close()


def _with(stream: Any) -> None:
    with stream:
        next(iter(stream))


def _raised(stream: Any) -> None:
    with suppress(ZeroDivisionError), stream:
        for _ in stream:
            raise ZeroDivisionError


def _forgotten(stream: Any) -> None:
    next(iter(stream))
    del stream
    gc.collect()


def _untouched(stream: Any) -> None:
    stream.close()


WAYS: dict[str, Callable[[Any], None]] = {
    "read": _read,
    "closed": _closed,
    "left by with": _with,
    "left by an exception": _raised,
    "forgotten": _forgotten,
    "never read": _untouched,
}


async def _read_async(stream: Any) -> None:
    async for _ in stream:
        pass


async def _closed_async(stream: Any) -> None:
    async for _ in stream:
        break
    await stream.close()


async def _with_async(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            break


async def _cancelled(stream: Any) -> None:
    reading = asyncio.create_task(_read_async(stream))
    await asyncio.sleep(0.02)  # into the middle of it
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await stream.close()


async def _timed_out(stream: Any) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.02), stream:
            await _read_async(stream)


ASYNC_WAYS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "read": _read_async,
    "closed": _closed_async,
    "left by with": _with_async,
    "cancelled": _cancelled,
    "timed out": _timed_out,
}


def held(world: World, attempts: int) -> None:
    """Compare what was settled with what is billed, attempt for attempt."""
    settled = world.settled(attempts)
    requests, billed = world.billed()
    assert len(world.recorder.settled) == requests == attempts
    assert settled >= billed, f"{settled} was settled for {billed}"
    assert billed > 0


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_that_ends_in_any_way(world: World, way: str) -> None:
    """The provider bills it to its end, whoever left it when."""
    world.fault(**SLOW)
    with clients(world) as asks:
        for create, asked in asks.values():
            WAYS[way](create(**asked, stream=True))
        held(world, len(APIS))


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_a_stream_that_ends_in_any_way_in_a_coroutine(world: World, way: str) -> None:
    world.fault(**SLOW)

    async def run() -> None:
        async with async_clients(world) as asks:
            for create, asked in asks.values():
                await ASYNC_WAYS[way](await create(**asked, stream=True))

    asyncio.run(run())
    held(world, len(APIS))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({}, id="usage is told"),
        pytest.param({"no_usage": True}, id="usage is not told"),
        pytest.param({"zero_usage": True}, id="usage is said to be 0"),
        pytest.param({"usage_every": 2}, id="usage is told by every second answer"),
        pytest.param({"cut_after": 3, "bill_left": True}, id="the provider cuts the stream"),
    ],
)
def test_what_an_answer_does_not_tell_is_not_nothing(
    world: World, fault: dict[str, Any], stream: bool
) -> None:
    world.fault(**fault)
    with clients(world) as asks:
        for create, asked in [*asks.values(), *asks.values()]:
            with suppress(httpx2.RemoteProtocolError, openai.APIError, anthropic.APIError):
                answer = create(**asked, stream=stream)
                if stream:
                    _read(answer)
        held(world, 2 * len(APIS))


@pytest.mark.parametrize("api", APIS)
def test_attempts_that_time_out_and_are_billed(world: World, api: str) -> None:
    """The client gives up and tries again; the provider answers nobody, and bills both."""
    world.fault(hang_seconds=0.5)
    with clients(world, timeout=0.1, max_retries=1) as asks:
        create, asked = asks[api]
        with suppress(openai.APITimeoutError, anthropic.APITimeoutError):
            create(**asked)
        held(world, 2)


@pytest.mark.parametrize("api", APIS)
def test_attempts_that_fail_and_are_billed(world: World, api: str) -> None:
    world.fault(fail_first=1, bill_errors=True, retry_after_ms=10)
    with clients(world, max_retries=2) as asks:
        create, asked = asks[api]
        create(**asked)
        held(world, 2)


@pytest.mark.parametrize("api", APIS)
def test_a_task_that_is_cancelled_before_its_answer(world: World, api: str) -> None:
    world.fault(hang_seconds=0.3)

    async def run() -> None:
        async with async_clients(world) as asks:
            create, asked = asks[api]
            task = asyncio.create_task(create(**asked))
            while not world.provider.pending:
                await asyncio.sleep(0.01)  # until it has left
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())
    held(world, 1)


def test_streaming_stays_streaming(world: World) -> None:
    """The first piece is with the caller long before the last is sent."""
    world.fault(chunk_seconds=0.03)
    with clients(world) as asks:
        create, asked = asks["chat"]
        times = [time.monotonic() for _ in create(**asked, stream=True)]
        held(world, 1)

    assert times[-1] - times[0] > 0.3
