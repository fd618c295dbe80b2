"""A runaway agent: makes its attempts whatever it is answered, and says what became of each.

    python agent.py PLAN       PLAN: JSON, see `Plan`; prints JSON

Runs in environments of peers, too: it imports nothing of ours. Under `manager-agent run` nothing in
it knows of the guard; a peer is put around the client as its own documentation says.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WORDS = "the " * 990
"""About a thousand tokens to a real tokenizer, and four thousand bytes."""
MODELS = {"openai": "gpt-4o", "anthropic": "claude-haiku-4-5", "google": "gemini-2.5-pro"}
LIMITS = {"openai": 750, "anthropic": 1800, "google": 875}
"""Output tokens that with 1,000 of input cost $0.01 at the list price of the model above."""


@dataclass(frozen=True)
class Plan:
    """What the agent does.

    `how`: `threads` or `coroutines`, so many `callers`, sharing one client. `attempts`: of all
    callers together. `limit`: output tokens that a request asks for, 0: as many as make it cost a
    cent, None: it names none. `stream`: "" for whole answers, `read` to the end, or `left` after
    the third piece. `usage`: it is asked for in streams. `retries`: the SDK's. `timeout`: of the
    SDK, in seconds. `pause`: seconds of a caller between its attempts. `guard`: "" for none in the
    agent's code, else a peer. `budget`: what the peer is told, in USD. `stop`: once this
    file is there nobody begins another attempt. `forks`: children that begin in mid-run, 0: none.
    """

    url: str
    sdk: str = "openai"
    how: str = "threads"
    callers: int = 1
    attempts: int = 300
    limit: int | None = 0
    stream: str = ""
    usage: bool = True
    retries: int = 0
    timeout: float = 60.0
    pause: float = 0.0
    guard: str = ""
    budget: float = 1.0
    stop: str = ""
    forks: int = 0


@dataclass
class Found:
    """What became of the attempts: (start, seconds, outcome), and the first refusal in full."""

    attempts: list[tuple[float, float, str]] = field(default_factory=list)
    refusal: str = ""
    errors: dict[str, int] = field(default_factory=dict)
    refusal_seconds: list[float] = field(default_factory=list)


class Turns:
    """How many attempts are still to be made, for all callers together."""

    def __init__(self, plan: Plan) -> None:
        self._left = plan.attempts
        self._stop = plan.stop
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and not (self._stop and os.path.exists(self._stop))


def refused(error: BaseException) -> bool:
    """Tell whether an exception is a budget's refusal: ours is an SDK's error of status 402."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if status == 402:
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"BudgetExceededError", "BudgetError", "SpendGateRefused"})


def note(found: Found, began: float, error: BaseException | None) -> str:
    """Note one attempt; return its outcome."""
    taken = time.time() - began
    outcome = "ok" if error is None else "refused" if refused(error) else "failed"
    found.attempts.append((began, taken, outcome))
    if error is not None and outcome == "refused":
        found.refusal_seconds.append(taken)
        found.refusal = found.refusal or f"{type(error).__name__}: {error}"
    elif error is not None:
        name = f"{type(error).__name__}: {str(error)[:160]}"
        found.errors[name] = found.errors.get(name, 0) + 1
    return outcome


