# SPDX-License-Identifier: Apache-2.0
"""Output filters, and handlers whose output they get."""
from __future__ import annotations

from typing import Any

from mod_python import apache
from mptest import by_path, reply

# -- filters ----------------------------------------------------------------


def upper(filter: Any) -> None:
    """The loop of the manual."""
    s = filter.read()
    while s:
        filter.write(s.upper())
        s = filter.read()
    if s is None:
        filter.close()


def once(filter: Any) -> None:
    """Reads all at once and leaves the rest to mod_python."""
    data = filter.read()
    if data:
        filter.write(data.upper())


def half(filter: Any) -> None:
    """Reads some and leaves the rest to httpd."""
    data = filter.read(5000)
    if data:
        filter.write(data)
    filter.pass_on()


def steps(filter: Any) -> None:
    """Pieces of a size that is not copied, which nothing here keeps."""
    data = filter.read(4500)
    while data:
        filter.write(data)
        data = filter.read(4500)


def outputfilter(filter: Any) -> None:
    filter.write(b"default:")
    filter.pass_on()


def portions(filter: Any) -> None:
    size = int(filter.req.args or 3)
    while data := filter.read(size):
        filter.write(b"<%b>" % data)
    filter.write(repr(data))


def by_line(filter: Any) -> None:
    while line := filter.readline():
        filter.write(b"%d:%b" % (len(line), line))


def short_lines(filter: Any) -> None:
    while line := filter.readline(4):
        filter.write(b"[%b]" % line)


def is_end(filter: Any) -> bool:
    """Drops what the call carries; is it the last?"""
    data = filter.read()
    while data:
        data = filter.read()
    return data is None


def members(filter: Any) -> None:
    if is_end(filter):
        filter.softspace = 1
        seen: list[Any] = [
            filter.name, filter.is_input, filter.handler, filter.dir,
            filter.closed, filter.softspace, filter.req.uri,
            type(filter).__name__, repr(type(filter)),
            filter.req.phase, sorted(name for name in dir(filter)
                                     if not name.startswith("_"))]
        for change in ("filter.name = ''", "filter.x = 1", "del filter.req",
                       "del filter.softspace", "filter.closed = 1"):
            try:
                exec(change)
            except Exception as error:
                seen.append(type(error).__name__)
        filter.write(repr(seen))


def closes(filter: Any) -> None:
    filter.write("closed")
    filter.close()
    filter.close()
    seen = [filter.closed]
    for call in (lambda: filter.write("x"), filter.read, filter.readline,
                 filter.flush, filter.pass_on):
        try:
            call()
        except ValueError as error:
            seen.append(str(error))
    filter.req.log_error(f"closed: {seen}", apache.APLOG_NOTICE)


def drops(filter: Any) -> None:
    filter.read(1)
    filter.write("d")


def silent(filter: Any) -> None:
    """Neither reads nor writes."""


def passes(filter: Any) -> None:
    filter.write("<")
    filter.write(filter.read(2) or b"")
    filter.write(">")
    filter.pass_on()
    filter.write(repr(filter.read()))


def disables(filter: Any) -> None:
    filter.write("D")
    filter.disable()


def disables_later(filter: Any) -> None:
    filter.write((filter.read(2) or b"").upper())
    filter.disable()


def counts(filter: Any) -> None:
    """Tells how often it was called."""
    req = filter.req
    req.calls = getattr(req, "calls", 0) + 1
    total = 0
    while data := filter.read():
        total += len(data)
    filter.write(b"(%d:%d%s)" % (req.calls, total,
                                 b" end" if data is None else b""))


def types(filter: Any) -> None:
    if not is_end(filter):
        return
    filter.write("\u20ac\udcff")
    filter.write(bytearray(b"a"))
    filter.write(memoryview(b"bcd")[1:])
    for bad in (None, 1, "\ud800"):
        try:
            filter.write(bad)
        except Exception as error:
            filter.write(type(error).__name__)
    for bad in ("x", 1.5, True):
        try:
            filter.read(bad)
        except Exception as error:
            filter.write(type(error).__name__)


