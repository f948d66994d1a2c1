# SPDX-License-Identifier: Apache-2.0
"""Instructions per request, counted by valgrind's callgrind.

Requests go over one kept-alive connection to a prefork httpd of one process.
A request to a URL of mod_baseline writes the counters out and clears them, so
the difference between "nothing" and "some requests" in between is exactly
theirs, whatever the start of the server took.
"""
from __future__ import annotations

import re
from pathlib import Path

from .server import COUNT, Client, Server, request

WARM = 200    # free lists are filled, handlers are cached, code is specialised
REQUESTS = 25
ROUNDS = 20   # once a second files are looked at: the cheapest is without


def _dump(server: Server, client: Client) -> Path:
    """Has the counters written out and cleared."""
    old = set(server.var.glob("callgrind.*"))
    client.send(request(COUNT))
    (dump,) = set(server.var.glob("callgrind.*")) - old
    return dump


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(errors="replace"),
                      re.MULTILINE)
    dump.unlink()
    return int(found.group(1)) if found else 0


def _send(client: Client, data: bytes, status: int, requests: int) -> None:
    for _ in range(requests):
        client.send(data, status)


def _begin(server: Server, client: Client, data: bytes, status: int) -> None:
    """Clears the counters of a server that is warm."""
    _dump(server, client).unlink()  # the first switches counting on
    _send(client, data, status, WARM)
    _dump(server, client).unlink()


def count(server: Server, path: str | bytes, *, status: int = 200,
          requests: int = REQUESTS, rounds: int = ROUNDS,
          n: int = 0) -> float:
    """Instructions that one request for path (or these bytes) takes.

    The server has been made with callgrind=True. n: of its ports.
    """
    data = path if isinstance(path, bytes) else request(path)
    totals = []
    with server.connect(n) as client:
        _begin(server, client, data, status)
        nothing = min(_total(_dump(server, client)) for _ in range(3))
        for _ in range(rounds):
            _send(client, data, status, requests)
            totals.append(_total(_dump(server, client)))
    return (min(totals) - nothing) / requests


def profile(server: Server, path: str | bytes, *, status: int = 200,
            requests: int = REQUESTS, n: int = 0) -> str:
    """A table of the functions that one request runs: instructions of their
    own, with those they call, calls, where, name."""
    data = path if isinstance(path, bytes) else request(path)
    with server.connect(n) as client:
        _begin(server, client, data, status)
        _send(client, data, status, requests)
        dump = _dump(server, client)
    functions = _functions(dump.read_text(errors="replace"))
    dump.unlink()
    rows = [f"{own / requests:9.1f} {own_and_called / requests:9.1f} "
            f"{calls / requests:7.2f}  {where:24} {name}"
            for (where, name), (own, own_and_called, calls) in
            sorted(functions.items(), key=lambda item: -item[1][0])]
    return "\n".join(["      own with calls   calls  where"
                      "                    name", *rows]) + "\n"


def _functions(dump: str) -> dict[tuple[str, str], list[int]]:
    """(object, function) -> instructions of its own, with callees, calls.

    callgrind_annotate misreads the calls that began before counting did.
    """
    found: dict[tuple[str, str], list[int]] = {}
    here = called = ("", "")
    where = called_where = ""
    calls = None  # the next line is the cost of a call
    for line in dump.splitlines():
        kind, _, value = line.partition("=")
        if kind == "ob":
            where = called_where = Path(value).name
        elif kind == "fn":
            here, called_where = (where, value), where
        elif kind == "cob":
            called_where = Path(value).name
        elif kind == "cfn":
            called = (called_where, value)
        elif kind == "calls":
            calls = int(value.split()[0])
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            cost = int(line.split()[1])
            row = found.setdefault(here, [0, 0, 0])
            row[1] += cost
            if calls is None:
                row[0] += cost
            else:
                found.setdefault(called, [0, 0, 0])[2] += calls
            calls = None
        if not line:
            called_where = where
    return found
