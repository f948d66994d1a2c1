# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that send and read cookies."""
from mod_python import Cookie, apache
from mptest import by_path, reply

SECRET = "the secret"


def send(req):
    Cookie.add_cookie(req, "plain", "va lue", path="/", httponly=True)
    Cookie.add_cookie(req, Cookie.SignedCookie("signed", "ä", SECRET))
    Cookie.add_cookie(req, Cookie.MarshalCookie("marshal", {"a": [1, "ü"]},
                                                SECRET, max_age=60))
    return reply(req, "sent")


def read(req):
    kinds = {"plain": Cookie.Cookie, "signed": Cookie.SignedCookie,
             "marshal": Cookie.MarshalCookie}
    name = req.args or "plain"
    keywords = {} if name == "plain" else {"secret": SECRET}
    cookies = Cookie.get_cookies(req, kinds[name], **keywords)
    return reply(req, {key: [type(one).__name__, one.value]
                       for key, one in cookies.items()})


def one(req):
    cookie = Cookie.get_cookie(req, req.args)
    return reply(req, None if cookie is None else cookie.value)


def evil(req):
    try:
        Cookie.add_cookie(req, "a", "b\r\nX-Evil: 1")
    except ValueError as error:
        return reply(req, str(error))
    return apache.OK


handler = by_path(globals())
