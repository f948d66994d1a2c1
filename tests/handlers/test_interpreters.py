# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Tells in which interpreter and thread it runs."""
import contextvars
import os
import sys
import threading
import time

from mod_python import apache
from mptest import reply

counter = 0
local = threading.local()
context = contextvars.ContextVar("context", default=None)


def _identity():
    """Something that no two interpreters of a process share."""
    return f"{os.getpid()}/{id(sys.modules)}"


def names(req):
    return reply(req, [req.interpreter, apache.interpreter, _identity()])


def mark(req):
    """In another interpreter than the content handler, if so configured."""
    req.attribute = "set"
    req.notes["identity"] = _identity()
    req.notes["object"] = str(id(req))
    return apache.OK


def marked(req):
    return reply(req, [req.notes["identity"] == _identity(),
                       getattr(req, "attribute", None),
                       req.notes["object"] == str(id(req))])


def count(req):
    global counter
    counter += 1
    return reply(req, [counter, _identity()])


def thread(req):
    """The thread-local of this thread must be of this thread, always."""
    me = threading.get_ident()
    if not hasattr(local, "ident"):
        local.ident = me
        local.interpreter = id(sys.modules)
    seen = (local.ident == me, local.interpreter == id(sys.modules))
    local.calls = getattr(local, "calls", 0) + 1
    time.sleep(0.001)
    same = (local.ident == me, threading.get_ident() == me)
    return reply(req, [*seen, *same])


def spawn(req):
    """A thread of Python's own, and a daemon that outlives the request."""
    seen = []

    def work():
        seen.append(apache.interpreter)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()
    return reply(req, seen)


def settings(req):
    return reply(req, [sys.argv, sys.executable, sys.flags.no_user_site,
                       sys.prefix])


def gilstate(req):
    """A C callback through ctypes, which uses PyGILState: it must come back
    into the interpreter it left."""
    import ctypes
    seen = []
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        seen.append(id(sys.modules))
        return 0

    array = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(array, 2, ctypes.sizeof(ctypes.c_int),
                            kind(compare))
    return reply(req, [len(seen) > 0, set(seen) == {id(sys.modules)}])
