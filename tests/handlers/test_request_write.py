# SPDX-License-Identifier: Apache-2.0
"""Handlers that write responses."""
from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from mod_python import apache
from mptest import by_path, reply

BYTES = bytes(range(256))
outcomes: list[str] = []


def literal(req: Any) -> int:
    """Writes the value of the expression that is the query string."""
    from urllib.parse import unquote
    req.write(eval(unquote(req.args)), 0)
    return apache.OK


def arguments(req: Any) -> int:
    req.write("a")
    req.write("b", 0)
    req.write("c", flush=0)
    req.write("d", flush=True)
    req.write(data="e")
    req.write(flush=[], data="f")
    return apache.OK


def tiny(req: Any) -> int:
    flush = int(req.args)
    for i in range(10_000):
        req.write(b"%04d\n" % i, flush)
    return apache.OK


def length(req: Any) -> int:
    """Writes as many bytes as asked for, at once, without a flush."""
    req.write(b"x" * int(req.args), 0)
    return apache.OK


def pieces(req: Any) -> int:
    """The same in pieces."""
    size, count, flush = map(int, req.args.split(","))
    for i in range(count):
        req.write(b"%c" % (97 + i % 26) * size, flush)
    return apache.OK


def late_header(req: Any) -> int:
    req.write("")
    req.write(b"", 0)
    req.headers_out["X-Late"] = "1"
    req.write("body")
    return apache.OK


def headers_first(req: Any) -> int:
    """The headers go out, then, when the client has answered, the body."""
    req.content_type = "text/x-test"
    req.flush()
    req.write(req.read(3), 0)
    return apache.OK


def converse(req: Any) -> int:
    """Answers each line of the body before the next one is sent."""
    for line in req:
        req.write(line.upper())
    return apache.OK


def flushed_later(req: Any) -> int:
    req.write("one ", 0)
    req.write("two ", 0)
    req.flush()
    req.write(req.read(1), 0)
    return apache.OK


def status(req: Any) -> int:
    req.status = int(req.args)
    req.write("body of no use")
    req.write("x" * 100_000, 0)
    return apache.OK


def until_gone(req: Any) -> int:
    """Writes until the client is gone."""
    try:
        while True:
            req.write(b"x" * 10_000, int(req.args))
    except OSError as error:
        req.log_error(f"gone: {error}", apache.APLOG_NOTICE)
        try:
            req.write("more", 0)
        except OSError as again:
            req.log_error(f"still gone: {again}", apache.APLOG_NOTICE)
        raise


def broken(req: Any) -> int:
    """Fails after some output; query: length, flush, Content-Length."""
    size, flush, announced = map(int, req.args.split(","))
    if announced:
        req.set_content_length(announced)
    req.write(b"x" * size, 0)
    if flush:  # write() would only promise it
        req.flush()
    raise LookupError("on purpose")


def broken_later(req: Any) -> int:
    req.write("begun")
    req.flush()
    return apache.HTTP_FORBIDDEN


def returns_error(req: Any) -> int:
    req.write("never seen", 0)
    return apache.HTTP_NOT_FOUND


def after(req: Any) -> int:
    def late(data: Any) -> None:
        try:
            req.write("late")
        except Exception as error:
            req.log_error(f"late: {type(error).__name__}: {error}",
                          apache.APLOG_NOTICE)
    req.register_cleanup(late)
    req.write("body")
    return apache.OK


def loghandler(req: Any) -> int:
    if req.uri.startswith("/after"):
        for call in (lambda: req.write("x", 0), req.flush,
                     lambda: req.sendfile(__file__)):
            try:
                call()
            except Exception as error:
                req.log_error(f"log: {type(error).__name__}: {error}",
                              apache.APLOG_NOTICE)
    return apache.OK


def threads(req: Any) -> int:
    """Whole lines of several threads."""
    def work(letter: bytes) -> None:
        for _ in range(200):
            req.write(letter * 99 + b"\n", letter > b"b")

    workers = [threading.Thread(target=work, args=(b"%c" % letter,))
               for letter in b"abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return apache.OK


def file(req: Any) -> int:
    """sendfile() with the arguments of the query string, evaluated."""
    from urllib.parse import unquote
    here = Path(req.document_root())
    args = eval("(" + unquote(req.args) + ",)",
                {"here": here, "os": os, "Path": Path})
    req.headers_out["X-Sent"] = "?"
    sent = req.sendfile(*args)
    req.write(f"|{sent}", 0)
    return apache.OK


def file_error(req: Any) -> int:
    from urllib.parse import unquote
    here = Path(req.document_root())
    args = eval("(" + unquote(req.args) + ",)",
                {"here": here, "os": os, "Path": Path})
    try:
        return reply(req, req.sendfile(*args))
    except Exception as error:
        return reply(req, [type(error).__name__, str(error),
                           getattr(error, "errno", None)])


def mixed(req: Any) -> int:
    name = os.path.join(req.document_root(), "large")
    req.write("<", 0)
    first = req.sendfile(name, 0, 5)
    req.write("|", 0)
    second = req.sendfile(name, offset=3, len=100_000)
    req.write("|", 0)
    third = req.sendfile(path=name)
    req.write(f"|{first},{second},{third}>", 0)
    return apache.OK


def many_files(req: Any) -> int:
    """Files do not stay open until the request ends."""
    name = os.path.join(req.document_root(), "large")
    req.headers_out["X"] = "y"
    before = len(os.listdir("/proc/self/fd"))
    most = 0
    for _ in range(50):
        req.sendfile(name, 0, 40_000)
        most = max(most, len(os.listdir("/proc/self/fd")) - before)
    req.write(f"|{most}", 0)
    return apache.OK


def replaced(req: Any) -> int:
    """A file that changes after it was sent."""
    name = "/tmp/mp-test-%d-%d" % (os.getpid(), threading.get_ident())
    try:
        for letter in "ab":
            Path(name).write_text(letter * 10_000)
            req.sendfile(name)
    finally:
        os.unlink(name)
    return apache.OK


handler = by_path(globals())
