# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.publisher with a fake request."""
from __future__ import annotations

import base64
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from library_fakes import Request, ServerReturn, httpd_fake, write

__all__ = ["httpd_fake"]

INDEX = '''
import os, sys, functools
from os import getcwd
from types import SimpleNamespace

text = "text"
number = 5
data = {"a": 1}
nothing = None
_hidden = "hidden"
raw = b"\\xff"
page = "<html></HTML>\\n"

def index(req):
    return "index of " + req.uri

def hello(name, greeting="Hello"):
    return greeting + " " + name

def rest(**kw):
    return sorted(kw)

def items():
    yield "<html>"
    yield 5
    yield b"</html>"

def returns(what):
    return {"function": hello, "module": os, "class": dict,
            "lambda": lambda: "called", "guarded": guarded, "none": None,
            "iterator": iter(["a", "b"])}[what]

def guarded():
    return "guarded"
guarded.__access__ = 0

class Thing:
    value = "value"
    def __init__(self): self.inner = SimpleNamespace(x="deep", f=hello)
    def method(self, req): return "method"
    def __call__(self): return "called"
    def _private(self): return "no"
    @property
    def broken(self): return None.nothing
    @property
    def prop(self): return "prop"

thing = Thing()
partial = functools.partial(hello, greeting="Hi")
'''


