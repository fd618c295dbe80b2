"""Waits until sockets can be read or written.

By `poll` where there is one: `select` fails above descriptor 1023, `epoll` is shared with forked
children. Looked up at each wait: gevent may have put its own in place.
"""

import math
import select
import socket


def wait(sock: socket.socket, seconds: float, *, write: bool, beside: int | None = None) -> None:
    """Return when `sock` can be read (or written), `beside` can be read, or time is up."""
    if not hasattr(select, "poll"):
        readable: list[socket.socket | int] = [sock] if beside is None else [sock, beside]
        select.select(readable, [sock] if write else [], [sock], max(0.0, seconds))
        return
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if write else 0))
    if beside is not None:
        poll.register(beside, select.POLLIN)
    poll.poll(math.ceil(max(0.0, seconds) * 1000))
