# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Every phase, filters, sessions, uploads, errors: what a server does in a
year, and what is alive afterwards."""
import hashlib
import os

from mod_python import Cookie, Session, apache, psp, util
from mptest import alive, by_path, reply

PAGE = "<% for n in range(3): %><%= n %>,<%\n# end %> <%= form %>"


# ---- phases ----

def _note(req):
    req.notes["phases"] = f"{req.notes.get('phases', '')}{len(req.phase)} "


def quick(req):
    return apache.HTTP_GONE if req.uri == "/quick" else apache.DECLINED


def postreadrequesthandler(req):
    _note(req)
    return apache.OK


def transhandler(req):
    _note(req)
    return apache.DECLINED


def maptostoragehandler(req):
    _note(req)
    return apache.DECLINED


def headerparserhandler(req):
    req.seen = [req]  # a cycle, for the collector
    _note(req)
    return apache.OK


def accesshandler(req):
    _note(req)
    return apache.OK


def authenhandler(req):
    if req.get_basic_auth_pw() != "secret":
        return apache.HTTP_UNAUTHORIZED
    return apache.OK


def authzhandler(req):
    return apache.OK if req.user == "joe" else apache.HTTP_FORBIDDEN


def typehandler(req):
    _note(req)
    return apache.DECLINED


def fixuphandler(req):
    _note(req)
    return apache.OK


def loghandler(req):
    req.subprocess_env["logged"] = req.notes.get("phases", "")
    return apache.OK


def cleanuphandler(req):
    return apache.OK


def check_password(req, user, password):
    return password == "secret" if user == "ann" else None


def check_user(req, *names):
    return req.user in names


# ---- content ----

def plain(req):
    req.content_type = "text/plain"
    req.write("Hello ", 0)
    req.write("World!", 0)
    return apache.OK


def phases(req):
    _note(req)
    return reply(req, len(req.notes["phases"].split()))


def streamed(req):
    for _ in range(5):
        req.write(b"x" * 2000)
    req.flush()
    return apache.OK


def large(req):
    for _ in range(40):
        req.write(b"y" * 25_000)
    return apache.OK


def upload(req):
    try:
        form = util.FieldStorage(req, keep_blank_values=1)
    except OSError:  # the client is gone
        return apache.HTTP_BAD_REQUEST
    file = form["file"]
    return reply(req, [form.getfirst("name"),
                       hashlib.md5(file.file.read()).hexdigest()])


def form(req):
    return reply(req, sorted(util.FieldStorage(req).getlist("a")))


def body(req):
    data = req.readline() + req.read(10) + b"".join(req)
    return reply(req, len(data))


def session(req):
    one = Session.Session(req, timeout=60)
    one["count"] = one.get("count", 0) + 1
    one.save()
    return reply(req, one["count"] > 0)


def cookies(req):
    found = Cookie.get_cookies(req, Cookie.SignedCookie, secret="s")
    Cookie.add_cookie(req, Cookie.SignedCookie("a", "b", secret="s"))
    return reply(req, len(found))


def page(req):
    req.content_type = "text/plain"
    psp.PSP(req, string=PAGE, vars={"form": "f"}).run()
    return apache.OK


def file(req):
    return apache.OK if req.sendfile(__file__) > 1000 else apache.HTTP_GONE


def redirected(req):
    req.internal_redirect("/plain")
    return apache.OK


def not_found(req):
    raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)


def fails(req):
    raise ZeroDivisionError("on purpose")


def added(req):
    req.add_handler("PythonLogHandler", loghandler)
    req.register_cleanup(lambda data: None, req)
    req.connection.notes["met"] = "yes"
    return plain(req)


def application(environ, start_response):
    data = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"wsgi "
    yield str(len(data)).encode()


# ---- filters ----

def upper(filter):
    while data := filter.read(1000):
        filter.write(data.upper())
    if data is None:
        filter.close()


def reverse_input(filter):
    data = filter.readline()
    while data:
        filter.write(data.swapcase())
        data = filter.readline()
    if data is None:
        filter.close()


def swapped(req):
    return reply(req, req.read().decode())


# ---- what is alive ----

def state(req):
    return reply(req, [os.getpid(), *alive()])


handler = by_path(globals())
