# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Published by the tests: guards in all places. joe's password is his name."""
import functools

open_page = "open"


def own_password(req, user, password):
    return user is not None and user == password


def only_joe(req, user):
    return user == "joe"


def page():
    """A nested function."""
    def __auth__(req, user, password):
        return user is not None and user == password

    def __access__(req, user):
        return user == "joe"

    __auth_realm__ = "nested"
    return "page"


def constants():
    __auth__ = 1
    __access__ = 0
    __auth_realm__ = "never seen"
    return "never"


def users():
    def __auth__(req, user, password):
        return user is not None and user == password

    __access__ = ("joe", "jim")
    return "users"


def unclear():
    __access__ = ["joe"]
    return "never"


def attribute():
    return "attribute"


attribute.__auth__ = {"joe": "joe", "\u00e4": "\u20ac"}
attribute.__auth_realm__ = "by attribute"


def access_only():
    return "access only"


access_only.__access__ = ["joe"]


def passes(function):
    @functools.wraps(function)
    def wrapper(*args, **kw):
        return function(*args, **kw)
    return wrapper


def hides(function):
    def wrapper(*args, **kw):
        return function(*args, **kw)
    return wrapper


@passes
@hides
def decorated(req):
    def __auth__(req, user, password):
        return user is not None and user == password

    return "decorated"


class Guarded:
    """Guards of the class, of the instance, of methods."""
    __auth__ = staticmethod(own_password)
    __auth_realm__ = "class"
    text = "of the class"

    def method(self):
        def __access__(req, user):
            return user == "joe"

        return "method"


class Plain:
    def __init__(self):
        self.text = "of the instance"

    def __call__(self):
        def __auth__(req, user, password):
            return user is not None and user == password

        return "called"


guarded = Guarded()
instance = Plain()
instance.__auth__ = {"joe": "joe"}
instance.__auth_realm__ = "instance"
instance.inner = Plain()
callable_instance = Plain()

wrong = Plain()
wrong.__auth__ = ["joe"]


def fails():
    def __auth__(req, user, password):
        raise ValueError("of the guard")

    return "never"


def seen(req):
    def __auth__(req, user, password):
        req.notes["seen"] = repr([user, password])
        return True

    return [req.notes["seen"], req.user]


def refuses():
    def __auth__(req, user, password):
        from mod_python import apache
        raise apache.SERVER_RETURN(apache.HTTP_SERVICE_UNAVAILABLE)

    return "never"
