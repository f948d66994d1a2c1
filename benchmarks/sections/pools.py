# SPDX-License-Identifier: Apache-2.0
"""Threads and interpreters: what a GIL costs, and what several give."""
from __future__ import annotations

import re
import statistics
import threading
import time
from pathlib import Path

from ..baseline import python, writes
from ..bench import Bench
from ..callgrind import count
from ..server import Server, request
from ..wrk import PAIRS, Load, run

TITLE = "Pools"

OPTIONS = "PythonInterpreterOptions"
FURTHER = 8  # instances beside the first one
STARTS = 3


def measure(bench: Bench) -> None:
    if not bench.build.has_python(3, 13):
        bench.notes.append("Pools need CPython 3.13.")
    else:
        _instructions(bench)
    if bench.quick:
        return
    if bench.build.has_python(3, 13):
        _all_cores(bench)
        _size(bench)
    _convoy(bench)
    _switching(bench)


def _instructions(bench: Bench) -> None:
    config = (f"{OPTIONS} pool instances=2\n" + writes("/c")
              + python("/main", "bench_hello")
              + python("/pool", "bench_hello", "PythonInterpreter pool"))
    with bench.server(config, callgrind=True) as server:
        c = count(server, "/c")
        bench.add("hello over C", count(server, "/main") - c, at_most=2200)
        bench.add("hello in a pool of two over C",
                  count(server, "/pool") - c, at_most=2300)


def _all_cores(bench: Bench) -> None:
    """One process, two cores, a handler that computes for a millisecond."""
    config = f"{OPTIONS} one gil=own\n{OPTIONS} two instances=2\n" + "".join(
        python(f"/{name}", "bench_pools::computes",
               f"PythonInterpreter {name}") for name in ("one", "two"))
    with bench.server(config, mpm="event", cores="0,1") as server:
        server.get("/one")
        server.get("/two")
        for connections in (4, 16):
            bench.add(
                f"two instances over one, {connections} connections",
                bench.ratio(server.url("/two"), server.url("/one"),
                            Load(connections=connections)),
                "times the throughput", at_least=1.8)


def _size(bench: Bench) -> None:
    """What each further instance adds to a child."""
    def start(instances: int) -> tuple[float, float]:
        """Seconds until the first answer, MB of the child then."""
        config = (f"{OPTIONS} pool gil=own instances={instances}\n"
                  "PythonImport bench_pools::ready pool\n"
                  + python("/", "bench_hello", "PythonInterpreter pool"))
        began = time.monotonic()
        with bench.server(config, mpm="event") as server:
            server.get("/")
            seconds = time.monotonic() - began
            [child] = server.children()
            return seconds, _rss(child)

    few = [start(1) for _ in range(STARTS)]
    many = [start(1 + FURTHER) for _ in range(STARTS)]
    seconds, size = (
        (statistics.median(row[column] for row in many)
         - statistics.median(row[column] for row in few)) / FURTHER
        for column in range(2))
    bench.add("a further instance", size, "MB", at_most=5)
    bench.add("a further instance's start", 1000 * seconds, "ms", at_most=60)


def _rss(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found, status
    return int(found[1]) / 1024


def _convoy(bench: Bench) -> None:
    """Threads that share a GIL: hello when 25 of them work and when one does,
    which waits for its client in between."""
    config = python("/", "bench_hello")
    with bench.server(config, mpm="event", threads=25) as server:
        server.get("/")
        ratios = [run(server.url("/"), Load(connections=25)).per_second
                  / run(server.url("/"), Load(connections=1)).per_second
                  for _ in range(PAIRS)]
    bench.add("25 threads over one, shared GIL", statistics.median(ratios),
              "times the throughput", at_least=0.9)


def _switching(bench: Bench) -> None:
    """PythonSwitchInterval: what a short request waits for and what a long
    one pays."""
    alone: dict[str, float] = {}
    for interval in ("0.005", "0.0002"):
        config = (f"PythonSwitchInterval {interval}\n"
                  + python("/hello", "bench_hello")
                  + python("/long", "bench_pools::long"))
        with bench.server(config, mpm="event") as server:
            server.get("/long")
            alone[interval] = statistics.median(
                _seconds(server, "/long") for _ in range(3))
            waits, beside = _beside(server)
        bench.add(f"hello beside a handler that computes, interval {interval}",
                  1000 * waits, "ms")
        bench.add(f"the handler that computes, then, interval {interval}",
                  beside / alone[interval], "times as long as alone")


def _seconds(server: Server, path: str) -> float:
    began = time.monotonic()
    server.get(path)
    return time.monotonic() - began


def _beside(server: Server) -> tuple[float, float]:
    """Seconds of a hello while /long is running, and those of /long."""
    taken: list[float] = []
    done = threading.Event()

    def compute() -> None:
        taken.extend(_seconds(server, "/long") for _ in range(3))
        done.set()

    thread = threading.Thread(target=compute)
    thread.start()
    waits = []
    with server.connect() as client:
        while not done.is_set():
            began = time.monotonic()
            client.send(request("/hello"))
            waits.append(time.monotonic() - began)
    thread.join()
    # weighted by time: while nobody computes there are far more of them
    wait = sum(one * one for one in waits) / sum(waits)
    return wait, statistics.median(taken)
