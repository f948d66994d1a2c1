# SPDX-License-Identifier: Apache-2.0
"""How long clients wait: under load, and for a child that has just begun."""
from __future__ import annotations

import statistics
import subprocess
import time

from harness.build import python_to_embed
from harness.install import SetupError

from ..baseline import location, python
from ..bench import Bench
from ..peers import mod_wsgi_debian
from ..wrk import PAIRS, Load, run

TITLE = "Latency"

LOAD = Load(connections=50, seconds=2)
# more than there are connections: event closes idle ones where none is free
THREADS = 64
STARTS = 15
PEER = 'WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / '\
    '"${HANDLERS}/bench_compute.py"\n'


def measure(bench: Bench) -> None:
    if bench.quick:
        return
    _start(bench)
    try:
        _tail(bench)
    except SetupError as error:
        bench.notes.append(f"Latency: {error}")


def _tail(bench: Bench) -> None:
    """The slowest in a hundred, of a handler that computes for 1 ms, while
    50 connections ask for it."""
    peer = mod_wsgi_debian()
    config = python("/", "bench_pools::computes")
    with (bench.server(config, mpm="event", threads=THREADS) as server,
          bench.peer(peer, PEER + location("/", "Require all granted"),
                     mpm="event", threads=THREADS) as other):
        urls = [server.url("/"), other.url("/")]
        for url in urls:
            run(url, LOAD)
        tails = [[run(url, LOAD).p99 for url in urls] for _ in range(PAIRS)]
    bench.add(
        f"p99 of 1 ms of Python, 50 connections "
        f"({statistics.median(ours for ours, _ in tails):.0f} ms)",
        statistics.median(ours / theirs for ours, theirs in tails),
        f"of {peer.name}", at_most=1.3)


def _start(bench: Bench) -> None:
    """From the start of a child to its first answer, beside what importing
    a little of the standard library takes a Python."""
    imports = [python_to_embed(), "-c", "import email, json, logging"]
    children, pythons = [], []
    for _ in range(STARTS):
        with bench.server(python("/", "bench_latency::age")) as server:
            children.append(float(server.get("/")))
        began = time.monotonic()
        subprocess.run(imports, check=True)
        pythons.append(time.monotonic() - began)
    child, alone = (1000 * statistics.median(times)
                    for times in (children, pythons))
    bench.add(f"a child's start to its first answer ({child:.0f} ms)",
              child / alone, f"of a Python that imports email, json and "
              f"logging ({alone:.0f} ms)", at_most=1.5)
