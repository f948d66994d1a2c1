# SPDX-License-Identifier: Apache-2.0
"""Handlers that read request bodies."""
from __future__ import annotations

import hashlib
import threading
from typing import Any

from mod_python import apache
from mptest import by_path, reply


def read(req: Any) -> int:
    return reply(req, req.read())


def sizes(req: Any) -> int:
    """read() with the sizes of the query string until there is no more."""
    wanted = [int(word) for word in req.args.split(",")]
    pieces = []
    while True:
        for size in wanted:
            piece = req.read(size)
            pieces.append(piece)
            if not piece:
                return reply(req, pieces)


def lines(req: Any) -> int:
    return reply(req, list(req))


def readline(req: Any) -> int:
    limit = int(req.args)
    result = []
    while line := req.readline(limit):
        result.append(line)
    return reply(req, result)


def readlines(req: Any) -> int:
    hint = eval(req.args) if req.args else -1
    result = []
    while some := req.readlines(hint):
        result.append(some)
    return reply(req, result)


def into(req: Any) -> int:
    buffer = bytearray(int(req.args))
    result = []
    while count := req.readinto(buffer):
        result.append(bytes(buffer[:count]))
    return reply(req, result)


def mixture(req: Any) -> int:
    buffer = bytearray(5)
    count = req.readinto(buffer)
    return reply(req, [req.read(3), req.readline(), next(iter(req)),
                       bytes(buffer[:count]), req.readline(4),
                       req.readlines(1), req.read(), req.read(),
                       req.readline(), req.readlines(), list(req),
                       req.readinto(buffer)])


def digest(req: Any) -> int:
    total = hashlib.sha256()
    count = 0
    while data := req.read(100_000):
        total.update(data)
        count += len(data)
    return reply(req, [count, total.hexdigest(), req.read_length,
                       req.remaining])


def lengths(req: Any) -> int:
    """Members that tell how far the reading is."""
    seen = [[req.read_length, req.remaining]]
    for _ in range(3):
        req.read(4)
        seen.append([req.read_length, req.remaining])
    return reply(req, seen + [req.read_chunked])


def outcome(req: Any) -> int:
    """What a failing read raises, twice."""
    result = []
    for _ in range(2):
        try:
            result.append(req.read())
        except Exception as error:
            result.append([type(error).__name__, str(error)])
    return reply(req, result)


def refused(req: Any) -> int:
    req.read()
    return apache.OK


def discard(req: Any) -> int:
    some = req.read(3)
    return reply(req, [some, req.discard_request_body(), req.read(),
                       req.discard_request_body()])


def ignore(req: Any) -> int:
    return reply(req, req.method)


def never(req: Any) -> int:
    """Answers before the body has come."""
    req.status = apache.HTTP_FORBIDDEN
    return reply(req, "no")


def after(req: Any) -> int:
    """What later phases read."""
    def late(data: Any) -> None:
        req.log_error(f"late: {req.read(2)!r}", apache.APLOG_NOTICE)

    req.read(4)
    req.register_cleanup(late)
    return reply(req, 0)


def loghandler(req: Any) -> int:
    if req.uri.startswith("/after"):
        req.log_error(f"log: {req.read(2)!r} {req.read()!r}",
                      apache.APLOG_NOTICE)
    return apache.OK


def threads(req: Any) -> int:
    """A second thread reads while the first one is at it."""
    entered = threading.Event()
    result: list[str] = []

    def other() -> None:
        entered.set()
        try:
            result.append(repr(req.read()))
        except Exception as error:
            result.append(type(error).__name__)

    thread = threading.Thread(target=other)
    req.read(1)
    thread.start()
    entered.wait()
    try:
        mine = repr(req.read())
    except Exception as error:
        mine = type(error).__name__
    thread.join()
    return reply(req, sorted([mine, *result]))


def redirect(req: Any) -> int:
    first = req.read(4)
    req.notes["first"] = first.decode()
    req.internal_redirect("/redirected")
    return apache.OK


def redirected(req: Any) -> int:
    return reply(req, [req.prev.notes["first"], req.read(2), req.read(),
                       req.read_length])


def errordoc(req: Any) -> int:
    return reply(req, [req.prev.status, req.read().decode()])


handler = by_path(globals())
