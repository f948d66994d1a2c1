# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A bit of everything, and what is alive afterwards."""
import threading

from mod_python import apache
from mptest import alive, by_path, reply

local = threading.local()


def _thread_is_ours():
    me = threading.get_ident()
    if not hasattr(local, "ident"):
        local.ident = me
    return local.ident == me


def fixuphandler(req):
    req.seen = _thread_is_ours()
    req.notes["fixup"] = "ran"
    return apache.OK


def loghandler(req):
    req.subprocess_env["logged"] = req.notes.get("fixup", "")
    return apache.OK


def plain(req):
    req.content_type = "text/plain"
    req.write(f"{req.interpreter} {req.seen and _thread_is_ours()}")
    return apache.OK


def cycle(req):
    """Only the collector can free this one."""
    req.itself = req
    req.table = req.headers_in
    req.conn = req.connection
    return plain(req)


def body(req):
    data = req.read(10) + req.readline() + b"".join(req.readlines())
    req.headers_out["X-Length"] = str(len(data))
    return plain(req)


def cleanup(req):
    req.register_cleanup(lambda data: None, req)
    return plain(req)


def fails(req):
    raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)


def added(req):
    req.add_handler("PythonLogHandler", loghandler)
    req.add_handler("PythonLogHandler", "test_soak::loghandler")
    return plain(req)


def state(req):
    """Counts of what is alive in this interpreter."""
    return reply(req, alive())


handler = by_path(globals())
