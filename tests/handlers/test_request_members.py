# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Members whose effect only a whole request shows."""
from mod_python import apache
from mptest import by_path, raised, reply


def status_line(req):
    req.status = 404
    wrong = raised(setattr, req, "status_line", "200 Fine")
    req.status_line = "404 Gone Fishing"
    req.write(f"{req.status_line}|{wrong}")
    return apache.OK


def no_headers(req):
    req.assbackwards = 1
    req.write("body only")
    return apache.OK


def not_cached(req):
    req.no_cache = 1
    return reply(req, req.no_cache)


def content_type(req):
    before = [req.content_type, req._content_type_set]
    req.content_type = "text/x-\u20ac"
    req.write(f"{before} {req.content_type} {req._content_type_set}")
    return apache.OK


def tables(req):
    req.headers_out["X-Out"] = "\u20ac"
    req.err_headers_out["X-Err"] = "yes"
    req.notes["note"] = "1"
    return apache.HTTP_NOT_FOUND if req.args == "error" else apache.OK


def queued(req):
    seen = [req._bytes_queued]
    req.write("x" * 10, 0)
    seen.append(req._bytes_queued)
    req.flush()
    seen.append(req._bytes_queued)
    req.write(f" {seen}")
    return apache.OK


def body(req):
    seen = [req.read_length, len(req.read(3)), req.read_chunked,
            req.remaining, req.read_length, len(req.read()), req.remaining,
            req.read_length]
    return reply(req, seen)


def error_page(req):
    """The ErrorDocument: prev is the request that failed."""
    return reply(req, [req.prev.uri, req.prev.next is req, req.prev.mark,
                       req.main, req.prev.prev])


def fails(req):
    req.mark = "set by the first"
    return apache.HTTP_GONE


def redirects(req):
    req.internal_redirect("/redirected?a=b")
    return apache.OK


def redirected(req):
    return reply(req, [req.uri, req.args, req.prev.uri, req.prev.next is req,
                       req.prev is req.prev])


def phase(req):
    """In a fixup handler; phase_handler() shows what it saw."""
    req.seen = [req.phase, req.hlist.handler, req.extension]
    return apache.OK


def phase_handler(req):
    hlist = req.hlist
    entries = []
    while hlist.handler is not None:
        entries.append(hlist.handler)
        hlist.next()
    reply(req, [req.seen, req.phase, req.extension, entries,
                req.hlist is hlist])
    return apache.DONE


def mapped(req):
    """A map from URIs to files, done by writing members."""
    if not req.uri.startswith("/mapped/"):
        return apache.DECLINED
    req.filename = f"{req.document_root()}/file.txt"
    req.args = None
    return apache.OK


handler = by_path(globals())
