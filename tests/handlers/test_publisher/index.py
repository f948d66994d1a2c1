# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Published by the tests: every kind of value."""
import functools
from types import SimpleNamespace

from mod_python import apache

text = "text"
umlauts = "\u00e4\u20ac"
raw = b"\xff\x00"
buffer = bytearray(b"buffer")
number = 5
truth = False
data = {"a": 1}
items = ["a", 1]
nothing = None
page = "<html>" + " " * 200 + "</HTML>\n"
early = "</html>" + "." * 101
surrogate = "\udcff"


def index(req):
    return "index " + (req.path_info or "")


def hello(name, greeting="Hello"):
    return f"{greeting} {name}"


def reversed_hello(req, *, name):
    return f"{name} {req.method}"


def only(name, /):
    return name


def rest(first=None, *args, **kw):
    assert kw.pop("req").uri == "/rest"
    return [first, args, sorted(kw.items())]


def shown(x):
    if hasattr(x, "filename"):
        return [type(x).__name__, x.filename, x.value]
    return [type(x).__name__, x]


def own_form(req):
    return [req.form.keys(), str(req.form.getfirst("a", "none"))]


def generator():
    yield "<html>"
    yield 5
    yield b"\xff"
    yield "</html>"


def empty_generator():
    yield from ()


def mapped():
    return map(str, [1, 2])


def written(req):
    req.content_type = "text/x-mine; charset=latin-1"
    req.status = 201
    req.headers_out["X-Mine"] = "yes"
    req.write("written, ")
    return "returned"


def json_itself(req):
    req.content_type = "application/json"
    return '{"a": 1}'


def code(req, status):
    raise apache.SERVER_RETURN(int(status))


def moved(req):
    from mod_python import util
    util.redirect(req, "/elsewhere")


def returns_function():
    return hello


def returns_guarded():
    return guarded_result


def guarded_result():
    __access__ = 0
    return "never" + str(__access__)


def returns_class():
    return Thing


def fails():
    raise ValueError("of the page")


def lost_client(req):
    return req.form["name"]


def logged(func):
    @functools.wraps(func)
    def wrapper(*args, **kw):
        return "logged " + func(*args, **kw)
    return wrapper


@logged
def decorated(req, name):
    return name + req.method


@functools.lru_cache
def cached(name):
    return f"cached {name}"


lambda_page = lambda name="nobody": "lambda " + name  # noqa: E731
partial = functools.partial(hello, greeting="Hi")


class Thing:
    value = "value"

    def __init__(self):
        self.inner = SimpleNamespace(x="deep", f=hello)
        self.again = self

    def method(self, req, name="x"):
        return f"method {name} {req.method}"

    @classmethod
    def of_class(cls):
        return cls.value

    @staticmethod
    def static(name):
        return "static " + name

    @property
    def prop(self):
        return "prop"

    def index(self):
        return "index of thing"

    def __str__(self):
        return "a thing"


class Callable(Thing):
    def __call__(self, name="nobody"):
        return "called by " + name


class Dynamic:
    def __getattr__(self, name):
        if name == "none":
            raise AttributeError(name)
        return "dynamic " + name


thing = Thing()
callable_thing = Callable()
dynamic = Dynamic()
