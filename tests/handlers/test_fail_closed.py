# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Everything that can go wrong in code that is to decide about access."""
import hashlib

from mod_python import apache

nothing_there = None
number = 5


# ---- right answers ----

def ok(req):
    return apache.OK


def joe(req):
    req.user = "joe"
    return apache.OK


def yes(req, *args):
    return True


def no(req, *args):
    return False


def anybody(req, user, password):
    return True


def digest(req, user, password):
    return True


digest.realm_hash = lambda req, user, realm: hashlib.md5(
    f"{user}:{realm}:secret".encode()).hexdigest()


# ---- wrong ones ----


def raises(req, *rest):
    raise ZeroDivisionError("on purpose")


def exits(req, *rest):
    raise SystemExit(0)


def interrupts(req, *rest):
    raise KeyboardInterrupt


def recursion(req, *rest):
    return recursion(req, *rest)


def memory(req, *rest):
    raise MemoryError


def generator_exit(req, *rest):
    raise GeneratorExit


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def unprintable(req, *rest):
    raise Unprintable


def group(req, *rest):
    raise BaseExceptionGroup("several", [ValueError(), SystemExit()])


async def coroutine(req, *rest):
    return apache.OK


def generator(req, *rest):
    yield apache.OK


def returns_text(req, *rest):
    return "OK"


def returns_empty(req, *rest):
    return ""


def returns_float(req, *rest):
    return 0.0


def returns_list(req, *rest):
    return [True]


def returns_huge(req, *rest):
    return 10 ** 30


def returns_no_status(req, *rest):
    return 12345


class Odd:
    """Raises whatever it is asked."""

    def __eq__(self, other):
        raise ValueError("compared")

    def __bool__(self):
        raise ValueError("truth")

    def __repr__(self):
        raise ValueError("shown")

    __hash__ = None


def returns_odd(req, *rest):
    return Odd()


def server_return_empty(req, *rest):
    raise apache.SERVER_RETURN


def server_return_none(req, *rest):
    raise apache.SERVER_RETURN(None)


def server_return_text(req, *rest):
    raise apache.SERVER_RETURN("OK")


def server_return_bool(req, *rest):
    raise apache.SERVER_RETURN(False)


def server_return_huge(req, *rest):
    raise apache.SERVER_RETURN(10 ** 30)


def server_return_status(req, *rest):
    raise apache.SERVER_RETURN(apache.OK, "200")


def no_arguments():
    return apache.OK


class NeedsMore:
    def __init__(self, req, missing):
        pass

    def check(self, *args):
        return True


class BadAttribute:
    @property
    def check(self):
        raise LookupError("no such thing")


bad = BadAttribute()


# ---- wrong for handlers or for providers only ----

def returns_none(req, *rest):
    pass


def returns_true(req, *rest):
    return True


def returns_false(req, *rest):
    return False


def returns_ok(req, *rest):
    """What a handler would return is 0: not False."""
    return apache.OK


def returns_one(req, *rest):
    return 1


def server_return_ok(req, *rest):
    """A provider has no status to return."""
    raise apache.SERVER_RETURN(apache.OK)


def declines(req, *rest):
    return apache.DECLINED


# ---- the other half of AuthDigestProvider ----

def _digest_of(function):
    def check(req, user, password):
        return True

    check.realm_hash = function
    return check


def returns_short(req, *rest):
    return "0" * 31


def returns_no_hex(req, *rest):
    return "g" * 32


def returns_wide(req, *rest):
    return "\uff10" * 32  # digits, but not of httpd's


def returns_surrogate(req, *rest):
    return "\udc80" * 32


def returns_bytes(req, *rest):
    return b"0" * 32


for _name, _object in list(globals().items()):
    if callable(_object) and not _name.startswith("_"):
        globals()["digest_" + _name] = _digest_of(_object)
digest_number = _digest_of(5)
digest_nothing_there = _digest_of(None)
