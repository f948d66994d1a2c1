# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that take too long."""
import hashlib
import time

from mod_python import apache
from mptest import by_path, reply

LONG = 20  # seconds; nothing waits for so long unless a limit fails
seen = []


def _spin():
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def spin(req, *rest):
    _spin()
    return apache.OK


def caught(req):
    """Goes on after the exception, and ends well."""
    try:
        _spin()
    except apache.HandlerTimeout as error:
        seen.append(isinstance(error, Exception))
        return reply(req, [repr(error), time.sleep(0.01)])
    return apache.OK


def stubborn(req):
    """Once is enough: there is no second exception."""
    try:
        _spin()
    except apache.HandlerTimeout:
        pass
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        pass
    return reply(req, "went on")


def blocked(req):
    """In C, without the GIL; nothing can be raised there."""
    time.sleep(2.0)
    return reply(req, "never")


def joe(req):
    req.user = "joe"
    return apache.OK


def limit(req):
    return reply(req, req.get_config().get("PythonHandlerTimeout"))


def late(req):
    """Ends with the limit: the exception must not hit what comes next."""
    time.sleep(float(req.args))
    return reply(req, "in time")


def quick(req):
    total = 0
    for number in range(2000):
        total += number
    return reply(req, total)


def outer(req):
    """A limit of its own for the redirected request."""
    req.internal_redirect("/quick")
    _spin()
    return apache.OK


def outputfilter(filter):
    if filter.req.uri.startswith("/filtered"):
        _spin()
    filter.pass_on()


def provider(req, user, password):
    _spin()
    return True


def member(req, *names):
    _spin()
    return True


def digest(req, user, password):
    return True


def _realm_hash(req, user, realm):
    _spin()
    return hashlib.md5(b"").hexdigest()


digest.realm_hash = _realm_hash


def filtered(req):
    return reply(req, "x")


handler = by_path(globals())
