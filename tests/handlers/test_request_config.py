# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What a request is told about its configuration, and what it adds to it."""
import os

from mod_python import apache
from mptest import by_path, raised, reply

ORDER = ["PythonPostReadRequestHandler", "PythonInitHandler",
         "PythonTransHandler", "PythonHeaderParserHandler",
         "PythonAccessHandler", "PythonAuthenHandler", "PythonAuthzHandler",
         "PythonTypeHandler", "PythonFixupHandler", "PythonHandler",
         "PythonLogHandler"]


# ---- get_config(), get_options() ----

def early(req):
    """At server level, before the directories are walked."""
    req.early = [dict(req.get_options()), req.get_config().get("PythonDebug")]
    req.get_options()["added"] = "early"
    req.get_options()["changed"] = "early"
    del req.get_options()["gone"]
    return apache.OK


def late(req):
    options = req.get_options()
    req.was = options
    options["late"] = "fixup"
    return apache.OK


def options(req):
    return reply(req, [req.early, dict(req.get_options()),
                       req.get_options() is req.was,
                       dict(req.get_config())])


# ---- requires(), document_root(), get_addhandler_exts() ----

def requires(req):
    req.user = "joe"
    req.required = req.requires()
    return apache.OK


def required(req):
    return reply(req, getattr(req, "required", None) or req.requires())


# ---- add_handler() ----

def _note(req, text):
    req.notes.add("ran", text)
    if req.phase == "PythonAuthenHandler":
        req.user = "joe"
    if req.phase == "PythonLogHandler":
        req.log_error("ran " + " ".join(req.notes.getlist("ran")),
                      apache.APLOG_NOTICE)
    declined = ("PythonTransHandler", "PythonTypeHandler",
                "PythonAuthzHandler")
    return apache.DECLINED if req.phase in declined else apache.OK


def named(req):
    """A handler given by name."""
    return _note(req, f"{req.phase}:name")


def add_all(req):
    """Adds a callable and a name to every phase there is."""
    def local(inner):
        assert inner is req
        return _note(inner, f"{inner.phase}:callable")

    if req.uri != "/all":
        return apache.DECLINED
    for phase in ORDER:
        if phase == "PythonAuthenHandler":  # the first that is OK ends it
            req.add_handler(phase, local)
            continue
        req.add_handler(phase, local)
        req.add_handler(phase, "test_request_config::named")
    return apache.OK


def configured(req):
    return _note(req, "configured")


def content(req):
    return reply(req, req.notes.getlist("ran"))


def running(req):
    """Adds to the running phase: runs next, and hlist shows it."""
    seen = [req.hlist.handler]

    def added(inner):
        seen.append(inner.hlist.handler is added)
        seen.append(inner.phase)
        return reply(inner, seen)

    req.add_handler("pythonhandler", added)
    hlist = req.hlist
    hlist.next()
    seen.append(hlist.handler is added)
    hlist.next()
    seen.append(hlist.handler)
    return apache.OK


def instance(req):
    """Objects with __call__ and bound methods will do."""
    class Callable:
        def __call__(self, inner):
            inner.seen = ["call"]
            return apache.OK

        def method(self, inner):
            return reply(inner, [*inner.seen, "method"])

    req.add_handler("PythonHandler", Callable())
    req.add_handler("PythonHandler", Callable().method)
    return apache.OK


def errors(req):
    def attempt(*args):
        return raised(req.add_handler, *args).partition(":")[0]

    return reply(req, {
        "past": attempt("PythonFixupHandler", "x"),
        "unknown": attempt("PythonNoHandler", "x"),
        "empty phase": attempt("", "x"),
        "cleanup": attempt("PythonCleanupHandler", "x"),
        "connection": attempt("PythonConnectionHandler", "x"),
        "empty": attempt("PythonHandler", ""),
        "no object": attempt("PythonHandler", "x::"),
        "no module": attempt("PythonHandler", "::x"),
        "nul": attempt("PythonHandler", "x\0"),
        "relative": attempt("PythonHandler", "x", "some/where"),
        "int phase": attempt(1, "x"),
        "int handler": attempt("PythonHandler", 1),
        "none handler": attempt("PythonHandler", None),
        "int dir": attempt("PythonHandler", "x", 1),
        "too few": attempt("PythonHandler"),
        "nothing added": req.hlist.next() or req.hlist.handler,
    })


def failing(req):
    def fails(inner):
        raise ZeroDivisionError("in a callable")

    req.add_handler("PythonHandler", fails)
    return apache.OK


def from_dir(req):
    """?<dir>: the module is found there, and the path is canonical."""
    directory = os.fsencode(req.document_root()) + b"/" + req.args.encode()
    req.add_handler(phase="PythonHandler", handler="in_dir", dir=directory)
    return apache.OK


def inherits(req):
    """Without dir: that of the handlers the phase has."""
    req.add_handler("PythonHandler", "in_dir")
    return apache.OK


# ---- filters ----

def filters(req):
    def attempt(*args):
        return raised(*args).partition(":")[0]

    req.register_output_filter("Mine", "some::filter")
    return reply(req, {
        "unknown in": attempt(req.add_input_filter, "nothing"),
        "unknown out": attempt(req.add_output_filter, "nothing"),
        "other direction": attempt(req.add_input_filter, "mine"),
        "int": attempt(req.add_output_filter, 1),
        "ours": attempt(req.add_output_filter, "mod_python.out"),
        "empty": attempt(req.register_input_filter, "", "x"),
        "empty handler": attempt(req.register_input_filter, "x", ""),
        "no handler": attempt(req.register_input_filter, "x", 1),
        "relative": attempt(req.register_input_filter, "x", "y", "z"),
        "httpd's": attempt(req.add_output_filter, "content_length"),
    })


def upper(filter):
    while chunk := filter.read():
        filter.write(chunk.upper())


def own_filters(req):
    """Registers and adds filters of both kinds, one that adds a handler."""
    def output(filter):
        if not hasattr(req, "late"):
            filter.req.add_handler("PythonLogHandler", late_log)
            req.late = [raised(filter.req.add_handler, "PythonFixupHandler",
                               "x").partition(":")[0], filter.name]
        while chunk := filter.read():
            filter.write(b"<" + chunk + b">")

    req.register_output_filter("mine", output)
    req.register_input_filter(name=b"UPPER",
                              handler="test_request_config::upper")
    req.register_output_filter("content_length", upper)  # ours comes first
    req.add_output_filter("Mine")
    req.add_output_filter("content_length")
    req.add_input_filter("upper")
    req.write(req.read())
    return apache.OK


def late_log(req):
    req.log_error(f"late {req.late} {req.phase}", apache.APLOG_NOTICE)
    return apache.OK


# ---- cleanups and log ----

def cleanups(req):
    def cleanup(data):
        apache.log_error(f"cleanup {data} {req.uri}", apache.APLOG_NOTICE)
        req.register_cleanup(apache.log_error, "never")

    def fails(data):
        raise ZeroDivisionError("in a cleanup")

    req.register_cleanup(cleanup)
    req.register_cleanup(fails, 1)
    req.register_cleanup(callable=cleanup, data="second")
    return reply(req, [raised(req.register_cleanup, 1),
                       raised(req.register_cleanup)])


def log(req):
    req.log_error("\u20ac one\ntwo")
    req.log_error(b"bytes", apache.APLOG_NOTICE)
    req.log_error(None)
    req.log_error("debug", level=apache.APLOG_DEBUG)
    return reply(req, [raised(req.log_error, 1),
                       raised(req.log_error, "x", "y")])


handler = by_path(globals())
