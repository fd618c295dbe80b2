"""The server's end of one query worker: start it, ask it, kill it when it takes too long."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any, BinaryIO, cast

from manager_agent.store.query_frames import FrameError, read_frame, write_frame

_MODULE = "manager_agent.store.query_worker"
_START_SECONDS = 60.0
_HEAD_BYTES = 1 << 20
# The worker needs to find Python and the code, and must not know any secret of the server's.
_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT", "TZ", "LD_LIBRARY_PATH")


class WorkerTimeout(Exception):
    """The worker did not answer in time and was killed."""


class WorkerDied(Exception):
    """The worker ended before it answered."""


class Worker:
    """One running query worker. Not for several threads at a time, but for `kill`."""

    def __init__(self) -> None:
        """Start it and wait until it is ready. Raises `WorkerTimeout`, `WorkerDied`."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
        self._stdin = cast(BinaryIO, self._process.stdin)
        self._stdout = cast(BinaryIO, self._process.stdout)
        with _Deadline(self, _START_SECONDS):
            self._read(_HEAD_BYTES)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(
        self, request: dict[str, Any], timeout: float, max_bytes: int
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer's description and body. Raises `WorkerTimeout`, `WorkerDied`."""
        with _Deadline(self, timeout):
            try:
                write_frame(self._stdin, json.dumps(request).encode())
            except OSError as error:
                raise WorkerDied(str(error)) from error
            head = json.loads(self._read(_HEAD_BYTES))
            return head, self._read(max_bytes)

    def kill(self) -> None:
        """End it now and leave no process behind."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and free its pipes."""
        self.kill()
        self._stdout.close()
        # What it never read is of no use to anyone.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    def _read(self, limit: int) -> bytes:
        try:
            frame = read_frame(self._stdout, limit)
        except FrameError as error:
            raise WorkerDied(str(error)) from error
        if frame is None:
            raise WorkerDied("it ended without an answer")
        return frame


class _Deadline:
    """Kills `worker` after `seconds` and then turns its death into `WorkerTimeout`.

    A worker that an error leaves in the middle of an answer is closed: it cannot be asked again.
    """

    def __init__(self, worker: Worker, seconds: float) -> None:
        self._worker = worker
        self._seconds = seconds
        self._late = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._timer.cancel()
        if kind is not None or self._late:
            self._worker.close()
        if self._late:
            raise WorkerTimeout(f"no answer within {self._seconds:g} s")

    def _end(self) -> None:
        self._late = True
        self._worker.kill()
