# SPDX-License-Identifier: Apache-2.0
"""The global mutexes of Sessions and others: across threads and processes, in
any number, and when somebody who holds one dies."""
from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import requests

from harness import proc
from harness.client import Client
from harness.conf import BY_PATH, Workers
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently, wait_until

WORKERS = Workers(children=3, threads=4)
CONFIG = (BY_PATH.format(name="test_global_locks")
          + 'PythonOption var "${ROOT}/var"\n')
TIMES = 24


def free(client_of: Callable[[], Client], indexes: str, not_in: int = 0
         ) -> Any:
    """Which locks are free as another process than not_in sees it."""
    def ask() -> Any:
        with client_of() as client:  # httpd may give it to any process
            try:
                pid, got = client.json(f"/attempt?{indexes}")
            except requests.ConnectionError:  # to one that was killed
                return None
        return [got] if pid != not_in else None

    return wait_until(ask, 10)[0]


@pytest.fixture
def client_of(httpd: Httpd) -> Callable[[], Client]:
    return lambda: Client(httpd.port())


def test_one_at_a_time(httpd: Httpd) -> None:
    number = httpd.env.var / "number"
    number.write_text("0")
    number.chmod(0o666)

    def work(_: int) -> Any:
        with Client(httpd.port(), timeout=60) as client:
            return client.json("/count")

    pids = concurrently(work, TIMES, threads=8)
    assert number.read_text() == str(10 * TIMES)
    assert len(set(pids)) > 1


def test_seen_by_other_processes(client_of: Callable[[], Client],
                                 raw: Connection) -> None:
    """8 locks and the reserved one; other indexes count modulo 8."""
    raw.send_request("/hold?3", "POST", [("Content-Length", "1")])
    assert raw.read_head().status == 200
    holder = int(raw.read_some().split()[1])
    assert free(client_of, "0,1,2,3,4,11,19,12", holder) == [
        1, 1, 1, 0, 1, 0, 0, 1]
    raw.send(b"x")
    assert raw.read_exactly(5) == b"0\r\n\r\n"
    assert free(client_of, "3,11", holder) == [1, 1]


@pytest.mark.parametrize("index", [0, 1, 5])
def test_one_lock(start_httpd: Any, index: int) -> None:
    """The least there may be: one, and the reserved one."""
    server = start_httpd(CONFIG + "PythonOption mod_python.mutex_locks 1\n",
                         workers=WORKERS)
    with Connection(server.port()) as raw:
        raw.send_request(f"/hold?{index}", "POST", [("Content-Length", "1")])
        assert raw.read_head().status == 200
        holder = int(raw.read_some().split()[1])
        reserved = index == 0
        assert free(lambda: Client(server.port()), "0,1,2,7", holder) == [
            int(not reserved), *[int(reserved)] * 3]
        raw.send(b"x")
        assert raw.read_exactly(5) == b"0\r\n\r\n"


def test_holder_dies(start_httpd: Any) -> None:
    """Its lock is free at once."""
    server = start_httpd(CONFIG, workers=WORKERS)
    with Connection(server.port()) as raw:
        raw.send_request("/keep")
        assert raw.read_head().status == 200
        holder = int(raw.read_some().split()[1])
        client_of = lambda: Client(server.port())  # noqa: E731
        assert free(client_of, "1", holder) == [0]
        server.expect_child_exit()
        os.kill(holder, signal.SIGKILL)
        wait_until(lambda: not proc.alive(holder))
        # the kernel frees it when the last of its threads has gone
        wait_until(lambda: free(client_of, "1", holder) == [1])


def test_exception(client_of: Callable[[], Client], log: ErrorLog) -> None:
    with client_of() as client:
        assert client.get("/raising").status_code == 500
        log.expect("MP0400.*LookupError: on purpose")
        assert client.json("/attempt?2")[1] == [1]
