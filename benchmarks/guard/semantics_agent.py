"""Scenarios of agent-budget-semantics under the guard: `semantics_agent.py MOCK SCENARIO...`.

MOCK is its server; each SCENARIO a YAML file, run by a plain tool loop of the OpenAI SDK until the
model stops or a call is refused. Prints JSON: what the guard settled for each, beside the ledger.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from openai import APIStatusError, OpenAI

from manager_agent.instrumentation import agent, gate

TURNS = 12
LIMIT = 60
"""Output tokens that each request asks for: what the longest scripted answer has."""


class Spy:
    """Hands everything on to the guard, and sums what was told of calls that ended."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.tokens = 0
        self.decide, self.wait, self.wait_async = policy.decide, policy.wait, policy.wait_async

    def settle(self, ended: Any) -> Any:
        usage = ended.told.usage
        self.tokens += (usage.input_tokens + usage.output_tokens) if usage else 0
        return self._policy.settle(ended)


def run(mock: Path, path: Path, port: int, spy: Spy, prefix: str) -> dict[str, Any]:
    """Run one scenario against a mock server of its own."""
    scenario = yaml.safe_load(path.read_text("utf-8"))
    command = [sys.executable, str(mock), f"--port={port}", f"--script={path}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_there(port)
        spy.tokens = 0
        name = path.name.partition("-")[0]
        with agent(f"{prefix}-{name}"):
            refusal = _loop(scenario, port)
        ledger = _get(port, "ledger")["entries"]
    finally:
        server.terminate()
        server.wait(20)
    billed = sum(entry["total_tokens"] for entry in ledger)
    return {
        "scenario": name,
        "calls": len(ledger),
        "billed": billed,
        "reported": spy.tokens,
        "refusal": refusal,
    }


def _loop(scenario: dict[str, Any], port: int) -> str:
    """Call the model until it stops; return the refusal that stopped it, or nothing."""
    client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
    described = scenario.get("tools") or scenario.get("tool_definitions") or []
    tools: Any = [{"type": "function", "function": tool} for tool in described]
    messages: list[Any] = []
    if scenario.get("system_prompt"):
        messages.append({"role": "system", "content": scenario["system_prompt"]})
    messages.append({"role": "user", "content": scenario.get("task", "Do the work.")})
    for _ in range(TURNS):
        try:
            said = _said(client, messages, tools, bool(scenario.get("streaming")))
        except APIStatusError as error:
            return str(error) if error.status_code == 402 else f"failed: {error}"
        messages.append(said)
        if not said.get("tool_calls"):
            return ""
        for number, call in enumerate(said["tool_calls"]):
            result = _result(scenario, call["function"]["name"], number)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return ""


def _said(client: OpenAI, messages: list[Any], tools: Any, stream: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "max_tokens": LIMIT}
    if tools:
        asked["tools"] = tools
    if not stream:
        return dict(client.chat.completions.create(**asked).choices[0].message.model_dump())
    calls: list[dict[str, Any]] = []
    text = ""
    options = {"include_usage": True}
    streamed = {**asked, "stream": True, "stream_options": options}
    for chunk in client.chat.completions.create(**streamed):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                calls.append({"type": "function", **call.model_dump(exclude={"index"})})
    return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}


def _result(scenario: dict[str, Any], tool: str, number: int) -> str:
    told = (scenario.get("tool_behavior") or {}).get(tool) or [{"success": "fine"}]
    if not isinstance(told, list):
        return json.dumps(told)
    return str(next(iter(told[min(number, len(told) - 1)].values())))


def _until_there(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            _get(port, "health")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # the condition above, polled


def _get(port: int, what: str) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/{what}", timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def main() -> None:
    """Run them all, one after the other, and print what was found."""
    prefix, mock, port, *paths = sys.argv[1:]
    spy = Spy(gate.policy())
    gate.use(spy)
    found = [run(Path(mock), Path(path), int(port), spy, prefix) for path in paths]
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
