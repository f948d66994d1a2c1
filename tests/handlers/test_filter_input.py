# SPDX-License-Identifier: Apache-2.0
"""Input filters, and handlers that read through them."""
from __future__ import annotations

from typing import Any

from mod_python import apache
from mptest import by_path, reply

# -- filters ------------------------------------------------------------------


def upper(filter: Any) -> None:
    """The loop of the manual."""
    s = filter.read()
    while s:
        filter.write(s.upper())
        s = filter.read()
    if s is None:
        filter.close()


def once(filter: Any) -> None:
    data = filter.read()
    if data:
        filter.write(data.upper())


def inputfilter(filter: Any) -> None:
    filter.write("")
    filter.pass_on()


def triples(filter: Any) -> None:
    """Gives more than the reader asked for."""
    while data := filter.read(2):
        filter.write(data * 3)


def by_line(filter: Any) -> None:
    while line := filter.readline():
        filter.write(b"%d:%b" % (len(line), line))


def swallows(filter: Any) -> None:
    """Passes on digits only, often nothing at all."""
    while data := filter.read():
        filter.write(bytes(byte for byte in data if 48 <= byte <= 57))


def silent(filter: Any) -> None:
    """Neither reads nor writes: the data is dropped."""


def closes(filter: Any) -> None:
    filter.write("that's all")
    filter.close()


def disables(filter: Any) -> None:
    filter.write("D")
    filter.disable()


def disables_later(filter: Any) -> None:
    filter.write((filter.read(2) or b"").upper())
    filter.disable()


def passes(filter: Any) -> None:
    filter.write((filter.read(2) or b"").upper())
    filter.pass_on()


def members(filter: Any) -> None:
    seen = [filter.name, filter.is_input, filter.handler, filter.closed,
            filter.req.uri, filter.req.phase, apache.interpreter]
    while filter.read():
        pass
    filter.write(repr(seen))
    filter.close()


def appends(filter: Any) -> None:
    """Adds something behind the end."""
    while data := filter.read():
        filter.write(data)
    if data is None:
        filter.write("|end")


def raises(filter: Any) -> None:
    filter.write("text of the filter")
    raise LookupError("in the input filter")


def raises_later(filter: Any) -> None:
    data = filter.read(1)
    if data == b"!":
        raise LookupError("in the input filter")
    filter.write(data or b"")
    filter.pass_on()


def returns(filter: Any) -> None:
    filter.read()
    raise apache.SERVER_RETURN(int(filter.req.args))


def returns_ok(filter: Any) -> None:
    once(filter)
    raise apache.SERVER_RETURN(apache.OK)


def catches(filter: Any) -> None:
    """Does without what the client does not send."""
    try:
        while data := filter.read():
            filter.write(data)
    except OSError as error:
        filter.req.log_error(f"filter: {error}", apache.APLOG_NOTICE)
        filter.write("(lost)")
        filter.close()


# -- handlers --------------------------------------------------------------------


def read(req: Any) -> int:
    return reply(req, req.read())


def sizes(req: Any) -> int:
    result = []
    while data := req.read(5):
        result.append(data)
    return reply(req, result)


def lines(req: Any) -> int:
    return reply(req, list(req))


def fails(req: Any) -> int:
    seen = []
    for _ in range(2):
        try:
            seen.append(req.read())
        except Exception as error:
            seen.append([type(error).__name__, str(error)])
    return reply(req, seen)


def uncaught(req: Any) -> int:
    req.read()
    return apache.OK


def registered(req: Any) -> int:
    def local(filter: Any) -> None:
        while data := filter.read():
            filter.write(b"{%b}" % data)

    req.register_input_filter("local", local)
    req.register_input_filter("other", "test_filter_input::upper")
    for name in req.args.split(","):
        req.add_input_filter(name)
    return reply(req, req.read())


def unknown(req: Any) -> int:
    seen = []
    req.register_output_filter("out", "test_filter_input")
    for name in ("nothing", "mod_python.in", "out", "deflate"):
        try:
            req.add_input_filter(name)
        except ValueError as error:
            seen.append(str(error))
    return reply(req, seen)


handler = by_path(globals())
