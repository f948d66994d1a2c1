# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Keeps requests for longer than they live, and counts what is left."""
import threading

from mod_python import apache
from mptest import alive, by_path, raised, reply

kept = {}
again = threading.Event()
MEMBERS = []


def _name(error):
    return error.partition(":")[0]


# ---- use after the end ----

def keep(req):
    """Keeps the request and everything that can be had from it."""
    MEMBERS[:] = [name for name, member in vars(type(req)).items()
                  if type(member).__name__ == "getset_descriptor"
                  and not name.startswith("__")]
    req.own = "mine"
    req.headers_in["X-Kept"] = "1"
    kept.update(
        req=req, headers_in=req.headers_in, headers_out=req.headers_out,
        err_headers_out=req.err_headers_out, notes=req.notes,
        subprocess_env=req.subprocess_env, config=req.get_config(),
        options=req.get_options(), connection=req.connection,
        iterator=req.headers_in.iteritems(), method=req.write,
        hlist=req.hlist, finfo=req.finfo, server=req.server)
    return reply(req, "kept")


def ended(req):
    """Has it ended yet?"""
    return reply(req, _name(raised(getattr, kept["req"], "uri"))
                 == "ReferenceError")


def use(req):
    """What is raised by any use of what was kept."""
    old = kept["req"]
    seen = {}
    for name in MEMBERS:
        seen[f"get {name}"] = _name(raised(getattr, old, name))
        seen[f"set {name}"] = _name(raised(setattr, old, name, None))
    calls = {
        "read": (), "readline": (), "readlines": (), "__next__": (),
        "readinto": (bytearray(1),), "discard_request_body": (),
        "write": ("x",), "flush": (), "sendfile": ("/etc/passwd",),
        "send_http_header": (), "set_content_length": (1,), "set_etag": (),
        "set_last_modified": (), "update_mtime": (1,),
        "meets_conditions": (), "internal_redirect": ("/",),
        "construct_url": ("/",), "allow_methods": (["GET"],),
        "auth_name": (), "auth_type": (), "get_basic_auth_pw": (),
        "get_remote_host": (), "is_https": (), "ssl_var_lookup": ("X",),
        "add_cgi_vars": (), "add_common_vars": (), "expr": ("x",),
        "build_wsgi_env": (), "wsgi_start_response": ("200 OK", []),
        "get_config": (), "get_options": (), "requires": (),
        "document_root": (), "get_addhandler_exts": (),
        "add_handler": ("PythonHandler", "x"),
        "register_input_filter": ("x", "y"),
        "register_output_filter": ("x", "y"), "add_input_filter": ("x",),
        "add_output_filter": ("x",), "log_error": ("x",),
        "register_cleanup": (print,), "_error_page": (b"x", "a/b")}
    for name, args in calls.items():
        seen[f"call {name}"] = _name(raised(getattr(old, name), *args))
    seen["bound method"] = _name(raised(kept["method"], "x"))
    for name in ("headers_in", "headers_out", "err_headers_out", "notes",
                 "subprocess_env", "config", "options"):
        table = kept[name]
        seen[f"{name}[]"] = _name(raised(table.get, "x"))
        seen[f"{name}[] ="] = _name(raised(table.add, "x", "y"))
        seen[f"iter {name}"] = _name(raised(list, table))
        seen[f"len {name}"] = _name(raised(len, table))
        seen[f"repr {name}"] = _name(raised(repr, table))
    seen["next item"] = _name(raised(next, kept["iterator"]))
    wrong = {name: error for name, error in seen.items()
             if error != "ReferenceError"}
    return reply(req, [len(seen), wrong])


def survivors(req):
    """What belongs to nobody but Python stays."""
    old = kept["req"]
    old.own2 = 2
    return reply(req, [old.own, old.own2, vars(old), repr(type(old)),
                       kept["hlist"].handler, kept["server"].server_hostname,
                       kept["finfo"].filetype == apache.APR_NOFILE])


def connection(req):
    return reply(req, [_name(raised(getattr, kept["connection"], "client_ip")),
                       kept["connection"] is req.connection])


def forget(req):
    kept.clear()
    return reply(req, None)


def thread(req):
    """A thread that still uses the request when that has ended."""
    again.clear()

    def work():
        again.wait(30)
        kept["thread"] = _name(raised(getattr, req, "uri"))

    threading.Thread(target=work).start()
    kept["req"] = req
    return reply(req, None)


def thread_result(req):
    again.set()
    return reply(req, kept.get("thread"))


def late_reader(req):
    """A thread is inside read() when the handler returns."""
    inside = threading.Event()

    def work():
        inside.set()
        kept["late"] = len(req.read())

    threading.Thread(target=work).start()
    inside.wait(10)
    return reply(req, None)


def late_result(req):
    return reply(req, kept.get("late"))


