# Licensed under the Apache License, Version 2.0; see LICENSE.
"""From a handler entry to a callable; sys.path; the end of a child."""
from __future__ import annotations

import os
import subprocess
import sys
import types
from typing import Any

import pytest
from dispatch_fakes import Package


def resolve(package: Package, module: str, name: str | None = None, *,
            function: str = "handler", folder: str | None = "",
            location: bool = False, silent: bool = False,
            python_path: str | None = None) -> Any:
    directory = None if folder is None else package.folder(folder)
    return package.dispatch.resolve(
        module, name, function, directory, location, silent, python_path,
        True, False, f"{module}::{name}")


# -- objects -------------------------------------------------------------------


def test_default_object(package: Package) -> None:
    package.write("main.py", "def handler(req): return req\n"
                  "def fixuphandler(req): return -req\n"
                  "def requesthandler(req): return None")
    assert resolve(package, "main")(1) == 1
    assert resolve(package, "main", function="fixuphandler")(1) == -1


def test_requesthandler(package: Package) -> None:
    package.write("main.py", "def requesthandler(req): return req")
    assert resolve(package, "main")(1) == 1
    with pytest.raises(AttributeError, match="no 'handler'"):
        resolve(package, "main", "handler")


def test_missing(package: Package) -> None:
    path = package.write("main.py", "")
    with pytest.raises(AttributeError) as caught:
        resolve(package, "main", "nothing")
    assert str(caught.value) == f"module '{path}' contains no 'nothing'"
    assert resolve(package, "main", "nothing", silent=True) is None
    with pytest.raises(AttributeError, match="contains no 'handler'"):
        resolve(package, "main")
    with pytest.raises(ModuleNotFoundError):
        resolve(package, "none", silent=True)


@pytest.mark.parametrize(("text", "message"), [
    ("handler = None", "'handler' of module '.*main.py' is None"),
    ("handler = 5", "is of type int: a handler must be callable"),
    ("async def handler(req): pass", "is a coroutine function"),
    ("class C:\n    async def __call__(self, req): pass\nhandler = C()",
     "is a coroutine function"),
    ("class C:\n    async def m(self, req): pass\nhandler = C().m",
     "is a coroutine function"),
    ("import functools\nasync def f(a, req): pass\n"
     "handler = functools.partial(f, 1)", "is a coroutine function"),
])
def test_not_a_handler(package: Package, text: str, message: str) -> None:
    package.write("main.py", text)
    with pytest.raises(TypeError, match=message):
        resolve(package, "main")


@pytest.mark.parametrize("text", [
    "class C:\n    def __call__(self, req): return req\nhandler = C()",
    "class C:\n    def m(self, req): return req\nhandler = C().m",
    "import functools\ndef f(a, req): return req\n"
    "handler = functools.partial(f, 1)",
    "handler = abs",
])
def test_callables(package: Package, text: str) -> None:
    package.write("main.py", text)
    assert resolve(package, "main")(3) == 3


CLASSES = """\
class Page:
    made = []
    def __init__(self, req):
        self.req = req
        self.made.append(req)
        self.number = req + 1
    def handler(self, req):
        return self.req, req
    async def later(self, req):
        pass
    class Inner:
        def __init__(self, req):
            self.req = req
        def handler(self, req):
            return 'inner', self.req, req
page = Page(0)
"""


def test_classes_on_the_way(package: Package) -> None:
    package.write("main.py", CLASSES)
    handler = resolve(package, "main", "Page.handler")
    assert handler(7) == (7, 7)
    assert handler(8) == (8, 8)
    assert sys.modules["main"].Page.made == [0, 7, 8]
    assert resolve(package, "main", "Page.Inner.handler")(5) == ("inner", 5, 5)
    assert resolve(package, "main", "page.handler")(5) == (0, 5)
    with pytest.raises(AttributeError, match="nothing"):
        resolve(package, "main", "page.nothing")
    with pytest.raises(AttributeError, match="nothing"):
        resolve(package, "main", "Page.nothing")(1)
    with pytest.raises(TypeError, match="must be callable"):
        resolve(package, "main", "Page.number")(1)
    with pytest.raises(TypeError, match="coroutine"):
        resolve(package, "main", "Page.later")(1)


def test_resolve_object(package: Package) -> None:
    package.write("main.py", CLASSES)
    module = package.load("main")
    find = package.apache.resolve_object
    assert find(module, "Page") is module.Page
    assert find(module, "Page.number", 4) == 5
    assert find(module, "nothing", silent=1) is None
    with pytest.raises(AttributeError, match="contains no 'nothing'"):
        find(module, "nothing.more")


def test_module_mtime(package: Package) -> None:
    path = package.write("main.py", "")
    module = package.load("main")
    assert package.apache.module_mtime(module) == path.stat().st_mtime
    assert package.apache.module_mtime(sys) == 0
    path.unlink()
    assert package.apache.module_mtime(module) == 0


# -- sys.path -----------------------------------------------------------------


def test_directory_is_prepended_once(package: Package) -> None:
    package.write("a/main.py", "def handler(req): pass")
    package.write("b/main.py", "def handler(req): pass")
    before = list(sys.path)
    for folder in "aba":
        resolve(package, "main", folder=folder)
    assert sys.path == [package.folder("b"), package.folder("a"), *before]


def test_directory_that_is_there_already(package: Package) -> None:
    package.write("main.py", "def handler(req): pass")
    sys.path.append(package.folder().rstrip("/"))
    before = list(sys.path)
    resolve(package, "main")
    assert sys.path == before


