"""A network between two that can be made to fail: bytes swallowed, an end closed, all of it cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes bytes on to a port of this machine, until it is told otherwise."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._ends: list[tuple[socket.socket, socket.socket]] = []
        self._swallowing = False
        self.passed = 0
        """Bytes, of both directions."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def swallow(self) -> None:
        """Read on, and pass nothing on any more."""
        self._swallowing = True

    def half_close(self) -> None:
        """Tell the clients that nothing more comes; what they say still goes on."""
        for near, _ in self._ends:
            near.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """End every connection."""
        for pair in self._ends:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it all."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join()
        for pair in self._ends:
            for end in pair:
                end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near = self._listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends.append((near, far))
                for pair in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._pass, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # one of the two is closed
            while data := source.recv(65536):
                if not self._swallowing:
                    self.passed += len(data)
                    sink.sendall(data)
            if not self._swallowing:
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def relaying(to: int) -> Iterator[Relay]:
    """Relay to a port."""
    relay = Relay(to)
    try:
        yield relay
    finally:
        relay.close()
