# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Writes a line, takes its time, writes the next one."""
import asyncio
import select
import socket
import sqlite3
import threading
import time
from typing import Any

from mod_python import apache
from mptest import by_path

PAUSE = 0.2
LINES = 3


def _lines(req: Any, pause: Any) -> int:
    req.content_type = "text/plain"
    for n in range(LINES):
        if n:
            pause(n)
        # when it was written, by a clock that all processes share
        req.write(f"{n} {time.monotonic():.6f}\n")
    return apache.OK


def sleep(req: Any) -> int:
    return _lines(req, lambda n: time.sleep(PAUSE))


def sql(req: Any) -> int:
    """A database that waits: for a lock that another connection holds."""
    first = sqlite3.connect("file:waits?mode=memory&cache=shared", uri=True,
                            isolation_level=None, timeout=0)
    first.execute("create table if not exists t (n)")

    def wait(n: int) -> None:
        first.create_function("wait", 0, lambda: time.sleep(PAUSE))
        first.execute("select wait()")

    try:
        return _lines(req, wait)
    finally:
        first.close()


def selecting(req: Any) -> int:
    """In C code that has released the GIL."""
    one, other = socket.socketpair()
    try:
        return _lines(req, lambda n: select.select([one], [], [], PAUSE))
    finally:
        one.close()
        other.close()


def computes(req: Any) -> int:
    """In Python code that never waits."""
    def busy(n: int) -> None:
        until = time.monotonic() + PAUSE
        while time.monotonic() < until:
            sum(range(100))

    return _lines(req, busy)


def event_loop(req: Any) -> int:
    return _lines(req, lambda n: asyncio.run(asyncio.sleep(PAUSE)))


def thread(req: Any) -> int:
    """In a thread of Python's own that the handler waits for."""
    def wait(n: int) -> None:
        other = threading.Thread(target=time.sleep, args=(PAUSE,))
        other.start()
        other.join()

    return _lines(req, wait)


def reads(req: Any) -> int:
    """Asks, and reads the answer: the client waits for the question."""
    for n in range(LINES):
        req.write(f"{n} {time.monotonic():.6f}\n")
        if req.readline() == b"":
            break
    return apache.OK


def first(req: Any) -> int:
    """Writes; the next handler of the list takes its time."""
    req.write(f"0 {time.monotonic():.6f}\n")
    return apache.OK


def second(req: Any) -> int:
    time.sleep(PAUSE)
    req.write(f"1 {time.monotonic():.6f}\n")
    return apache.OK


def adds_filter(req: Any) -> int:
    """What was written before a filter does not go through it."""
    req.write("before\n")
    req.register_output_filter("upper", _upper)
    req.add_output_filter("upper")
    req.write("after\n")
    return apache.OK


def _upper(filter: Any) -> None:
    data = filter.read()
    while data:
        filter.write(data.upper())
        data = filter.read()
    if data is None:
        filter.close()


def short(req: Any) -> int:
    req.write("short\n")
    return apache.OK


def until_gone(req: Any) -> int:
    """Writes and sleeps until it is told that the client is gone."""
    try:
        for _ in range(1000):
            req.write("x" * 1000)
            time.sleep(0.01)
    except OSError:
        req.log_error("the client has left", apache.APLOG_NOTICE)
    return apache.OK


def hammer(req: Any) -> int:
    """Promises are made, kept, and taken back, at all moments."""
    step = int(req.args)
    for n in range(20):
        req.write(b"%04d\n" % n)
        req.headers_out["X"] = str(n)
        if n % step == 0:
            time.sleep(0.0005 * (n % 13))
        req.log_error("busy", apache.APLOG_DEBUG)
    return apache.OK


handler = by_path(globals())
