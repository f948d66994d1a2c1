# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Users and rules for httpd's own authentication and authorisation."""
import hashlib

from mod_python import apache
from mptest import reply

PASSWORDS = {"joe": "secret", "jürgen": "pä ss:wort", "root": "toor"}


def users(req, user, password):
    """True, False or None, as httpd's providers answer."""
    assert req.user == user
    assert req.phase == "PythonAuthenHandler"
    req.notes["asked"] = f"{req.notes.get('asked', '')}users "
    if user not in PASSWORDS:
        return None
    return PASSWORDS[user] == password


def realm_hash(req, user, realm):
    if user not in PASSWORDS:
        return None
    text = f"{user}:{realm}:{PASSWORDS[user]}"
    digest = hashlib.md5(text.encode()).hexdigest()
    return digest.upper() if user == "root" else digest


users.realm_hash = realm_hash


class Staff:
    """A provider that is an object; made once, when the module is loaded."""

    def __call__(self, req, user, password):
        req.notes["asked"] = f"{req.notes.get('asked', '')}staff "
        return password == "staff" if user == "ann" else None


staff = Staff()


class Named:
    """A class on the way to the object gets the request."""

    def __init__(self, req):
        self.req = req

    def check(self, req, user, password):
        return self.req is req and password == "named"


def authzprovider(req, *args):
    """Require test ...: says what it was asked."""
    req.notes["args"] = repr(args)
    req.notes["phase"] = req.phase
    return True


def member(req, *groups):
    """Require member GROUP...: the user's name begins with a group's."""
    req.notes["times"] = str(int(req.notes.get("times", "0")) + 1)
    return req.user is not None and req.user.startswith(groups)


def banned(req, *names):
    return (req.user or "") in names


def header(req, name, value):
    """Needs no user."""
    return req.headers_in.get(name) == value


def show(req):
    return reply(req, [req.user, req.notes.get("args"),
                       req.notes.get("phase"), req.notes.get("times"),
                       req.notes.get("asked")])


def where(req, user, password):
    req.notes["asked"] = f"{req.interpreter} {apache.interpreter}"
    return True


def late(req, user, password):
    """What can still be added here, and is gone."""
    try:
        req.add_handler("PythonAccessHandler", "mptest")
    except ValueError as error:
        req.notes["asked"] = str(error)
    req.add_handler("PythonFixupHandler", "test_providers::note")
    return True


def note(req):
    req.notes["args"] = "added"
    return apache.OK
