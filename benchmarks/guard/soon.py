"""A time zone whose hour ends soon: windows roll over without anybody waiting for the clock."""

import os
import struct
import tempfile
import time
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ZONE = "Etc/Soon"
_HOUR = 3600


@contextmanager
def zone_whose_hour_ends_in(seconds: float) -> Iterator[tuple[str, float]]:
    """Yield the name of such a zone, for processes that are started meanwhile, and when that is.

    The zone is west of Greenwich by less than an hour, to the second. The time: seconds since 1970.
    """
    ends = int(time.time() + seconds) + 1
    offset = -(ends % _HOUR)
    with tempfile.TemporaryDirectory(prefix="manager-zone-") as place:
        path = Path(place) / ZONE
        path.parent.mkdir()
        path.write_bytes(_fixed(offset))
        kept = os.environ.get("PYTHONTZPATH")
        os.environ["PYTHONTZPATH"] = os.pathsep.join([place, *zoneinfo.TZPATH])
        try:
            yield ZONE, float(ends)
        finally:
            if kept is None:
                del os.environ["PYTHONTZPATH"]
            else:
                os.environ["PYTHONTZPATH"] = kept


def _fixed(offset: int) -> bytes:
    """Return a zone of one offset from UTC in seconds, as RFC 8536 has it."""
    name = b"SOON\0"
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, len(name))
    body = struct.pack(">lbb", offset, 0, 0) + name
    block = b"TZif2" + bytes(15) + counts + body
    hours, rest = divmod(-offset, _HOUR)
    minutes, seconds = divmod(rest, 60)
    footer = f"\n<SOON>{hours}:{minutes:02d}:{seconds:02d}\n".encode()
    return block + block + footer
