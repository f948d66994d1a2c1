# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that return, or raise, everything that can be returned."""
import enum
import http

from mod_python import apache
from mptest import by_path, reply


class Answer(enum.IntEnum):
    DONE = apache.OK
    TEAPOT = 418


class Number(int):
    pass


RESULTS = {
    "ok": apache.OK,
    "declined": apache.DECLINED,
    "done": apache.DONE,
    "status": http.HTTPStatus.NOT_FOUND,
    "enum_ok": Answer.DONE,
    "enum": Answer.TEAPOT,
    "number": Number(404),
    "none": None,
    "true": True,
    "false": False,
    "text": "200 OK",
    "real": 1.0,
    "bytes": b"x",
    "big": 10**30,
    "negative": -3,
    "small": 99,
    "large": 600,
}


def returned(req):
    """/returned/KEY or /returned/NUMBER: after it has written something."""
    req.content_type = "text/plain"
    req.headers_out["X-Out"] = "out"
    req.err_headers_out["X-Err"] = "err"
    name = req.uri.rpartition("/")[2]
    if not req.args:
        req.write("body", 0)
    return RESULTS[name] if name in RESULTS else int(name)


RAISED = {
    "ok": (apache.OK,),
    "declined": (apache.DECLINED,),
    "done": (apache.DONE,),
    "not_found": (404,),
    "enum": (http.HTTPStatus.FORBIDDEN,),
    "both": (apache.OK, 202),
    "error_and_status": (404, 410),
    "nothing": (),
    "text": ("404",),
    "none": (None,),
    "true": (True,),
    "three": (apache.OK, 200, 300),
    "bad_status": (apache.OK, "404"),
    "large": (600,),
}


def raised(req):
    req.content_type = "text/plain"
    req.headers_out["X-Out"] = "out"
    if not req.args:
        req.write("body", 0)
    raise apache.SERVER_RETURN(*RAISED[req.uri.rpartition("/")[2]])


def status(req):
    """/status/N: body with req.status."""
    req.content_type = "text/plain"
    req.status = int(req.uri.rpartition("/")[2])
    req.write("body", 0)
    return apache.OK


handler = by_path(globals())


# -- lists --------------------------------------------------------------------


def _mark(req):
    req.notes.add("ran", req.hlist.handler.rpartition("::")[2])


def ok(req):
    _mark(req)
    return apache.OK


def raise_ok(req):
    _mark(req)
    raise apache.SERVER_RETURN(apache.OK)


def declined(req):
    _mark(req)
    return apache.DECLINED


def created(req):
    _mark(req)
    req.write("created", 0)
    return apache.HTTP_CREATED


def done(req):
    _mark(req)
    req.write("done")
    return apache.DONE


def ran(req):
    _mark(req)
    return reply(req, req.notes.getlist("ran"))


# -- names ----------------------------------------------------------------------


def named(req):
    return reply(req, "named")


class Page:
    def __init__(self, req):
        self.req = req
        self.count = 0

    def show(self, req):
        self.count += 1
        assert self.req is req
        return reply(req, ["Page", self.count])

    class Inner:
        def __init__(self, req):
            self.req = req

        def show(self, req):
            assert self.req is req
            return reply(req, "Inner")

    @staticmethod
    def fixed(req):
        return reply(req, "fixed")


class Callable:
    def __call__(self, req):
        return reply(req, "instance")

    def method(self, req):
        return reply(req, "method")


instance = Callable()
nothing = None
text = "not a handler"


async def coroutine(req):
    return apache.OK


def adder(req):
    """Adds a function of its own to the phase that is running."""
    def added(req):
        return reply(req, ["added", isinstance(req.hlist.handler, str)])

    req.add_handler("PythonHandler", added)
    return apache.OK
