# SPDX-License-Identifier: Apache-2.0
"""Small helpers without knowledge of httpd: waiting, threads, ports."""
from __future__ import annotations

import concurrent.futures
import os
import random
import socket
import struct
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Under valgrind everything takes its time.
VALGRIND = os.environ.get("MP_VALGRIND") == "1"
PATIENCE = 30.0 if VALGRIND else 1.0

# Below the kernel's usual range for outgoing connections (32768 and up), so
# that only another listener can take a port between the choice and the use.
PORTS = range(10_000, 32_000)


class DeadlineError(AssertionError):
    """A condition did not become true in time."""


def wait_until(condition: Callable[[], T], timeout: float = 5.0,
               what: str = "") -> T:
    """Calls condition until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout * PATIENCE
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", "condition")
            raise DeadlineError(f"not within {timeout:g} s: {name}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def concurrently(function: Callable[[int], T], count: int,
                 threads: int = 8, timeout: float = 60.0) -> list[T]:
    """function(0) ... function(count - 1) on several threads.

    The results come in order; the first exception is raised again.
    """
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, range(count), timeout=timeout))


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            # as httpd does: old connections in TIME_WAIT are no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def reset(connection: socket.socket) -> None:
    """Closes with RST: what was not sent or read yet is lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
    connection.close()


def accepts(port: int) -> bool:
    """Does somebody accept connections there?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