def hammer(req):
    """A thread that uses the request in every way while it ends."""
    uses = [lambda: req.uri, lambda: req.headers_in.items(),
            lambda: req.get_options().keys(), lambda: req.expr("%{TIME}"),
            lambda: req.write("x", 0), lambda: req.is_https(),
            lambda: req.get_remote_host(), lambda: req.meets_conditions(),
            lambda: req.finfo, lambda: req.add_common_vars(),
            lambda: req.connection.client_ip, lambda: req.read(1),
            lambda: req.log_error("hammer", apache.APLOG_DEBUG),
            lambda: req.subprocess_env.copy(), lambda: req.flush()]

    def work():
        # some uses fail once the response is complete
        while not all(_name(raised(use)) == "ReferenceError"
                      for use in uses):
            pass

    threading.Thread(target=work).start()
    return reply(req, None)


def slow(req):
    req.kept = [req, req.headers_in]
    req.register_cleanup(lambda data: None)
    req.log_error("slow begins", apache.APLOG_NOTICE)
    threading.Event().wait(2)
    return reply(req, "slow")


# ---- attributes ----

def fixup(req):
    req.from_fixup = [req.phase]
    req.identity = id(req)
    return apache.OK


def attributes(req):
    req.from_fixup.append(req.phase)
    return reply(req, [req.from_fixup, req.identity == id(req)])


def attributes_log(req):
    if hasattr(req, "from_fixup"):
        req.log_error(f"log sees {req.from_fixup} {req.identity == id(req)}",
                      apache.APLOG_NOTICE)
        req.register_cleanup(attributes_cleanup, req)
    return apache.OK


def attributes_cleanup(req):
    req.log_error(f"cleanup sees {req.from_fixup}", apache.APLOG_NOTICE)


class Resource:
    def __del__(self):
        apache.log_error("resource freed", apache.APLOG_NOTICE)


def resource(req):
    req.resource = Resource()
    return reply(req, None)


# ---- several requests in one pool ----

def chain(req):
    """Redirects twice; the cleanups look at their neighbours."""
    def cleanup(own):
        seen = []
        for name in ("prev", "next", "main"):
            try:
                other = getattr(own, name)
                seen.append(other and other.uri)
            except ReferenceError:
                seen.append("ended")
        own.log_error(f"cleanup of {own.uri}: {seen}", apache.APLOG_NOTICE)

    req.register_cleanup(cleanup, req)
    if req.prev is None or req.prev.prev is None:
        req.internal_redirect("/chain" + str(len(req.uri)))
        return apache.OK
    return reply(req, [req.prev.prev.uri, req.prev.next is req])


chain6 = chain7 = chain


def sub(req):
    """Included by a page."""
    kept["req"] = req
    req.main.from_sub = req.uri
    req.write(f"main={req.main.uri} {req.main.main} "
              f"{sys_id(req) != sys_id(req.main)}")
    return apache.OK


def sys_id(req):
    return id(req)


def page_log(req):
    if hasattr(req, "from_sub"):
        req.log_error(f"page knows {req.from_sub}", apache.APLOG_NOTICE)
    return apache.OK


# ---- what is left ----

def count(req):
    """How many objects of our types there are, after a collection."""
    counts, *_ = alive()
    counts["threads"] = sum(  # without those of httpd
        not isinstance(one, threading._DummyThread)
        for one in threading.enumerate())
    return reply(req, counts)


def plain(req):
    return reply(req, None)


def views(req):
    req.a = [req.headers_in, req.headers_out, req.notes, req.get_options(),
             req.get_config(), req.hlist, req.finfo, req.connection]
    req.read()
    return reply(req, None)


def cycle(req):
    req.myself = req
    req.table = [req.headers_in]
    req.register_cleanup(lambda data: None, req)
    req.add_handler("PythonHandler", lambda inner: apache.OK)
    return reply(req, None)


def error(req):
    local = [req, req.headers_in]
    raise ZeroDivisionError(f"on purpose {len(local)}")


def stream(req):
    """Until the client has had enough."""
    block = b"x" * 65536
    try:
        for _ in range(4000):
            req.write(block)
    except OSError:
        req.log_error("the client has left", apache.APLOG_NOTICE)
        raise
    return apache.OK


def upload(req):
    try:
        while req.read(8192):
            pass
    except OSError:
        req.log_error("the client has left", apache.APLOG_NOTICE)
        raise
    return apache.OK


# ---- several interpreters ----

def other(req):
    """Runs in an interpreter of its own."""
    req.attribute = "of the other"
    req.notes["other"] = f"{req.interpreter}"
    req.headers_out["X-Other"] = "1"
    req.register_cleanup(other_cleanup, req)
    req.add_handler("PythonHandler", other_content)
    return apache.OK


def other_cleanup(req):
    req.log_error(f"cleanup in {apache.interpreter}: {req.attribute}",
                  apache.APLOG_NOTICE)


def other_content(req):
    req.write(f" {apache.interpreter} {req.attribute}")
    return apache.OK


def own(req):
    def last(inner):
        inner.write(f" {apache.interpreter} {inner is req}")
        return apache.OK

    req.add_handler("PythonHandler", last)
    req.write(f"{hasattr(req, 'attribute')} {req.notes['other']} "
              f"{apache.interpreter} {req.headers_out['X-Other']}")
    return apache.OK


handler = by_path(globals())
