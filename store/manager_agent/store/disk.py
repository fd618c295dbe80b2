"""Making sure that what was written is on the disk."""

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
