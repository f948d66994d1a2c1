# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What a handler sees of the instances of its interpreter."""
import atexit
import json
import os
import sys
import time

from mod_python import Session, apache
from mptest import by_path, raised, reply

imported = []  # by PythonImport
counter = 0


def at_start():
    imported.append(apache.interpreter)


def _spin(until):
    """Keeps the GIL, but for the switch interval, until a moment of the
    monotonic clock, which all processes of the machine share."""
    while time.monotonic() < until:
        pass


def busy(req):
    """Value of the expression given, in an instance that no other request
    given the same moment can have."""
    until, duration, expression = json.loads(req.read())
    began = time.monotonic()
    _spin(max(until, began + duration))
    return reply(req, [apache._apache._instance()[0], id(sys.modules),
                       eval(expression), began, time.monotonic()])


def sleeps(req):
    began = time.monotonic()
    time.sleep(1.5)
    return reply(req, [began, time.monotonic()])


arrived = []


def arrives(req):
    """In the main interpreter, before the request is given an instance."""
    if "X-Number" in req.headers_in:
        arrived.append(req.headers_in["X-Number"])
    return apache.OK


def count():
    global counter
    counter += 1
    return counter


def where(req):
    return reply(req, [req.interpreter, apache.interpreter,
                       apache._apache._instance()])


# -- one request, all its parts ---------------------------------------------------


def _note(req, what):
    top = req
    while top.main or top.prev:
        top = top.main or top.prev
    seen = json.loads(top.notes.get("seen", "{}"))
    seen[what] = apache._apache._instance()[0]
    top.notes["seen"] = json.dumps(seen)


def fixuphandler(req):
    _note(req, f"fixup {req.uri}")
    return apache.OK


def redirected(req):
    req.register_cleanup(_log_parts, req)
    time.sleep(0.01)  # others get their turn
    req.internal_redirect("/target")
    return apache.OK


def target(req):
    time.sleep(0.01)
    _note(req, "handler")
    req.write("body")
    return apache.OK


def loghandler(req):
    _note(req, "log")
    return apache.OK


def outputfilter(filter):
    _note(filter.req, "filter")
    filter.write(filter.read())
    if filter.read() == b"":
        filter.close()


def _log_parts(req):
    _note(req, "cleanup")
    apache.log_error(f"parts: {req.notes['seen']}", apache.APLOG_NOTICE)


# -- what the library does --------------------------------------------------------


def session(req):
    session = Session.Session(req)
    session["count"] = session.get("count", 0) + 1
    session.save()
    return reply(req, [type(session).__name__, session["count"]])


said = []


def exits():
    """To be evaluated: what an instance says when its child ends."""
    me = apache._apache._instance()[0]
    if said:
        return

    def say(text):
        apache.log_error(f"exit: {text} of {me}", apache.APLOG_NOTICE)

    said.append(me)
    apache.register_cleanup(say, "cleanup")
    atexit.register(say, "atexit")


def library():
    """To be evaluated: the C extensions of the standard library."""
    import asyncio
    import ctypes
    import datetime
    import decimal
    import hashlib
    import sqlite3
    import ssl
    import zoneinfo

    async def add(one, two):
        await asyncio.sleep(0)
        return one + two

    with sqlite3.connect(":memory:") as database:
        rows = database.execute("select 1, 'x'").fetchall()
    database.close()
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    zone = zoneinfo.ZoneInfo("UTC")
    try:
        decimal.Decimal(1) / 0
    except decimal.DivisionByZero:
        divided = False
    return [rows, ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED,
            str(decimal.Decimal("0.1") * 3), divided,
            json.loads('{"a": [1.5]}'), asyncio.run(add(1, 2)),
            datetime.datetime(2020, 1, 1, tzinfo=zone).isoformat(),
            hashlib.sha256(b"x").hexdigest()[:8], kind(lambda x: x + 1)(1),
            ctypes.CDLL(None).getpid() == os.getpid()]


def fails(req):
    raise LookupError("in a pool")


def deep(req):
    def down(n):
        return down(n + 1)

    return reply(req, raised(down, 0).partition(":")[0])


def connectionhandler(conn):
    seen = [apache._apache._instance()[0]]
    while line := conn.readline():
        seen.append(apache._apache._instance()[0])
        conn.write(b"%d %s" % (len(set(seen)), line))
    return apache.OK


handler = by_path(globals())
