# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that fail, before and after output, in each phase."""
import asyncio
import sys

from mod_python import apache


class Hostile(Exception):
    def __str__(self):
        raise ValueError("no text")


def value(req):
    raise ValueError("<b>bad & ugly</b>")


def chained(req):
    try:
        {}["key"]
    except KeyError as error:
        raise RuntimeError("wrapped") from error


def leave(req):
    sys.exit(3)


def interrupt(req):
    raise KeyboardInterrupt


def cancelled(req):
    raise asyncio.CancelledError


def hostile(req):
    raise Hostile


def recursion(req):
    return recursion(req)


def surrogate(req):
    raise ValueError("bytes \udcff and \ud800")


def lines(req):
    raise ValueError("one\ntwo\nthree")


def headers(req):
    req.content_type = "application/x-own"
    req.headers_out["X-Out"] = "out"
    req.headers_out["Content-Length"] = "7"
    req.headers_out["ETag"] = '"x"'
    req.status = 202
    req.write("pending", 0)
    raise ValueError("after headers")


def begun(req):
    req.content_type = "text/html"
    req.write("<p>begun")
    req.flush()
    raise ValueError("after <output>")


def none(req):
    req.content_type = "text/plain"


def refused(req):
    """As CPython 3.12 and later say it."""
    raise ImportError("module _demo does not support loading in "
                      "subinterpreters")


def endless(req):
    """Writes until the client is gone."""
    req.content_type = "text/plain"
    while True:
        req.write("x" * 100000)


def handler(req):
    """Calls the function named in a header."""
    return globals()[req.headers_in["X-Call"]](req)


def fail(req):
    raise ValueError(f"failed in {req.phase}")


def fail_once(req):
    """For phases that an error page runs through too."""
    if req.prev is None:
        raise ValueError(f"failed in {req.phase}")
    return apache.OK


def user(req):
    req.user = "u"
    return apache.OK


def fine(req):
    req.write("fine")
    return apache.OK


def register(req):
    def cleanup(data):
        raise ValueError(f"cleanup of {data}")

    req.register_cleanup(cleanup, "mine")
    req.write("fine")
    return apache.OK
