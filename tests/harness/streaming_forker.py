"""An agent that forks while its thread talks to a server without pause.

Run as `python -m tests.harness.streaming_forker PORT FORKS`; prints how many messages came back
to the parent's thread, and fails where one did not, or where a child had no stream of its own.
"""

import os
import sys
import threading
import time

from manager_agent.instrumentation.channel import Channel
from tests.harness.talking_server import destination


def talk(channel: Channel, rounds: int, stop: threading.Event) -> int:
    """Say something and hear it, so many times or until told to stop; return how often."""
    stream, done = channel.open("/t/chat"), 0
    while done < rounds and not stop.is_set():
        said = f"{os.getpid()} {done}".encode() * 50
        stream.send([said])
        heard: list[bytes] = []
        until = time.monotonic() + 60
        while not heard:
            assert time.monotonic() < until, "no answer"
            heard = stream.receive(1)
        assert heard == [said], heard
        done += 1
    stream.close()
    return done


def main(port: int, forks: int) -> None:
    """Fork so often, with children that live side by side."""
    channel, stop, done = Channel(destination(port)), threading.Event(), list[int]()
    thread = threading.Thread(target=lambda: done.append(talk(channel, sys.maxsize, stop)))
    thread.start()
    children = []
    for _ in range(forks):
        time.sleep(0.005)  # so that each finds the thread at something else
        child = os.fork()
        if not child:
            channel.wake()
            channel.abandon()
            own = Channel(destination(port))
            talk(own, 3, stop)
            own.close()
            os._exit(0)
        children.append(child)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    stop.set()
    thread.join()
    channel.close()
    assert ends == [0] * forks, ends
    print(done[0])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