def test_location_prepends_nothing(package: Package) -> None:
    package.write("main.py", "def handler(req): pass")
    before = list(sys.path)
    with pytest.raises(ModuleNotFoundError):
        resolve(package, "main", location=True)
    assert sys.path == before


def test_python_path_is_exact(package: Package) -> None:
    package.write("a/main.py", "def handler(req): pass")
    package.write("lib/other.py", "def handler(req): pass")
    before = list(dict.fromkeys(sys.path))  # a directory is in it once
    resolve(package, "main", folder="a")
    expression = f"sys.path + [{package.folder('lib')!r}]"
    exact = [*before, package.folder("lib")]
    package.dispatch.set_path(expression)
    assert sys.path == exact
    resolve(package, "other", folder="a", python_path=expression)
    assert sys.path == exact
    # and back: one puts its directory, the other takes it away
    count = package.httpd.invalidated
    resolve(package, "main", folder="a")
    assert sys.path == [package.folder("a"), *exact]
    assert package.httpd.invalidated > count
    count = package.httpd.invalidated
    resolve(package, "other", folder="a", python_path=expression)
    assert sys.path == exact
    assert package.httpd.invalidated > count


def test_python_paths_do_not_add_up(package: Package) -> None:
    before = list(dict.fromkeys(sys.path))  # a directory is in it once
    for expression in ("sys.path + ['/x']", "['/y'] + sys.path",
                       "sys.path + ['/x']"):
        package.dispatch.set_path(expression)
    assert sys.path == [*before, "/x"]


def test_python_path_is_evaluated_once(package: Package) -> None:
    package.apache.count = []
    for _ in range(3):
        package.dispatch.set_path("count.append(1) or ['/x']")
        package.dispatch.set_path("['/y']")
    assert package.apache.count == [1]
    assert sys.path == ["/y"]


def test_python_path_names(package: Package) -> None:
    package.dispatch.set_path("[sys.prefix, os.sep, str(OK), *sys.path[:1]]")
    assert sys.path[:3] == [sys.prefix, os.sep, "0"]


def test_python_path_takes_path_objects(package: Package) -> None:
    package.dispatch.set_path("[__import__('pathlib').Path('/x')]")
    assert sys.path == ["/x"]


@pytest.mark.parametrize(("expression", "error", "text"), [
    ("5", TypeError, "must be a list, not int"),
    ("'/x'", TypeError, "must be a list, not str"),
    ("[5]", TypeError, "5 is of type int"),
    ("[b'/x']", TypeError, "of type bytes"),
    ("[", SyntaxError, ""),
    ("nothing", NameError, "nothing"),
])
def test_bad_python_paths(package: Package, expression: str,
                          error: type[Exception], text: str) -> None:
    before = list(sys.path)
    with pytest.raises(error, match=text or None):
        package.dispatch.set_path(expression)
    assert sys.path == before


def test_sys_path_is_never_shortened_in_place(package: Package) -> None:
    before = sys.path
    package.dispatch.set_path("['/x']")
    assert len(before) > 1
    assert sys.path is not before


# -- the rest -----------------------------------------------------------------


def test_run_import(package: Package) -> None:
    package.write("start.py", "count = []\ndef go(): count.append(1)")
    path = f"[{package.folder()!r}] + sys.path"
    package.dispatch.run_import("start", None, True, path, True)
    package.dispatch.run_import("start", "go", True, path, True)
    assert sys.modules["start"].count == [1]
    with pytest.raises(AttributeError, match="contains no 'stop'"):
        package.dispatch.run_import("start", "stop", True, path, True)


def test_run_exit(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[object] = []

    def fail(data: object) -> None:
        order.append(data)
        raise ValueError("nope")

    fake: Any = types.ModuleType("atexit")
    fake._run_exitfuncs = lambda: order.append("atexit")
    monkeypatch.setitem(sys.modules, "atexit", fake)
    package.dispatch.run_exit([(order.append, 1, None), (fail, 2, "server"),
                               (order.append, 3, None)])
    assert order == [3, 2, 1, "atexit"]
    [(server, level, text)] = package.httpd.server_log
    assert (server, level) == ("server", 3)
    assert text.startswith("MP0411: cleanup ")
    assert "ValueError: nope" in text


def test_pdb(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    import bdb
    import pdb

    class Fake(pdb.Pdb):
        def runcall(self, function: Any, *args: Any, **kw: Any) -> Any:
            if args == (0,):
                self.left = True
                return None
            return function(*args)

    monkeypatch.setattr(pdb, "Pdb", Fake)
    assert package.dispatch.call_pdb(abs, -3) == 3
    with pytest.raises(bdb.BdbQuit):
        package.dispatch.call_pdb(abs, 0)


def test_import_needs_no_big_modules() -> None:
    """What every interpreter imports at its start."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    program = """
import sys, types
before = set(sys.modules)
class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return int
sys.modules['_apache'] = Fake('_apache')
sys.modules['_apache']._import_hook = lambda original, *args: original
from mod_python import apache, _dispatch, _report
new = {name.partition('.')[0] for name in set(sys.modules) - before}
print(*sorted(new - {'mod_python', '_apache'}))
"""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", program],
                          cwd=root, capture_output=True, text=True,
                          check=True)
    big = {"logging", "email", "json", "re", "inspect", "traceback",
           "threading", "typing", "asyncio", "urllib", "html", "contextlib",
           "collections", "functools", "pdb", "io"}
    assert not big & set(done.stdout.split())
