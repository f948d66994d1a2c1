# SPDX-License-Identifier: Apache-2.0
"""What /proc tells about processes."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Stat(NamedTuple):
    """The fields of /proc/<pid>/stat that we use."""

    pid: int
    state: str
    parent: int
    session: int
    threads: int
    ticks: int  # start, since boot


def stat(pid: int) -> Stat | None:
    """None if there is no such process."""
    try:
        # all processes are looked at after each test: nothing that costs
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            data = file.read()
    except OSError:
        return None
    # the command, in parentheses, may contain anything
    fields = data.rpartition(b")")[2].split()
    return Stat(pid, fields[0].decode(), int(fields[1]), int(fields[3]),
                int(fields[17]), int(fields[19]))


def _all() -> Iterator[Stat]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = stat(int(name))
            if found:
                yield found


def alive(pid: int) -> bool:
    """Running, not a zombie."""
    found = stat(pid)
    return found is not None and found.state not in "ZX"


def busy(pid: int) -> bool:
    """Does one of its threads run, or wait for a processor?"""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    found = [stat(int(task)) for task in tasks]
    return any(one is not None and one.state == "R" for one in found)


def started(one: Stat) -> float:
    """When a process began, as time.time(), rounded down to a tick."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + one.ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[Stat]:
    """Running child processes, lowest pid first."""
    found = [one for one in _all() if one.parent == pid
             and one.state not in "ZX"]
    return sorted(found)


def session(sid: int) -> list[int]:
    """Running processes of a session."""
    return sorted(one.pid for one in _all()
                  if one.session == sid and one.state not in "ZX")


def fds(pid: int) -> dict[int, str]:
    """Open descriptors and what they are."""
    directory = f"/proc/{pid}/fd"
    found: dict[int, str] = {}
    for name in os.listdir(directory):
        try:
            found[int(name)] = os.readlink(f"{directory}/{name}")
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def rss(pid: int) -> int:
    """Resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def private(pid: int) -> int:
    """Memory in bytes that this process shares with no other."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_"):
            total += int(line.split()[1]) * 1024
    return total
