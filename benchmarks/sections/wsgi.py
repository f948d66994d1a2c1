# Licensed under the Apache License, Version 2.0; see LICENSE.
"""WSGI applications, beside a C handler and both mod_wsgi's (embedded)."""
from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

from harness.install import SetupError
from harness.tools import wait_until

from ..baseline import location, python, writes
from ..bench import Bench
from ..callgrind import count
from ..peers import Peer, frameworks, mod_wsgi_debian, mod_wsgi_pypi
from ..server import Server
from ..wrk import Load, run

TITLE = "WSGI"

HELLO = "bench_wsgi"
FRAMEWORKS = {"Flask": "bench_flask", "Django": "bench_django"}
PEERS = (mod_wsgi_debian, mod_wsgi_pypi)


def ours(*modules: str) -> str:
    return writes("/c") + "".join(
        python(f"/{module}", "mod_python.wsgi",
               f"PythonOption mod_python.wsgi.application {module}")
        for module in modules)


def theirs(*modules: str) -> str:
    """The same sections, in the process's main interpreter as ours."""
    return "WSGIApplicationGroup %{GLOBAL}\n" + writes("/c") + "".join(
        f'WSGIScriptAlias /{module} "${{HANDLERS}}/{module}.py"\n'
        + location(f"/{module}", "Require all granted")
        for module in modules)


def children(mpm: str) -> int:
    """As many as there are connections, where each takes one: their start is
    not what is measured."""
    return Load().connections if mpm == "prefork" else 1


def measure(bench: Bench) -> None:
    with bench.server(ours(HELLO), callgrind=True) as server:
        # short rounds: in some of them no second ends
        wsgi, c = (count(server, path, requests=100, rounds=9)
                   for path in (f"/{HELLO}/", "/c"))
        bench.add("WSGI hello over C", wsgi - c, at_most=14_000)
    if bench.quick:
        return
    _over_c(bench)
    for make in PEERS:
        try:
            _beside(bench, make())
        except SetupError as error:  # the other one may be there
            bench.notes.append(f"WSGI: {error}")


def _over_c(bench: Bench) -> None:
    for mpm in bench.mpms:
        with bench.server(ours(HELLO), mpm=mpm, children=children(mpm)
                          ) as server:
            _warm(server, f"/{HELLO}/")
            bench.add(f"WSGI hello, {mpm}", bench.ratio(
                server.url(f"/{HELLO}/"), server.url("/c")), "of C")


def _beside(bench: Bench, peer: Peer) -> None:
    with bench.peer(peer, theirs(HELLO), callgrind=True) as server:
        bench.add(f"WSGI hello by {peer.name} over C",
                  count(server, f"/{HELLO}/") - count(server, "/c"))
    for mpm in bench.mpms:
        with (bench.server(ours(HELLO), mpm=mpm, children=children(mpm)
                           ) as server,
              bench.peer(peer, theirs(HELLO), mpm=mpm, children=children(mpm)
                         ) as other):
            path = f"/{HELLO}/"
            _check(server, other, path)
            bench.add(f"WSGI hello, {mpm}", bench.ratio(
                server.url(path), other.url(path)), f"of {peer.name}",
                at_least=_least(peer, "WSGI"))
    _processor_time(bench, peer)
    environ = {"PYTHONPATH": str(frameworks())}
    modules = FRAMEWORKS.values()
    with (bench.server(ours(*modules), mpm="event", environ=environ) as server,
          bench.peer(peer, theirs(*modules), mpm="event",
                     environ=environ) as other):
        for name, module in FRAMEWORKS.items():
            path = f"/{module}/"
            _check(server, other, path)
            bench.add(f"{name} hello, event", bench.ratio(
                server.url(path), other.url(path)), f"of {peer.name}",
                at_least=1)


def _processor_time(bench: Bench, peer: Peer) -> None:
    """The same by what the processors had to do: on a busy machine the
    throughput tells more of who else wants them."""
    environ = {"PYTHONPATH": str(frameworks())}
    applications = {"WSGI": HELLO, **FRAMEWORKS}
    modules = applications.values()
    with (bench.server(ours(*modules), mpm="event", environ=environ) as server,
          bench.peer(peer, theirs(*modules), mpm="event",
                     environ=environ) as other):
        for name, module in applications.items():
            path = f"/{module}/"
            _check(server, other, path)
            mine, its = _seconds(server, path), _seconds(other, path)
            bench.add(f"{name} hello, event, requests per second of processor "
                      f"time ({mine * 1e6:.0f} µs each)", its / mine,
                      f"of {peer.name}", at_least=_least(peer, name))


def _seconds(server: Server, path: str) -> float:
    """Processor time of httpd for one request."""
    def used() -> float:
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
                  .split() for pid in server.children()]
        ticks = sum(int(one[11]) + int(one[12]) for one in fields)
        return ticks / os.sysconf("SC_CLK_TCK")

    found = []
    for _ in range(3):
        before = used()
        rate = run(server.url(path), Load(seconds=2)).per_second
        if rate > 0:
            found.append((used() - before) / (2 * rate))
    return statistics.median(found)


def _least(peer: Peer, name: str) -> int:
    """The target: twice the newest of them for hello, ahead for the rest."""
    return 2 if name == "WSGI" and peer == mod_wsgi_pypi() else 1


def _warm(server: Server, path: str) -> None:
    """All children have started and have imported the application."""
    wait_until(lambda: run(server.url(path)).per_second > 0, 30)


def _check(server: Server, other: Server, path: str) -> None:
    """Both answer with the same bytes."""
    for one in (server, other):
        _warm(one, path)
    answers = [one.get(path) for one in (server, other)]
    if answers != [b"Hello World!\n"] * 2:
        raise SetupError(f"{path}: {answers}, Python "
                         f"{sys.version_info.major}.{sys.version_info.minor}")
