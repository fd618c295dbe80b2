"""An agent's desk: the provider's address, spans around its turns and tools, and when to stop."""

import asyncio
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Tracer


class Desk:
    """What one agent of the fleet works with.

    `agent`: its name, set on the span of every turn. `url`: the provider's, without a path.
    Work ends when `stop` is called or the process that started this one is gone.
    """

    def __init__(self, agent: str, url: str, tracer: Tracer) -> None:
        self.agent = agent
        self.url = url
        self._tracer = tracer
        self._stopped = threading.Event()
        self._parent = os.getppid()

    def stop(self) -> None:
        """End the work after the call that is under way; safe in a signal handler."""
        self._stopped.set()

    def working(self) -> bool:
        """Return whether there is to be another turn."""
        return not self._stopped.is_set() and os.getppid() == self._parent

    def rest(self, seconds: float) -> None:
        """Wait, at most until stopped."""
        self._stopped.wait(seconds)

    async def arest(self, seconds: float) -> None:
        """Wait, at most until stopped, and let other tasks run."""
        await asyncio.to_thread(self.rest, seconds)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Put a span `invoke_agent` around one turn: calls under it belong to this agent."""
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": self.agent,
            "gen_ai.conversation.id": f"conv-{uuid.uuid4().hex[:12]}",
        }
        name = f"invoke_agent {self.agent}"
        with self._tracer.start_as_current_span(name, attributes=attributes):
            yield

    @contextmanager
    def tool(self, name: str, call_id: str) -> Iterator[None]:
        """Put a span `execute_tool` around the use of a tool."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": call_id,
            "gen_ai.tool.type": "function",
        }
        with self._tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes):
            yield
