# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers of the phases before a file name is known, and of children."""
import os
import threading
import time

from mod_python import apache
from mptest import reply


def _say(text):
    apache.log_error(text, apache.APLOG_NOTICE)


# ---- connections ----

def preconnectionhandler(conn):
    conn.notes["before"] = (
        f"{conn.client_ip} {conn.base_server.server_hostname}")
    return apache.OK


def second(conn):
    conn.notes["before"] += " second"
    return apache.DECLINED


def io(conn):
    """What cannot be done here yet."""
    said = []
    for call in (lambda: conn.read(1), conn.readline,
                 lambda: conn.write(b"x")):
        try:
            call()
            said.append("done")
        except RuntimeError as error:
            said.append(str(error))
    conn.notes["io"] = "; ".join(said)
    return apache.OK


def refuse(conn):
    return apache.HTTP_FORBIDDEN


def done(conn):
    return apache.DONE


def connection_fails(conn):
    raise ZeroDivisionError("on purpose")


def nothing(arg):
    pass


# ---- quick ----

def quickhandler(req):
    """/quick... is answered here; ?phases tells what else was run."""
    if req.args == "decline":
        req.notes["quick"] = "declined"
        return apache.DECLINED
    if req.args == "status":
        return apache.HTTP_GONE
    if req.args == "created":
        req.write("made", 0)
        return apache.HTTP_CREATED
    if req.args == "fail":
        req.write("something", 0)
        raise ZeroDivisionError("on purpose")
    if req.args == "body":
        return reply(req, req.read())
    if req.args == "empty":
        return apache.OK
    if not req.uri.startswith("/quick"):
        return apache.DECLINED
    return reply(req, [req.phase, req.uri, req.filename, req.user])


def added_by_quick(req):
    """Handlers for later phases can be added, for this one and before not."""
    said = []
    for phase in ("PythonQuickHandler", "PythonPostReadRequestHandler",
                  "PythonChildInitHandler", "PythonPreConnectionHandler"):
        try:
            req.add_handler(phase, trace)
            said.append("added")
        except ValueError as error:
            said.append(str(error))
    for phase in ("PythonPreTranslateHandler", "PythonTransHandler",
                  "PythonMapToStorageHandler"):
        req.add_handler(phase, trace)
    req.notes["said"] = "; ".join(said)
    return apache.DECLINED


# ---- from the URI to a file ----

def trace(req):
    req.notes.add("trace", f"{req.phase} {req.uri} {bool(req.filename)}")
    return apache.DECLINED


def pretranslatehandler(req):
    trace(req)
    if req.uri.startswith("/pre/"):
        answer = req.uri.split("/")[2]
        if answer == "moved":
            req.headers_out["Location"] = "/elsewhere"
            return apache.HTTP_MOVED_PERMANENTLY
        if answer == "fail":
            raise ZeroDivisionError("on purpose")
        if answer.isdigit():
            return int(answer)
        if answer == "rewrite":
            req.uri = "/show"
    return apache.DECLINED


def maptostoragehandler(req):
    trace(req)
    if req.uri.startswith("/stored"):
        req.filename = f"{req.document_root()}/real.txt"
        return apache.OK
    if req.uri.startswith("/gone"):
        return apache.HTTP_GONE
    if req.uri.startswith("/broken"):
        raise ZeroDivisionError("on purpose")
    return apache.DECLINED


def show(req):
    return reply(req, [req.notes.getlist("trace"), req.notes.get("said"),
                       req.notes.get("quick"),
                       req.connection.notes.get("before"),
                       req.connection.notes.get("io")])


# ---- children ----

started = []


def childinithandler(server):
    started.append([type(server).__name__, server.server_hostname,
                    apache.interpreter, os.getpid(),
                    threading.current_thread() is threading.main_thread()])
    _say(f"child began in {apache.interpreter}")


def also(server):
    started.append("also")
    return "not looked at"


def fails(server):
    raise ZeroDivisionError("on purpose")


def childexithandler(server):
    _say(f"child ended in {apache.interpreter} of {server.server_hostname}")


def last(server):
    _say("the last handler")


def imported():
    started.append("imported")
    apache.register_cleanup(lambda data: _say("cleanup"), None)


def state(req):
    return reply(req, [started, os.getpid()])


class Slow:
    """Takes its time to be imported by the child handler."""

    def __init__(self, server):
        time.sleep(0.1)
        self.server = server

    def run(self, server):
        started.append(["Slow", self.server is server])
