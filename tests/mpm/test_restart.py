# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Restarts and ends: nothing is lost, nothing grows."""
from __future__ import annotations

import re
import threading
from pathlib import Path

import requests

from harness import sanitizer
from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import wait_until

RESTARTS = 30
MAX_GROWTH = 200  # kB over all of them


def configure(env: Env) -> str:
    return """
<Location />
    SetHandler mod_python
    PythonHandler test_restart
</Location>
<Location /exits/sub>
    PythonInterpreter sub
</Location>
"""


def rss(pid: int) -> int:
    """Resident private memory in kB; without what is shared with files."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+)", status)
    assert found
    return int(found[1])


class Load(threading.Thread):
    """Requests one after the other until told to end."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__()
        self.port, self.path = port, path
        self.done, self.failed = 0, [""][:0]
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                # a connection of its own: a kept one may be closed by a
                # restart, which is no failure of httpd's
                with Client(self.port) as client:
                    response = client.get(
                        self.path, headers={"Connection": "close"})
                if response.status_code != 200:
                    self.failed.append(f"{response.status_code}")
            except requests.RequestException as error:
                self.failed.append(repr(error))
            self.done += 1


def test_graceful_restarts_under_load(httpd: Httpd, log: ErrorLog) -> None:
    log.allow("AH00045|AH00046")
    loads = [Load(httpd.port(), path) for path in ("/quick", "/slow")]
    for load in loads:
        load.start()
    try:
        for _ in range(3):  # the allocator settles
            httpd.graceful()
        before = rss(httpd.pid)
        for _ in range(RESTARTS):
            httpd.graceful()
        grown = rss(httpd.pid) - before
    finally:
        for load in loads:
            load.stop.set()
        for load in loads:
            load.join(30)
    assert [load.failed for load in loads] == [[], []]
    assert all(load.done > RESTARTS // 5 for load in loads)  # busy machines
    print(f"parent grew by {grown} kB in {RESTARTS} restarts, "
          f"{sum(load.done for load in loads)} requests")
    if not sanitizer.wanted():  # it keeps freed memory
        assert grown < MAX_GROWTH


def test_order_of_exit(httpd: Httpd, log: ErrorLog) -> None:
    with Client(httpd.port()) as client:
        client.text("/exits")
    httpd.restart()
    lines = wait_until(lambda: (
        found if len(found := [record for record in log.records()
                               if "exit: " in str(record)]) >= 3 else None))
    said = [re.search(r"exit: (\w+)", str(line))[1] for line in lines]
    assert said == ["second", "first", "atexit"]


def test_every_interpreter_exits(httpd: Httpd, log: ErrorLog) -> None:
    with Client(httpd.port()) as client:
        client.text("/exits")
        client.text("/exits/sub")
    httpd.restart()
    log.expect("exit: atexit of localhost|exit: atexit of main_interpreter")
    log.expect("exit: atexit of sub")
