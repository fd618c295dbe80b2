"""An agent that does what its standard input says, a line at a time, and answers each in JSON.

    call MODEL [TEXT]        one call of a plain client
    acall MODEL [TEXT]       one call under asyncio, and how often the loop was free meanwhile
    stream MODEL [TEXT]      one call whose answer comes as a stream; how many pieces came
    leave MODEL [TEXT]       one call under asyncio that is cancelled after a second

A text that begins with @ names the conversation that the call is of.

Run as `python steered_agent.py PROVIDER_URL`; `Steered` is how a test starts it.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 60.0
_STEP_SECONDS = 0.02
_PATIENT_SECONDS = 1.0


def main(url: str) -> None:
    """Answer until standard input ends."""
    from openai import AsyncOpenAI, OpenAI

    options: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": "none", "max_retries": 0}
    client = OpenAI(**options)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        verb, model, *text = line.split(maxsplit=2)
        request = _request(model, text[0].strip() if text else "hello")
        if verb == "call":
            said = _outcome(lambda request=request: client.chat.completions.create(**request))
        elif verb == "stream":
            said = _outcome(lambda request=request: _pieces(client, request))
        elif verb == "leave":
            said = asyncio.run(_left(AsyncOpenAI(**options), request))
        else:
            said = asyncio.run(_under_asyncio(AsyncOpenAI(**options), request))
        print(json.dumps(said), flush=True)


def _request(model: str, text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    request = {"model": model, "messages": messages, "max_tokens": 16}
    if text.startswith("@"):
        request["metadata"] = {"conversation_id": text.removeprefix("@")}
    return request


def _outcome(call: Any) -> dict[str, Any]:
    from openai import APIStatusError

    try:
        call()
    except APIStatusError as error:
        code = getattr(error, "code", None)
        return {"status": error.status_code, "code": code, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - the test looks at what came out
        return {"status": None, "code": type(error).__name__, "message": str(error)}
    return {"status": 200}


def _pieces(client: Any, request: dict[str, Any]) -> None:
    """Read a stream to its end."""
    assert list(client.chat.completions.create(**request, stream=True))


async def _left(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_PATIENT_SECONDS):
            await client.chat.completions.create(**request)
    except TimeoutError:
        return {"status": None, "code": "cancelled"}
    finally:
        await client.close()
    return {"status": 200}


async def _under_asyncio(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    steps = 0

    async def step() -> None:
        nonlocal steps
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            steps += 1

    from openai import APIStatusError

    beside = asyncio.create_task(step())
    try:
        await client.chat.completions.create(**request)
        said: dict[str, Any] = {"status": 200}
    except APIStatusError as error:
        said = {"status": error.status_code, "code": error.code, "message": str(error)}
    finally:
        beside.cancel()
        await client.close()
    return said | {"steps": steps}


class Steered:
    """One such process under `manager-agent run`, ended with the block."""

    def __init__(self, url: str, **variables: str) -> None:
        from tests.harness.agents import BIN, agent_environment

        port = url.rpartition(":")[2]
        hosts = {"MANAGER_LLM_HOSTS": f"127.0.0.1:{port}=openai"}
        self.process = subprocess.Popen(
            [str(BIN / "manager-agent"), "run", "python", str(Path(__file__)), url],
            env=agent_environment(**hosts, **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._asked: Thread | None = None
        self._answer: dict[str, Any] = {}
        assert self._heard() == {"ready": True}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def do(self, line: str) -> dict[str, Any]:
        """Have it do one thing, and return how that went."""
        self.begin(line)
        return self.end()

    def begin(self, line: str) -> None:
        """Have it begin one thing."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self._asked = Thread(target=self._listen, daemon=True)
        self._asked.start()

    def busy(self) -> bool:
        """Say whether what it began has not ended."""
        return self._asked is not None and self._asked.is_alive()

    def end(self) -> dict[str, Any]:
        """Return how what it began has gone."""
        assert self._asked is not None
        self._asked.join(PATIENCE_SECONDS)
        assert not self._asked.is_alive(), "the agent does not answer"
        return self._answer

    def kill(self) -> None:
        """End it as a power cut would, in the midst of what it does."""
        self.process.kill()
        self.process.wait()
        assert self.end() == {"code": "gone"}

    def _listen(self) -> None:
        self._answer = self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = json.loads(line) if line else {"code": "gone"}
        assert isinstance(found, dict)
        return found


if __name__ == "__main__":
    main(sys.argv[1])
