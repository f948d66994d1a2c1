# SPDX-License-Identifier: Apache-2.0
"""Handlers and filters that tell what they notice of a client that goes."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mod_python import apache
from mptest import by_path

BLOCK = bytes(range(256)) * 40


def tell(req: Any, text: str) -> None:
    req.log_error(f"{req.uri}: {text}", apache.APLOG_NOTICE)


def told(work: Callable[[Any], None]) -> Callable[[Any], int]:
    """A handler that logs when it begins and how it ends."""
    def handler(req: Any) -> int:
        tell(req, "begun")
        try:
            work(req)
        except OSError as error:
            tell(req, f"gone: {error}")
            raise
        tell(req, "done")
        return apache.OK

    return handler


@told
def upload(req: Any) -> None:
    """Reads what never comes to an end."""
    while req.read(1000):
        pass


@told
def lines(req: Any) -> None:
    for _ in req:
        pass


@told
def download(req: Any) -> None:
    """Writes as long as somebody takes it."""
    while True:
        req.write(BLOCK, 0)


@told
def compute(req: Any) -> None:
    """Is busy while the client goes, then has an answer."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.05)
        req.write("one line\n")


@told
def converse(req: Any) -> None:
    """Reads and writes by turns."""
    while data := req.read(1000):
        req.write(data)


filtered = download


def outputs(filter: Any) -> None:
    while data := filter.read():
        filter.write(data.swapcase())


def inputs(filter: Any) -> None:
    try:
        while data := filter.read():
            filter.write(data)
    except OSError as error:
        tell(filter.req, f"filter: {error}")
        raise


def ping(req: Any) -> int:
    req.write("pong " + req.args, 0)
    return apache.OK


handler = by_path(globals())
