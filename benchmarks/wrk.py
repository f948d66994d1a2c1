# SPDX-License-Identifier: Apache-2.0
"""Throughput as ratios, by wrk: two URLs by turns, again and again, and the
median of the pairs, so that what else the machine does matters little."""
from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass

from harness.install import SetupError

# SECONDS of each run, PAIRS of runs
SECONDS = 1
PAIRS = 9


@dataclass(frozen=True)
class Load:
    """How wrk asks: connections at a time, its threads, its processors."""

    connections: int = 8
    threads: int = 1
    seconds: int = SECONDS
    cores: str | None = None
    script: str | None = None  # a file of wrk's Lua


@dataclass(frozen=True)
class Result:
    """What one run of wrk found out."""

    per_second: float
    p99: float  # milliseconds


UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def run(url: str, load: Load = Load()) -> Result:
    """Asks for url for a while; every answer must be a good one."""
    if not shutil.which("wrk"):
        raise SetupError("wrk is missing (Debian: apt-get install wrk)")
    command = ["wrk", "-t", str(load.threads), "-c", str(load.connections),
               "-d", f"{load.seconds}s", "--latency", url]
    if load.script:
        command[1:1] = ["-s", load.script]
    if load.cores is not None:
        command = ["taskset", "-c", load.cores, *command]
    text = subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if not rate or not tail:
        raise RuntimeError(f"wrk says:\n{text}")
    return Result(float(rate[1]), float(tail[1]) * UNITS[tail[2]])


def ratio(url: str, other: str, load: Load = Load(),
          pairs: int = PAIRS) -> float:
    """The throughput of url divided by that of other."""
    found = []
    for n in range(pairs):
        if n % 2:
            below = run(other, load).per_second
            found.append(run(url, load).per_second / below)
        else:
            above = run(url, load).per_second
            found.append(above / run(other, load).per_second)
    return statistics.median(found)
