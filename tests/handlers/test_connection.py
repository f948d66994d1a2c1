# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Protocols of their own, and requests that look at their connection."""
import json
import threading

from mod_python import apache
from mptest import by_path, raised, reply

kept = {}


# -- connection handlers ------------------------------------------------------

def echo(conn):
    while (line := conn.readline()) is not None:
        conn.write(b"<" + line + b">")
    return apache.OK


def sized(conn):
    """Reads as the lines from the client say: "read 5", "readline 3"."""
    while (line := conn.readline()) is not None:
        name, *args = line.decode().split()
        data = getattr(conn, name)(*map(int, args))
        conn.write(repr(data) + "\n")
    return apache.OK


def rest(conn):
    conn.write(repr(conn.read(-1)))
    conn.write(repr([conn.read(-1), conn.read(), conn.readline(),
                     conn.read(5)]))
    return apache.OK


def some(conn):
    """What is there, at the first read."""
    conn.write("ready\n")
    conn.write(repr(conn.read()))
    return apache.OK


def big(conn):
    conn.write(b"x" * 5_000_000)
    conn.write(memoryview(b"y\n"))
    return apache.OK


def members(conn):
    conn.readline()
    conn.write(json.dumps({
        "type": repr(type(conn)),
        "server": conn.base_server.server_hostname,
        "local": conn.local_addr, "client": conn.client_addr,
        "client_ip": conn.client_ip, "local_ip": conn.local_ip,
        "hosts": [conn.local_host, conn.remote_host, conn.remote_logname],
        "numbers": [conn.aborted, conn.keepalive, conn.keepalives,
                    conn.double_reverse],
        "id": conn.id, "notes": len(conn.notes),
        "interpreter": apache.interpreter,
        "request": repr(_request()),
        "hlist": repr(conn.hlist), "same": conn.hlist is conn.hlist,
        "capsule": type(conn._conn_rec).__name__,
    }) + "\n")
    return apache.OK


def _request():
    import _apache

    return _apache.current_request()


def declines(conn):
    kept["first"] = repr(conn.hlist)
    return apache.DECLINED


def moves_on(conn):
    hlist = conn.hlist
    before = hlist.handler
    hlist.next()
    conn.write(json.dumps([kept["first"], before, hlist.handler,
                           hlist.directory]) + "\n")
    return apache.DONE


def peek(conn):
    """Takes one line, HTTP the others."""
    conn.notes["line"] = conn.readline(20)
    return apache.DECLINED


def broken(conn):
    conn.write("half")
    raise ZeroDivisionError("on purpose")


def errors(conn):
    """The client goes away while this reads and writes."""
    conn.write("ready\n")
    got = raised(conn.read, -1)
    if not got:
        def write():
            for _ in range(1000):
                conn.write(b"x" * 100_000)
        got = raised(write)
    conn.log_error("errors: " + got, apache.APLOG_NOTICE)
    return apache.OK


def timeout(conn):
    conn.write(raised(conn.read, 5))
    return apache.OK


def duplex(conn):
    """One thread reads, another writes."""
    stop = threading.Event()

    def ticker():
        n = 0
        while not stop.wait(0.002):
            conn.write("tick %d\n" % n)
            n += 1

    thread = threading.Thread(target=ticker)
    thread.start()
    try:
        while (line := conn.readline()) != b"stop\n":
            conn.write(b"got " + line)
    finally:
        stop.set()
        thread.join()
    conn.write("bye\n")
    return apache.OK


def left_behind(conn):
    """A thread still reads when the handler is done."""
    conn.notes["short-lingering-close"] = "1"  # 2 seconds
    conn.readline()
    begun = threading.Event()

    def reader():
        begun.set()
        got = raised(lambda: kept.update(left=conn.read()))
        apache.log_error("left_behind: " + (got or repr(kept["left"])),
                         apache.APLOG_NOTICE)

    threading.Thread(target=reader, daemon=True).start()
    begun.wait()
    return apache.OK


