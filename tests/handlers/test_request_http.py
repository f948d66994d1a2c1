# SPDX-License-Identifier: Apache-2.0
"""Handlers that ask httpd about HTTP."""
from __future__ import annotations

import os
from typing import Any

from mod_python import apache
from mptest import by_path, reply


def conditions(req: Any) -> int:
    req.update_mtime(float(req.args or 1_000_000_000.0))
    req.set_last_modified()
    req.headers_out["ETag"] = '"tag"'
    result = req.meets_conditions()
    if result != apache.OK:
        return result
    return reply(req, req.mtime)


def etag(req: Any) -> int:
    req.filename = os.path.join(req.document_root(), "file")
    req.finfo = apache.stat(req.filename, apache.APR_FINFO_MIN)
    req.update_mtime(req.finfo.mtime)
    req.set_etag()
    return reply(req, req.headers_out.get("ETag"))


def length(req: Any) -> int:
    req.set_content_length(5)
    result = [req.clength, req.headers_out["Content-Length"]]
    req.set_content_length(len(repr(result)))
    req.write(repr(result))
    return apache.OK


def redirect(req: Any) -> int:
    req.headers_out["X-Old"] = "1"
    if req.args:
        req.write(req.args.encode(), 0)
    req.internal_redirect("/target?query=1")
    try:
        req.write("too late")
    except RuntimeError as error:
        req.log_error(f"late: {error}", apache.APLOG_NOTICE)
    return apache.OK


def target(req: Any) -> int:
    req.headers_out["X-New"] = "1"
    req.write("[%s %s %s]" % (req.uri, req.args, req.prev.uri))
    return apache.OK


def redirect_then_fail(req: Any) -> int:
    req.internal_redirect("/target")
    raise LookupError("after the response")


def allow(req: Any) -> int:
    req.allow_methods(["GET"])
    req.allow_methods(["POST", apache.M_PUT])
    if req.args == "reset":
        req.allow_methods(("DELETE",), 1)
    if req.args == "clear":
        req.allow_methods([], reset_to := True)
        assert reset_to
    req.headers_out["X-Allowed"] = " ".join(
        f"{req.allowed >> number & 1}" for number in (0, 1, 2, 3))
    return apache.HTTP_METHOD_NOT_ALLOWED


def basic(req: Any) -> int:
    before = req.user
    return reply(req, [before, req.get_basic_auth_pw(), req.user,
                       req.ap_auth_type])


def cgi(req: Any) -> int:
    req.add_cgi_vars()
    return reply(req, dict(req.subprocess_env.items()))


def common(req: Any) -> int:
    req.add_common_vars()
    return reply(req, dict(req.subprocess_env.items()))


def environ(req: Any) -> int:
    env = req.build_wsgi_env()
    if env is None:
        return reply(req, None)
    assert env["wsgi.input"] is req
    assert env["wsgi.errors"] is __import__("sys").stderr
    return reply(req, {name: value for name, value in env.items()
                       if name not in ("wsgi.input", "wsgi.errors")})


def start(req: Any) -> int:
    """start_response() with the arguments of the query string."""
    from urllib.parse import unquote
    write = req.wsgi_start_response(*eval(unquote(req.args)))
    write("bo")
    write(b"dy")
    return apache.OK


def start_error(req: Any) -> int:
    from urllib.parse import unquote
    try:
        req.wsgi_start_response(*eval(unquote(req.args)))
    except Exception as error:
        return reply(req, f"{type(error).__name__}: {error}")
    return reply(req, "")


def start_twice(req: Any) -> int:
    import sys
    req.headers_out["X-Mine"] = "kept"
    write = req.wsgi_start_response("200 OK", [
        ("X-A", "1"), ("X-B", "1"), ("Content-Type", "text/first"),
        ("Content-Length", "5")])
    write.__self__.write("first", 0)
    try:
        raise LookupError("between")
    except LookupError:
        write = req.wsgi_start_response(
            "503 Gone Fishing", [("X-B", "2"), ("X-B", "3")], sys.exc_info())
    write("second")
    return apache.OK


def start_too_late(req: Any) -> int:
    import sys
    write = req.wsgi_start_response("200 OK", [])
    write("begun")
    seen = []
    try:
        req.wsgi_start_response("500 No", [])
    except RuntimeError as error:
        seen.append(str(error))
    try:
        raise LookupError("original")
    except LookupError:
        try:
            req.wsgi_start_response("500 No", [], sys.exc_info())
        except LookupError as error:
            seen.append(str(error))
    write(repr(seen))
    return apache.OK


def transhandler(req: Any) -> int:
    """TLS is known from the first phase on."""
    if req.uri.startswith("/early"):
        req.notes["early"] = repr([req.is_https(),
                                   req.ssl_var_lookup("HTTPS")])
    return apache.DECLINED


def early(req: Any) -> int:
    return reply(req, req.notes["early"])


handler = by_path(globals())
