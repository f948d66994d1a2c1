# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The library as applications use it, in what every mod_python knows."""
from mod_python import Cookie, Session, apache, util


def form(req):
    """Reads a form and looks at each of its fields."""
    fields = util.FieldStorage(req)
    size = 0
    for name in fields.keys():  # noqa: SIM118  both know it
        size += len(fields.getfirst(name))
    return _answer(req, size)


def cookies(req):
    """Reads the cookies and sends one."""
    found = Cookie.get_cookies(req)
    Cookie.add_cookie(req, "seen", str(len(found)), path="/")
    return _answer(req, len(found))


def memory(req):
    return _session(req, Session.MemorySession(req))


def file(req):
    return _session(req, Session.FileSession(req))


def dbm(req):
    return _session(req, Session.DbmSession(req))


def _session(req, session):
    """A visitor comes back: reads the cookie, loads, changes and saves."""
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    return _answer(req, session.id())


def _answer(req, result):
    req.content_type = "text/plain"
    req.write("%s\n" % result)
    return apache.OK
