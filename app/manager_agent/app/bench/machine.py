"""What processes use: processor time and memory, read from /proc (None where there is none)."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def cpu_seconds(pid: int) -> float | None:
    """Return user and system time of a process and all below it, ended children included."""
    if not _PROC.exists():
        return None
    tick = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for number, fields in _processes():
        parents[number] = int(fields[1])
        ticks[number] = sum(int(each) for each in fields[11:15])
    return sum(used for number, used in ticks.items() if _below(number, pid, parents)) / tick


def rss_mib(pid: int) -> float | None:
    """Return the memory that a process holds now, MiB."""
    return _status(pid, "VmRSS")


def rss_peak_mib(pid: int) -> float | None:
    """Return the most memory that a process has held, MiB."""
    return _status(pid, "VmHWM")


def file_mib(directory: Path, leave_out: tuple[str, ...] = ()) -> float:
    """Return the size of all files below `directory`, MiB, without the subdirectories named."""
    files = (path for path in directory.rglob("*") if path.is_file())
    kept = (path for path in files if path.relative_to(directory).parts[0] not in leave_out)
    return sum(path.stat().st_size for path in kept) / (1 << 20)


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of /proc/<pid>/stat that follow the name, for every process."""
    for path in _PROC.iterdir():
        if path.name.isdigit():
            try:
                text = (path / "stat").read_text("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            yield int(path.name), text.rsplit(")", 1)[1].split()


def _below(number: int, top: int, parents: dict[int, int]) -> bool:
    while number not in (0, top):
        number = parents.get(number, 0)
    return number == top


def _status(pid: int, field: str) -> float | None:
    try:
        text = (_PROC / str(pid) / "status").read_text("utf-8")
    except FileNotFoundError:
        return None
    [line] = [line for line in text.splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) / 1024
