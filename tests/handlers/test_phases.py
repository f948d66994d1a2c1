# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers of every phase that leave a trace."""
from mod_python import apache
from mptest import reply


def _trace(req, name):
    """Adds name to the trace of the request, which its reply shows."""
    req.notes.add("trace", f"{name}:{req.phase}")
    return apache.OK


def postreadrequesthandler(req):
    return _trace(req, "post") and apache.OK


def transhandler(req):
    _trace(req, "trans")
    return apache.DECLINED


def inithandler(req):
    return _trace(req, "init")


def headerparserhandler(req):
    return _trace(req, "header")


def accesshandler(req):
    return _trace(req, "access")


def authenhandler(req):
    _trace(req, "authen")
    req.user = "joe"
    return apache.OK


def authzhandler(req):
    return _trace(req, "authz")


def typehandler(req):
    _trace(req, "type")
    return apache.DECLINED


def nothing(req):
    """What a cleanup handler returns is not looked at."""
    req.log_error(f"cleaned {req.uri} by nothing", apache.APLOG_NOTICE)


def fixuphandler(req):
    return _trace(req, "fixup")


def handler(req):
    _trace(req, "handler")
    return reply(req, req.notes.getlist("trace"))


def loghandler(req):
    _trace(req, "log")
    req.log_error(f"logged {req.uri} by {req.phase} with "
                  f"{len(req.notes.getlist('trace'))} before",
                  apache.APLOG_NOTICE)
    return apache.OK


def cleanuphandler(req):
    req.log_error(f"cleaned {req.uri} by {req.phase}", apache.APLOG_NOTICE)
    return apache.OK


# ---- one handler for every phase and place: what a result does ----

def result(req):
    """Returns the status that ?result= names, else DECLINED."""
    value = (req.args or "").partition("result=")[2]
    return int(value) if value else apache.DECLINED


def user(req):
    req.user = "joe"
    return apache.OK


def stop(req):
    return apache.HTTP_IM_A_TEAPOT


def fail(req):
    raise ZeroDivisionError("on purpose")


def first(req):
    req.notes.add("order", "first")
    return apache.OK


def second(req):
    req.notes.add("order", "second")
    return apache.DECLINED


def third(req):
    req.notes.add("order", "third")
    return apache.OK


def order(req):
    return reply(req, req.notes.getlist("order"))


def decline(req):
    return apache.DECLINED


def rename(req):
    if req.uri.startswith("/renamed/"):
        req.filename = f"{req.document_root()}/real.txt"
        return apache.OK
    return apache.DECLINED


def nofile(req):
    return apache.OK if req.uri == "/nofile" else apache.DECLINED


def type_of(req):
    req.content_type = "text/x-own"
    return apache.OK
