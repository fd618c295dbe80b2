"""Waiting for somebody's answer, under whatever event loop, and what holds if nobody gives one."""

import sys
import time

from manager_agent.contract.decision import Allow, Hold, Refuse


def unanswered(hold: Hold) -> Allow | Refuse:
    """Return what becomes of a held call that nobody answered for."""
    if hold.on_timeout == "allow":
        return Allow("approved")
    return Refuse(
        "approval_timeout",
        f"{hold.message} Nobody answered within {hold.timeout_seconds:g} s.",
        f"Get {hold.approval_id} answered, then try again.",
    )


async def pause(seconds: float) -> None:
    """Sleep and leave the event loop free, be it asyncio's or trio's; cancelled as any sleep."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        await trio.sleep(seconds)
        return
    import asyncio  # not above: a process that only knows threads need not load it

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # somebody drives coroutines by hand: nothing else can run meanwhile
        time.sleep(seconds)
        return
    await asyncio.sleep(seconds)
