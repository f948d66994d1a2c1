# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Restarts and ends of children under light load: no request fails, and the
parent is after a thousand of them what it was before."""
from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import load, sanitizer
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.scale import scaled

RESTARTS = scaled(10, 1000)
TURNOVER = scaled(800, 50_000)
HANDLERS = ["test_restart"]
ASKS = [load.Ask("quick", load.request("/quick", Connection="close"),
                 body=b'"quick"'),
        load.Ask("slow", load.request("/slow", Connection="close"),
                 body=b'"slow"', weight=2),
        load.Ask("static", load.request("/x.txt", Connection="close"),
                 body=b"static\n")]


def configure(env: Env) -> str:
    env.write("x.txt", "static\n")
    return """
LogLevel warn mpm_${MPM}:notice core:notice
<LocationMatch "^/(quick|slow)">
    SetHandler mod_python
    PythonHandler test_restart
</LocationMatch>
"""


def anonymous(pid: int) -> int:
    """Resident private memory in kB, without what is shared with files."""
    found = re.search(r"RssAnon:\s+(\d+)",
                      Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


@contextmanager
def light_load(port: int) -> Iterator[load.Result]:
    """Requests, each on a connection of its own: a kept one that a restart
    closes is no failure."""
    done = threading.Event()
    result = load.Result()

    def work() -> None:
        result.add(load.run(port, ASKS, 100_000_000, threads=2, keep=1,
                            stop=done.is_set))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield result
    finally:
        done.set()
        thread.join()


@pytest.mark.mpm("event")
def test_graceful_restarts(httpd: Httpd, log: ErrorLog) -> None:
    log.allow("AH00046|AH00045|AH00052")
    with light_load(httpd.port()) as result:
        for _ in range(3):  # the allocator settles
            httpd.graceful()
        memory, files = anonymous(httpd.pid), len(httpd.fds(httpd.pid))
        for _ in range(RESTARTS):
            httpd.graceful()
        grown = anonymous(httpd.pid) - memory
        more = len(httpd.fds(httpd.pid)) - files
    print(f"{RESTARTS} graceful restarts, {result.done} requests, "
          f"{len(result.failed)} failed; the parent grew by {grown} kB and "
          f"{more} descriptors")
    assert result.failed == []
    assert result.done > RESTARTS
    assert more == 0
    if not sanitizer.wanted():  # it keeps freed memory
        assert grown < 1024


def test_children_that_end_after_some_connections(
        make_httpd: Callable[..., Httpd]) -> None:
    """MaxConnectionsPerChild"""
    server = make_httpd()
    server.env.copy_handlers("test_restart")
    server.log.allow("AH00046|AH00045|AH00052")
    server.start("MaxConnectionsPerChild 100\n" + configure(server.env))
    server.expect_child_exit()
    first = set(server.children())
    result = load.run(server.port(), ASKS, TURNOVER, threads=4, keep=1)
    print(f"{result.done} connections, {len(result.failed)} failed")
    assert result.failed == []
    assert not first & set(server.children())