def flushes(filter: Any) -> None:
    while data := filter.read():
        for byte in data:
            filter.write(bytes([byte]))
            filter.flush()


def large(filter: Any) -> None:
    while data := filter.read(10_000):
        filter.write(data * 10)


def raises(filter: Any) -> None:
    filter.write("half")
    raise LookupError("in the filter")


def raises_later(filter: Any) -> None:
    """At the second call."""
    upper_(filter)
    if getattr(filter.req, "called", False):
        raise LookupError("in the filter")
    filter.req.called = True


def upper_(filter: Any) -> None:
    while data := filter.read():
        filter.write(data.upper())


def returns(filter: Any) -> None:
    filter.write("half")
    raise apache.SERVER_RETURN(int(filter.req.args))


def returns_ok(filter: Any) -> None:
    upper_(filter)
    raise apache.SERVER_RETURN(apache.OK)


def result(filter: Any) -> Any:
    upper_(filter)
    return "whatever"


def uses_request(filter: Any) -> None:
    """What a filter must not do with the request, and what it may."""
    seen = []
    if is_end(filter):
        for call in (lambda: filter.req.write("x"), filter.req.read):
            try:
                call()
            except Exception as error:
                seen.append(type(error).__name__)
        filter.req.headers_out["X-Filter"] = "1"
        filter.write(repr(seen))


kept: list[Any] = []


def keeps(filter: Any) -> None:
    for old in kept:
        for use in ("old.read()", "old.write('x')", "old.name", "old.closed",
                    "old.close()", "old.disable()"):
            try:
                eval(use, {"old": old})
            except ReferenceError as error:
                filter.write(str(error) + ";")
    kept[:] = [filter]
    upper_(filter)


def sub(filter: Any) -> None:
    """Which request is it?"""
    main = filter.req.main
    filter.read()
    filter.write(f"({filter.req.uri} of {main and main.uri})")


def interpreter(filter: Any) -> None:
    if is_end(filter):
        filter.write(f"{apache.interpreter}")


# -- handlers ------------------------------------------------------------------


def text(req: Any) -> int:
    req.write("some text\nof two lines", 0)
    return apache.OK


subtext = text


def empty(req: Any) -> int:
    return apache.OK


def typed(req: Any) -> int:
    req.content_type = req.args
    req.write("text", 0)
    return apache.OK


def pieces(req: Any) -> int:
    """Three brigades, a FLUSH after each."""
    for piece in ("one ", "two ", "three"):
        req.write(piece)
    return apache.OK


def big(req: Any) -> int:
    for _ in range(30):
        req.write(b"x" * 10_000, 0)
    return apache.OK


def endless(req: Any) -> int:
    """Goes on until writing fails; tells how."""
    try:
        for _ in range(1000):
            req.write(b"x" * 1000)
    except apache.SERVER_RETURN as error:
        req.log_error(f"stopped: {error}", apache.APLOG_NOTICE)
        raise
    return apache.OK


def registered(req: Any) -> int:
    """Filters registered by the handler."""
    def local(filter: Any) -> None:
        while data := filter.read():
            filter.write(b"{%b}" % data)

    req.register_output_filter("local", local)
    req.register_output_filter("UPPER2", "test_filter_output::upper")
    req.register_output_filter("default", "test_filter_output")
    for name in (req.args or "").split(","):
        req.add_output_filter(name)
    req.write("text", 0)
    return apache.OK


def unknown(req: Any) -> int:
    req.register_output_filter("known", "test_filter_output::upper")
    seen = []
    for name in ("nothing", "mod_python.out", "upper"):
        try:
            req.add_output_filter(name)
        except ValueError as error:
            seen.append(str(error))
    return reply(req, seen)


def includes(req: Any) -> int:
    req.content_type = "text/html"
    req.write('a <!--#include virtual="/subtext" --> b', 0)
    return apache.OK


handler = by_path(globals())
