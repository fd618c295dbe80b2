"""Writing whole files for their owner alone, and making sure that they are on the disk."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make sure that what `path` holds, a file or the names in a folder, survives a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle on a directory to sync
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(file: int, data: bytes) -> None:
    """Write all of `data` to an open file; one call of the system may take only a part of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def create_private(path: Path, data: bytes) -> None:
    """Make a file that only its owner may read; on the disk on return.

    Raises `FileExistsError` where it is there already, else `OSError`.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(file, data)
        os.fsync(file)
    finally:
        os.close(file)
