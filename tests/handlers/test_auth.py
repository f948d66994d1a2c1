# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Logins of every kind."""
from mod_python import apache
from mptest import reply


def basic(req):
    password = req.get_basic_auth_pw()
    if req.user == "joe" and password == "secret":
        return apache.OK
    return apache.HTTP_UNAUTHORIZED


def raising(req):
    password = req.get_basic_auth_pw()
    if (req.user, password) != ("joe", "secret"):
        raise apache.SERVER_RETURN(apache.HTTP_UNAUTHORIZED)
    return apache.OK


def own_challenge(req):
    req.err_headers_out["WWW-Authenticate"] = "Bearer realm=own"
    return apache.HTTP_UNAUTHORIZED


def bearer(req):
    scheme, _, token = req.headers_in.get("Authorization", "").partition(" ")
    if scheme == "Bearer" and token == "abc":
        req.user = "token-user"
        return apache.OK
    req.err_headers_out["WWW-Authenticate"] = "Bearer"
    return apache.HTTP_UNAUTHORIZED


def nobody(req):
    return apache.OK


def decline(req):
    return apache.DECLINED


def broken(req):
    raise ZeroDivisionError("on purpose")


def nothing(req):
    pass


def odd(req):
    return 12345


def joe(req):
    req.user = "joe"
    return apache.OK


def before(req):
    """None before get_basic_auth_pw(), the name after it."""
    req.notes["before"] = repr(req.user)
    req.get_basic_auth_pw()
    req.notes["after"] = repr(req.user)
    req.notes["password"] = repr(req.get_basic_auth_pw())
    return apache.OK if req.user else apache.HTTP_UNAUTHORIZED


def grant(req):
    return apache.OK


def refuse(req):
    return apache.HTTP_FORBIDDEN


def show(req):
    return reply(req, [req.user, req.ap_auth_type, req.auth_name(),
                       req.auth_type(), req.notes.get("before"),
                       req.notes.get("after"), req.notes.get("password")])