# -- requests -------------------------------------------------------------------

def about(req):
    conn = req.connection
    return reply(req, [
        conn.client_ip, conn.client_addr[0], conn.hlist, conn.keepalives,
        conn is req.connection, conn.base_server.server_hostname,
        conn.notes.get("line")])


def deprecated(req):
    import warnings

    conn = req.connection
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        same = [conn.remote_ip == conn.client_ip,
                conn.remote_addr == conn.client_addr]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = raised(lambda: conn.remote_ip)
    return reply(req, [same, [one.category.__name__ for one in caught],
                       error.partition(":")[0]])


def attributes(req):
    conn = req.connection
    names = ["base_server", "client_addr", "client_ip", "local_addr", "id",
             "notes", "hlist", "aborted", "remote_host", "_conn_rec"]
    before = conn.keepalive
    conn.keepalive = apache.AP_CONN_CLOSE
    result = [
        sorted({raised(setattr, conn, name, 1).partition(":")[0]
                for name in names}),
        sorted({raised(delattr, conn, name).partition(":")[0]
                for name in [*names, "keepalive"]}),
        raised(setattr, conn, "other", 1).partition(":")[0],
        raised(setattr, conn, "keepalive", "x").partition(":")[0],
        raised(setattr, conn, "keepalive", 7).partition(":")[0],
        before, conn.keepalive, raised(type(conn)).partition(":")[0],
        "read" in dir(conn), "client_ip" in dir(conn)]
    return reply(req, result)


def raw(req):
    """Below HTTP, as WebSocket programs do it."""
    conn = req.connection
    conn.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\n"
               b"Connection: Upgrade\r\n\r\n")
    while (line := conn.readline()) not in (None, b"quit\n"):
        conn.write(line.upper())
    conn.write("bye\n")
    conn.keepalive = apache.AP_CONN_CLOSE
    req.assbackwards = 1
    return apache.DONE


def both(req):
    """What was given to the request leaves first."""
    req.assbackwards = 1
    req.connection.keepalive = apache.AP_CONN_CLOSE
    req.write("one ", 0)
    req.connection.write("two ")
    req.write("three ", 0)
    req.connection.write("four")
    return apache.OK


def asks(req):
    """What was written is there while the connection is read."""
    req.assbackwards = 1
    req.connection.keepalive = apache.AP_CONN_CLOSE
    req.write("your name? ")
    name = req.connection.readline()
    req.write(b"hello " + name)
    return apache.OK


def keep(req):
    kept["conn"] = req.connection
    kept["notes"] = req.connection.notes
    req.connection.notes["a"] = "b"
    return reply(req, id(req.connection))


def look(req):
    """What a connection that has ended says."""
    conn = kept.pop("conn", None)
    if conn is None:
        return reply(req, None)
    kind = lambda *args: raised(*args).partition(":")[0]  # noqa: E731
    if not raised(lambda: conn.id):
        kept["conn"] = conn
        return reply(req, "same" if conn is req.connection else [
            kind(conn.read, 5), kind(conn.readline), kind(conn.write, "x")])
    notes = kept.pop("notes")
    calls = [lambda: conn.client_ip, lambda: conn.notes, conn.read,
             conn.readline, lambda: conn.write("x"),
             lambda: conn.log_error("x"), lambda: conn.remote_ip,
             lambda: setattr(conn, "keepalive", 1),
             lambda: notes["a"], lambda: notes.items()]
    return reply(req, [kind(call) for call in calls])


def arguments(req):
    conn = req.connection
    kind = lambda *args: raised(*args).partition(":")[0]  # noqa: E731
    return reply(req, [kind(conn.write, 5), kind(conn.write),
                       kind(conn.read, "x"), kind(conn.readline, 1.5),
                       kind(conn.read, True), kind(conn.write, "\ud800"),
                       kind(conn.log_error, 5)])


handler = by_path(globals())
