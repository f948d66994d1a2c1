# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that use sessions; the path ends in the function's name."""
import os
import random
import threading
import time

from mod_python import Session, apache
from mptest import reply

random.seed()


def handler(req):
    name = req.uri.rpartition("/")[2]
    return globals()["do_" + name](req)


def do_count(req):
    session = Session.Session(req)
    value = session.get("n", 0)
    time.sleep(0.0005)  # others get their chance
    session["n"] = value + 1
    session.save()
    return reply(req, session["n"])


def do_show(req):
    session = Session.Session(req)
    return reply(req, {
        "new": session.is_new(), "id": session.id(), "data": dict(session),
        "type": type(session).__name__, "timeout": session.timeout(),
        "age": time.time() - session.created(),
        "idle": time.time() - session.last_accessed()})


def do_put(req):
    session = Session.Session(req, timeout=float(req.args or 0))
    session["value"] = {"list": [1, "ä"], "none": None}
    session.save()
    return reply(req, session.id())


def do_invalidate(req):
    session = Session.Session(req)
    session.invalidate()
    session["late"] = 1
    session.save()
    return reply(req, dict(session))


def do_delete(req):
    session = Session.Session(req)
    session.delete()
    return reply(req, None)


def do_cleanup(req):
    Session.Session(req, lock=0).cleanup()
    return reply(req, None)


def do_secret(req):
    session = Session.Session(req, secret="s" * 10)
    session.save()
    return reply(req, [session.is_new(), session.id()])


def do_sid(req):
    session = Session.Session(req, sid=req.args)
    return reply(req, [session.is_new(), session.id()])


def do_fail(req):
    session = Session.Session(req)
    session["n"] = 1000
    raise RuntimeError("after the session was made")


def do_stay(req):
    """Keeps the session until the client goes away."""
    session = Session.Session(req)
    session.save()
    req.write("begun\n")
    req.flush()
    try:
        for _ in range(2000):
            req.write("x" * 1000 + "\n")
            req.flush()
            time.sleep(0.005)
    except OSError:
        pass
    return apache.OK


def do_large(req):
    """A response that httpd still sends when the handler is done."""
    session = Session.Session(req)
    session.save()
    req.write(b"x" * 10_000_000, 0)
    return apache.OK


def do_redirected(req):
    session = Session.Session(req)
    session["n"] = session.get("n", 0) + 1
    session.save()
    req.internal_redirect(req.uri.replace("redirected", "count"))
    return apache.OK


def do_errorpage(req):
    Session.Session(req)
    return apache.HTTP_NOT_FOUND


def do_two(req):
    """Two sessions at a time, which may share a mutex."""
    first = Session.Session(req)
    others = []
    for _ in range(20):
        one = Session.BaseSession.__new__(type(first))
        one.__init__(req)
        one.save()
        others.append(one)
    found = [Session.Session(req, sid=one.id()).is_new() for one in others]
    for one in others:
        one.delete()
    return reply(req, found)


def do_unlock(req):
    """Frees the session for another request and waits for that."""
    session = Session.Session(req)
    session["free"] = 0
    session.save()
    session.unlock()
    deadline = time.time() + 10
    while time.time() < deadline:
        session.lock()
        session.load()
        session.unlock()
        if session.get("free"):
            return reply(req, "freed")
        time.sleep(0.01)
    return reply(req, "waited in vain")


def do_free(req):
    session = Session.Session(req)
    session["free"] = 1
    session.save()
    return reply(req, None)


def do_many_new(req):
    """Sessions made by many threads have different ids."""
    ids = []

    def make():
        for _ in range(20):
            ids.append(Session._new_sid())

    threads = [threading.Thread(target=make) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reply(req, [len(ids), len(set(ids)), os.getpid()])


def loghandler(req):
    """The session is still there in the log phase."""
    if req.uri.endswith("/inlog"):
        session = Session.Session(req)
        session["log"] = session.get("log", 0) + 1
        session.save()
    return apache.OK


def cleanuphandler(req):
    """A session made after everything else was cleaned up."""
    if req.uri.endswith("/incleanup"):
        session = Session.Session(req)
        session["cleanup"] = session.get("cleanup", 0) + 1
        session.save()
    return apache.OK


def do_inlog(req):
    return reply(req, Session.Session(req).id())


def do_incleanup(req):
    return reply(req, "nothing here")


class Own(Session.BaseSession):
    """A class of the application's own, in a file of JSON lines."""

    records = {}

    def __init__(self, req, sid=0, secret=None, timeout=0, lock=1):
        Session.BaseSession.__init__(self, req, sid=sid, secret=secret,
                                     timeout=timeout, lock=lock)

    def do_load(self):
        return self.records.get(self.id())

    def do_save(self, record):
        self.records[self.id()] = record

    def do_delete(self):
        self.records.pop(self.id(), None)

    def do_cleanup(self):
        pass