def in_threads(plan: Plan, found: Found, turns: Turns) -> None:
    """Make the attempts in threads that share one client."""
    call = caller(plan)

    def work() -> None:
        while turns.take():
            began, error = time.time(), None
            try:
                call()
            except Exception as raised:  # noqa: BLE001 - what a runaway agent does
                error = raised
            note(found, began, error)
            time.sleep(plan.pause)

    threads = [threading.Thread(target=work) for _ in range(plan.callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def in_coroutines(plan: Plan, found: Found, turns: Turns) -> None:
    """Make the attempts in coroutines that share one client."""
    call = async_caller(plan)

    async def work() -> None:
        while turns.take():
            began, error = time.time(), None
            try:
                await call()
            except Exception as raised:  # noqa: BLE001 - what a runaway agent does
                error = raised
            note(found, began, error)
            await asyncio.sleep(plan.pause)

    await asyncio.gather(*(work() for _ in range(plan.callers)))


def caller(plan: Plan) -> Callable[[], None]:
    """Return what makes one call."""
    client = _GUARDS[plan.guard](plan) if plan.guard else _client(plan)
    asked = _asked(plan)
    if plan.sdk == "google":
        return lambda: _google(client, plan, asked)
    make = client.messages.create if plan.sdk == "anthropic" else client.chat.completions.create

    def call() -> None:
        answer = make(**asked)
        if plan.stream == "read":
            for _ in answer:
                pass
        elif plan.stream == "left":
            _leave(answer)

    return call


def async_caller(plan: Plan) -> Callable[[], Any]:
    """Return what makes one call in a coroutine."""
    client, asked = _async_client(plan), _asked(plan)
    if plan.sdk == "google":
        return lambda: client.aio.models.generate_content(**asked)
    make = client.messages.create if plan.sdk == "anthropic" else client.chat.completions.create

    async def call() -> None:
        answer = await make(**asked)
        if plan.stream:
            seen = 0
            async for _ in answer:
                seen += 1
                if plan.stream == "left" and seen == 3:
                    break
            await answer.close()

    return call


def _leave(answer: Any) -> None:
    events = iter(answer)
    for _ in range(3):
        next(events)
    close = getattr(answer, "close", None) or getattr(events, "close", None)
    if close is not None:
        close()


def _google(client: Any, plan: Plan, asked: dict[str, Any]) -> None:
    if not plan.stream:
        client.models.generate_content(**asked)
        return
    pieces = client.models.generate_content_stream(**asked)
    if plan.stream == "left":
        next(pieces)
        pieces.close()
        return
    for _ in pieces:
        pass


def _asked(plan: Plan) -> dict[str, Any]:
    model = MODELS[plan.sdk]
    limit = LIMITS[plan.sdk] if plan.limit == 0 else plan.limit
    if plan.sdk == "google":
        config = {} if limit is None else {"max_output_tokens": limit}
        return {"model": model, "contents": WORDS, "config": config}
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": WORDS}]}
    if limit is not None:
        asked["max_tokens"] = limit
    if plan.stream:
        asked["stream"] = True
        if plan.sdk == "openai" and plan.usage:
            asked["stream_options"] = {"include_usage": True}
    return asked


def _settings(plan: Plan) -> dict[str, Any]:
    told = {"api_key": "none", "max_retries": plan.retries, "timeout": plan.timeout}
    return {**told, "base_url": plan.url + ("/v1" if plan.sdk == "openai" else "")}


def _client(plan: Plan) -> Any:
    if plan.sdk == "google":
        return _google_client(plan)
    if plan.sdk == "anthropic":
        from anthropic import Anthropic

        return Anthropic(**_settings(plan))
    from openai import OpenAI

    return OpenAI(**_settings(plan))


def _async_client(plan: Plan) -> Any:
    if plan.sdk == "google":
        return _google_client(plan)
    if plan.sdk == "anthropic":
        from anthropic import AsyncAnthropic

        return AsyncAnthropic(**_settings(plan))
    from openai import AsyncOpenAI

    return AsyncOpenAI(**_settings(plan))


def _google_client(plan: Plan) -> Any:
    from google import genai

    return genai.Client(
        api_key="none",
        http_options={"base_url": plan.url, "timeout": int(plan.timeout * 1000)},
    )


def _agent_budget_guard(plan: Plan) -> Any:
    from agent_budget_guard import BudgetedSession  # type: ignore[import-not-found]

    _tokenizer()
    session = BudgetedSession(budget_usd=plan.budget)
    wrapped = {"openai": "wrap_openai", "anthropic": "wrap_anthropic", "google": "wrap_google"}
    return getattr(session, wrapped[plan.sdk])(_client(plan))


class _Words:
    """Counts the words of `WORDS` exactly, where the tokenizer's table cannot be downloaded."""

    def encode(self, text: str, **_: Any) -> list[str]:
        return text.split()


def _tokenizer() -> None:
    import tiktoken  # type: ignore[import-not-found]

    try:
        tiktoken.get_encoding("o200k_base")
    except Exception:  # noqa: BLE001 - what a network without that host raises differs
        tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *_: _Words()


def _llm_spendguard(plan: Plan) -> Any:
    import spendguard  # type: ignore[import-not-found] # noqa: F401 - gates where it is imported

    return _client(plan)


_GUARDS = {"agent-budget-guard": _agent_budget_guard, "llm-spendguard": _llm_spendguard}


def run(plan: Plan) -> Found:
    """Do as the plan says."""
    found, turns = Found(), Turns(plan)
    if plan.how == "coroutines":
        asyncio.run(in_coroutines(plan, found, turns))
    else:
        in_threads(plan, found, turns)
    return found


def forked(plan: Plan) -> Found:
    """Do as the plan says, and fork while calls of this process are under way."""
    found, children = Found(), []
    working = threading.Thread(target=in_threads, args=(plan, found, Turns(plan)))
    working.start()
    while not found.attempts:
        time.sleep(0.01)  # until there is a lease, a stream and threads
    for _ in range(plan.forks):
        child = os.fork()
        if not child:
            run(plan)
            os._exit(0)
        children.append(child)
    working.join()
    for child in children:
        os.waitpid(child, 0)
    return found


def main() -> None:
    """Run the plan of the command line, and print what was found."""
    plan = Plan(**json.loads(sys.argv[1]))
    found = forked(plan) if plan.forks else run(plan)
    print(json.dumps(vars(found)), flush=True)


if __name__ == "__main__":
    main()
