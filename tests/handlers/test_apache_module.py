# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that use the functions of mod_python.apache."""
import logging
import os
import sys
import threading

from mod_python import apache
from mptest import by_path, raised, reply


def log_levels(req):
    names = ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO",
             "DEBUG", "TRACE1", "TRACE8"]
    for name in names:
        apache.log_error(f"level {name}", getattr(apache, f"APLOG_{name}"))
    apache.log_error("default level")
    apache.log_error("with a server", apache.APLOG_INFO, req.server)
    apache.log_error("one\ntwo", apache.APLOG_NOTICE)
    apache.log_error("or-ed", apache.APLOG_NOERRNO | apache.APLOG_INFO)
    apache.log_error(b"bytes", level=apache.APLOG_INFO)
    return reply(req, raised(apache.log_error, "x", "bad"))


def allow_methods(req):
    apache.allow_methods("GET", "PUT", apache.M_DELETE)
    return apache.HTTP_METHOD_NOT_ALLOWED


def _in_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


def outside(req):
    """In a thread of Python's own, which serves nothing."""
    return reply(req, _in_thread(lambda: [
        raised(apache.allow_methods, "GET"), apache.interpreter,
        apache.get_handler_root(),
        apache.get_current_options().get("of"),
        apache.get_current_config().get("PythonDebug")]))


def current(req):
    return reply(req, [
        apache.interpreter, req.interpreter, apache.get_handler_root(),
        apache.get_current_options().get("of"),
        apache.get_current_options() is req.get_options(),
        apache.get_current_config() is req.get_config(),
        apache.main_server.is_virtual,
        apache.main_server is apache.main_server])


def attributes(req):
    """Of the module itself: it is one that CPython reads fast."""
    original = apache.log_error
    apache.log_error = "patched"
    patched = apache.log_error
    del apache.log_error
    deleted = not hasattr(apache, "log_error")
    apache.log_error = original
    apache.not_ours = 1
    import mod_python.apache as again

    return reply(req, {
        "patched": patched,
        "deleted": deleted,
        "set": vars(apache)["not_ours"],
        "same": again is apache is sys.modules["mod_python.apache"],
        "listed": {"OK", "LogHandler", "interpreter"} <= set(dir(apache)),
        "late": issubclass(apache.LogHandler, logging.Handler)
        and apache.LogHandler is apache.LogHandler,
        "missing": raised(getattr, apache, "no_such"),
        "public": sorted(name for name in apache.__all__
                         if not hasattr(apache, name)),
    })


def facts(req):
    return reply(req, {
        "root": apache.server_root(),
        "threaded": apache.mpm_query(apache.AP_MPMQ_IS_THREADED),
        "defined": apache.exists_config_define("THIS_ONE"),
        "also": apache.exists_config("THIS_ONE"),
        "undefined": apache.exists_config("ANOTHER"),
        "version": apache.mp_version,
        "table": [type(apache.make_table()) is apache.table,
                  dict(apache.make_table({"a": "b"}))],
        "magic": apache.MODULE_MAGIC_NUMBER_MAJOR,
    })


def config_tree(req):
    tree = apache.config_tree()
    again = apache.config_tree()
    tree.clear()
    return reply(req, again)


def resolve(req):
    module = sys.modules[__name__]
    class_ = apache.resolve_object(module, "Thing.method", req)
    return reply(req, [class_(), apache.resolve_object(module, "no", None, 1),
                       raised(apache.resolve_object, module, "no"),
                       apache.module_mtime(module)
                       == os.stat(__file__).st_mtime])


class Thing:
    def __init__(self, req):
        self.uri = req.uri

    def method(self):
        return self.uri


def cgi_env(req):
    return reply(req, apache.build_cgi_env(req))


def cgi(req):
    saved = apache.setup_cgi(req)
    try:
        method = os.environ["REQUEST_METHOD"]
        data = sys.stdin.read()
        print("Status: 202 Taken")
        print("Content-Type: text/plain")
        print("X-Method: " + method)
        print()
        print("got", data)
    finally:
        apache.restore_nocgi(*saved)
    assert "REQUEST_METHOD" not in os.environ
    return apache.OK


def logger(req):
    log = logging.getLogger("test")
    log.setLevel(1)
    log.propagate = False
    handler = apache.LogHandler()
    handler.setFormatter(logging.Formatter("logger %(levelname)s %(message)s"))
    log.handlers[:] = [handler]
    for level in (5, 10, 20, 30, 40, 50):
        log.log(level, "of %s", req.uri)
    try:
        {}["key"]
    except KeyError:
        log.exception("with traceback")
    log.handlers[:] = [apache.LogHandler(req.server)]
    _in_thread(lambda: log.error("logger thread"))
    return reply(req, isinstance(handler, logging.Handler))


def low_level(req):
    import _apache
    return reply(req, [_apache.parse_qs(req.args),
                       _apache.parse_qsl(req.args),
                       _apache.parse_qsl(req.args.encode()),
                       _apache.parse_qs("a=1;b=2"),
                       [name for name in (
                           "config_tree", "log_error", "mpm_query",
                           "server_root", "register_cleanup",
                           "exists_config_define", "stat", "_global_lock",
                           "_global_trylock", "_global_unlock",
                           "SERVER_RETURN", "table", "OK")
                        if not hasattr(_apache, name)]])


def cleanup(req):
    def write(data):
        with open(req_free[0], "a", encoding="utf-8") as file:
            file.write(data + "\n")

    req_free = [os.path.join(apache.server_root(), "var", "cleanup")]
    apache.register_cleanup(write, "first")
    apache.register_cleanup(write, "second")
    import atexit
    atexit.register(write, "atexit")
    return reply(req, raised(apache.register_cleanup, 5))


def start_up(req):
    """What is imported in an interpreter that has done nothing yet."""
    return reply(req, sorted(sys.modules))


def star(req):
    names = {}
    exec("from mod_python.apache import *", names)
    return reply(req, [name for name in (
        "OK", "HTTP_NOT_FOUND", "SERVER_RETURN", "import_module", "table",
        "log_error", "M_GET") if name not in names])


handler = by_path(globals())