@pytest.fixture
def publisher(httpd_fake: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    sys.modules.pop("mod_python.publisher", None)
    from mod_python import publisher

    modules: dict[str, Any] = {}

    def load(filename: str) -> Any:
        if filename not in modules:
            spec = importlib.util.spec_from_file_location("page", filename)
            assert spec
            assert spec.loader
            modules[filename] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(modules[filename])
        return modules[filename]

    monkeypatch.setattr(httpd_fake, "import_module", load)
    return publisher


@pytest.fixture
def get(publisher: Any, tmp_path: Path) -> Any:
    """get(path) -> (status, body) of a request below index.py."""
    write(tmp_path / "index.py", INDEX)

    def run(path: str = "", method: str = "GET", **attributes: Any) -> Any:
        made = {"filename": f"{tmp_path}/index.py", "path_info": path,
                "uri": path, "method": method,
                "get_addhandler_exts": lambda: "", "_bytes_queued": 0,
                **attributes}
        run.req = Request(**made)  # type: ignore[attr-defined]
        try:
            assert publisher.handler(run.req) == 0  # type: ignore
        except ServerReturn as error:
            return error.args[0]
        return run.req.output.decode("latin-1")  # type: ignore

    return run


@pytest.mark.parametrize(("path", "expected"), [
    ("", "index of "), ("/", "index of /"), ("/index", "index of /index"),
    ("/text", "text"), ("/number", "5"), ("/data", "{'a': 1}"),
    ("/nothing", ""), ("/raw", "\xff"),
    ("/thing/method", "method"), ("/thing.method", "method"),
    ("/thing/value/", "value"), ("/thing", "called"),
    ("/thing/inner/x", "deep"), ("/thing/prop", "prop"),
    ("/items", "<html>5</html>"), ("/page", "<html></HTML>\n"),
])
def test_published(get: Any, path: str, expected: str) -> None:
    assert get(path) == expected


@pytest.mark.parametrize(("path", "status"), [
    ("/none", 404), ("/a/b", 404), ("//", "index of //"), ("/..", 404),
    ("/thing/none", 404), ("/thing//method", 404), ("/\udcff", 404),
    ("/os", 403), ("/os/system", 403), ("/sys.path", 403),
    ("/Thing", 403), ("/getcwd", 403), ("/functools/partial", 403),
    ("/_hidden", 403), ("/__builtins__", 403), ("/__dict__", 403),
    ("/hello/__globals__", 403), ("/text/upper", 403), ("/data/a", 403),
    ("/data/keys", 403), ("/hello/x", 403), ("/thing/method/x", 403),
    ("/thing/_private", 403), ("/thing/__class__", 403),
    ("/thing/inner/f/x", 403), ("/number/real", 403), ("/items/gi_frame", 403),
    ("/thing/inner/x/y", 403), ("/SimpleNamespace", 403),
])
def test_refused(get: Any, path: str, status: Any) -> None:
    assert get(path) == status


def test_an_error_in_a_property_is_no_404(get: Any) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        get("/thing/broken")


def test_methods(get: Any) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", ""):
        assert get("/text", method) == 405
        assert get.req.allowed == ["GET", "POST", "HEAD"]
    assert get("/text", "HEAD") == "text"
    assert get("/text", "POST") == "text"


def test_arguments(get: Any) -> None:
    assert get("/hello", args="name=Joe&x=1") == "Hello Joe"
    assert get("/hello", args="name=Joe&greeting=Hi") == "Hi Joe"
    assert get("/partial", args="name=Joe") == "Hi Joe"
    assert get("/hello") == 400
    assert get("/hello", args="greeting=Hi") == 400
    assert get("/rest", args="b=&a=1&req=x") == "['a', 'b', 'req']"
    assert get("/thing/inner/f", args="name=x") == "Hello x"


def test_results_are_published_again(get: Any) -> None:
    assert get("/returns", args="what=function&name=Joe") == "Hello Joe"
    assert get("/returns", args="what=lambda") == "called"
    assert get("/returns", args="what=none") == ""
    assert get("/returns", args="what=iterator") == "ab"
    for what in ("module", "class", "guarded"):
        assert get("/returns", args="what=" + what) == 403


@pytest.mark.parametrize(("path", "kind"), [
    ("/text", "text/plain; charset=UTF-8"), ("/page",
                                             "text/html; charset=UTF-8"),
    ("/items", "text/html; charset=UTF-8"),
    ("/data", "text/plain; charset=UTF-8"), ("/nothing", None)])
def test_types(get: Any, path: str, kind: str | None) -> None:
    get(path)
    assert get.req.content_type == kind
    assert get.req.flushes == 0
    get(path, content_type="x/y")
    assert get.req.content_type == "x/y"


def test_replaced_functions_count(get: Any, publisher: Any,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    from mod_python import util

    monkeypatch.setattr(util, "apply_fs_data", lambda *_a, **_k: "replaced")
    assert get("/hello") == "replaced"
    monkeypatch.setattr(publisher, "publish_object",
                        lambda req, _object: req.write("mine"))
    assert get("/text") == "mine"


# ---- files ----

def test_modules(publisher: Any, tmp_path: Path) -> None:
    for name in ("index", "other", "a.b", "_under"):
        write(tmp_path / f"{name}.py",
              f"def index(): return 'index of {name}'\n"
              f"def func(): return 'func of {name}'\n")
    (tmp_path / "sub").mkdir()

    def get(name: str, path_info: str = "", extension: str | None = None
            ) -> Any:
        req = Request(filename=f"{tmp_path}/{name}", path_info=path_info,
                      extension=extension, uri="/",
                      get_addhandler_exts=lambda: "pub .xyz")
        try:
            publisher.handler(req)
        except ServerReturn as error:
            return error.args[0]
        return req.output.decode()

    assert get("") == get("index.py") == get("index") == "index of index"
    assert get("other") == get("other.py") == "index of other"
    assert get("other.pub", "/func") == get("other.xyz", "/func") == (
        "func of other")
    assert get("other.html", extension=".html") == "index of other"
    assert get("other.html") == 404
    assert get("a.b.py", "/func/") == "func of a.b"
    assert get("func") == get("func.py") == "func of index"
    assert get("func", "/x") == 403
    assert get("nothing", "/func") == 404
    assert get("_under") == get("_under.py", "/func") == 403
    assert get("_none") == 403
    assert get(".py") == "index of index"
    assert get("sub/") == get("sub/func") == 404


# ---- guards ----

GUARDED = '''
__auth_realm__ = 'the "realm"'
def __auth__(req, user, password):
    return user == "joe" and password == "s\\xe9cret"
def __access__(req, user):
    return user == "joe"
def page(): return "page"
def only():
    __access__ = ("jim",)
    return "never"
def unclear():
    __access__ = ["joe"]
    return "never"
class Thing:
    __access__ = ["jim"]
    page = "never"
thing = Thing()
class Inner:
    __auth__ = {"x": "y"}
    __auth_realm__ = "inner"
    def page(self):
        return "never"
inner = Inner()
'''


def basic(text: str | bytes, encoding: str = "utf-8") -> dict[str, str]:
    raw = text.encode(encoding) if isinstance(text, str) else text
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}


def test_guards(get: Any, tmp_path: Path) -> None:
    write(tmp_path / "index.py", GUARDED)

    def ask(path: str, headers: dict[str, str], **attributes: Any) -> Any:
        from library_fakes import Table
        return get(path, headers_in=Table(headers), **attributes)

    assert ask("/page", {}) == 401
    assert get.req.err_headers_out["WWW-Authenticate"] == (
        'Basic realm="the \\"realm\\""')
    joe = basic("joe:sécret")
    assert ask("/page", joe) == "page"
    assert get.req.user == "joe"
    assert ask("/page", basic("joe:sécret", "latin-1")) == "page"
    assert ask("/page", basic("joe:wrong")) == 401
    assert ask("/page", basic("jim:sécret")) == 401
    for header in ("Basic", "Basic x", "Basic !!!!", "basic " + "eA==",
                   "Basic \udcff"):
        assert ask("/page", {"Authorization": header}) == 400
    assert ask("/page", {"Authorization": "Digest x"}) == 401
    assert ask("/nothing", {}) == 401  # what is not there is not told
    assert ask("/only", joe) == 403
    assert ask("/unclear", joe) == 403
    assert get.req.log[0].startswith("MP0620: ")
    assert ask("/thing/page", joe) == 403
    assert ask("/inner/page", joe) == 401
    assert get.req.err_headers_out["WWW-Authenticate"] == (
        'Basic realm="inner"')


CHECKED = "__auth__ = {'joe': 'pw'}\n"


@pytest.mark.parametrize(("guards", "status"), [
    (CHECKED, "page"),
    ("__auth__ = {'joe': 'other'}", 401),
    ("__auth__ = {'jim': 'pw'}", 401),
    ("__auth__ = {'joe': None}", 401),
    ("__auth__ = 1", "page"), ("__auth__ = 0", 401),
    ("__auth__ = None", 401), ("__auth__ = ['joe']", 500),
    # nobody has looked at the password
    ("__access__ = ['joe']", 403), ("__auth__ = 1\n__access__ = ['joe']", 403),
    ("__access__ = lambda req, user: user == 'joe'", 403),
    (CHECKED + "__access__ = ['joe']", "page"),
    (CHECKED + "__access__ = ('jim',)", 403),
    (CHECKED + "__access__ = {'joe'}", "page"),
    (CHECKED + "__access__ = []", 403),
    (CHECKED + "__access__ = lambda req, user: user == 'joe'", "page"),
    ("__access__ = 1", "page"), ("__access__ = 0", 403),
    ("__auth__ = lambda req, user, password: password == 'pw'", "page"),
    ("__auth__ = lambda req, user, password: None", 401),
    ("__auth__ = 0\n__access__ = 0", 401),
])
def test_kinds_of_guards(get: Any, tmp_path: Path, guards: str,
                         status: Any) -> None:
    from library_fakes import Table

    write(tmp_path / "index.py", guards + "\npage = 'page'\n")
    assert get("/page", headers_in=Table(basic("joe:pw"))) == status


def test_users_of_httpd(get: Any, tmp_path: Path) -> None:
    from library_fakes import Table

    write(tmp_path / "index.py", "__access__ = ['joe']\npage = 'page'\n")
    digest = Table({"Authorization": "Digest username=jim"})
    assert get("/page", user="joe", headers_in=digest) == "page"
    assert get("/page", user="jim", headers_in=digest) == 403
    assert get("/page", user="joe") == "page"
    assert get("/page") == 403
