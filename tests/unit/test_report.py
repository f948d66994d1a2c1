# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Errors in the log and on the page."""
from __future__ import annotations

import builtins
import os
import re
import sys
import types
from typing import Any

import pytest
from dispatch_fakes import Package


class Request:
    """What a report does to a request."""

    def __init__(self, begun: bool = False) -> None:
        self.begun = begun
        self.pages: list[bytes] = []
        self.written: list[bytes] = []
        self.connection = types.SimpleNamespace(
            aborted=0, client_addr=("127.0.0.1", 1), local_addr=("::1", 2))
        self.server = types.SimpleNamespace(server_hostname="localhost")
        self.headers_in: dict[str, str] = {}
        self.headers_out = self.err_headers_out = self.headers_in
        self.the_request, self.method, self.uri = "GET / HTTP/1.1", "GET", "/"
        self.args = self.filename = self.user = None
        self.phase = "PythonHandler"

    def get_config(self) -> dict[str, str]:
        return {"PythonDebug": "1"}

    get_options = get_config

    def _error_page(self, body: bytes, content_type: str) -> bool:
        if not self.begun:
            self.pages.append(body)
            self.content_type = content_type
        return not self.begun

    def write(self, data: bytes) -> None:
        self.written.append(data)


def caught(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("no exception")


def divide() -> float:
    return 1 / 0


def test_lines(package: Package) -> None:
    status = package.report.report(None, "PythonHandler", "mod::f",
                                   caught(divide), False)
    assert status == 500
    lines = package.httpd.lines(3)
    assert lines[0] == ("MP0400: PythonHandler mod::f: uncaught exception: "
                        "ZeroDivisionError: division by zero")
    assert lines[1] == "PythonHandler mod::f: Traceback (most recent call last):"
    assert lines[-1] == ("PythonHandler mod::f: ZeroDivisionError: "
                         "division by zero")
    assert all(line.startswith("PythonHandler mod::f: ")
               for line in lines[1:])
    assert any("return 1 / 0" in line for line in lines)


def test_chained(package: Package) -> None:
    def fail() -> None:
        try:
            divide()
        except ZeroDivisionError as error:
            raise KeyError("x\ny") from error

    package.report.report(None, "PythonHandler", "m", caught(fail), False)
    text = "\n".join(package.httpd.lines(3))
    assert "ZeroDivisionError" in text
    assert "direct cause" in text
    assert "KeyError" in text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt,
                                  GeneratorExit])
def test_base_exceptions(package: Package, kind: type[BaseException]) -> None:
    error = kind("bye")
    assert package.report.report(None, "PythonHandler", "m", error,
                                 False) == 500
    assert f"{kind.__name__}: bye" in package.httpd.lines(3)[0]


def test_hostile_exceptions(package: Package) -> None:
    class Bad(Exception):
        def __str__(self) -> str:
            raise ValueError

        __repr__ = __str__

    assert package.report.report(None, "PythonHandler", "m", Bad(),
                                 True) == 500
    assert "its __str__ fails" in package.httpd.lines(3)[0]


def test_without_the_standard_library(package: Package,
                                      monkeypatch: pytest.MonkeyPatch
                                      ) -> None:
    real = builtins.__import__

    def no_traceback(name: str, *args: Any, **kw: Any) -> Any:
        if name == "traceback":
            raise ModuleNotFoundError("No module named 'traceback'")
        return real(name, *args, **kw)

    error = caught(divide)
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", no_traceback)
        package.report.report(None, "PythonHandler", "m", error, False)
    text = "\n".join(package.httpd.lines(3))
    assert "simplified" in text
    assert re.search(r'File ".*test_report.py", line \d+, in divide', text)
    assert text.endswith("ZeroDivisionError: division by zero")


# -- the page ------------------------------------------------------------------


def test_page(package: Package) -> None:
    def fail() -> None:
        raise ValueError("<b>&")

    req = Request()
    status = package.report.report(req, "PythonHandler", "mod<x>",
                                   caught(fail), True)
    assert status == -2
    [page] = req.pages
    text = page.decode()
    assert req.content_type == "text/html; charset=UTF-8"
    assert 'Mod_python error: "PythonHandler mod&lt;x&gt;"' in text
    assert "ValueError: &lt;b&gt;&amp;" in text
    assert "Interpreter: main_interpreter" in text
    assert f"Process: {os.getpid()}" in text
    assert f"Module file: {__file__}" in text
    assert not req.written


def test_piece_of_a_page(package: Package) -> None:
    req = Request()
    assert package.report.report(req, "PythonSSI", None,
                                 ValueError("<b>&"), True) == -2
    [page] = req.pages
    text = page.decode()
    assert text.startswith('<pre>\nMod_python error: "PythonSSI"')
    assert "ValueError: &lt;b&gt;&amp;" in text
    assert text.count("<") == 2


def test_page_that_cannot_be_made(package: Package) -> None:
    req = Request()
    del req.headers_in
    assert package.report.report(req, "PythonHandler", "m",
                                 ValueError("first"), True) == -2
    assert req.pages[0].startswith(b"<pre>")
    assert package.httpd.lines(3)[-1].startswith(
        "MP0401: PythonHandler m: the error page failed: AttributeError")


def test_page_with_bytes_of_no_encoding(package: Package) -> None:
    req = Request()
    for text in ("\udcff", "\ud800"):
        assert package.report.report(req, "PythonHandler", "m",
                                     ValueError(text), True) == -2
    assert b"\\udcff" in req.pages[0]
    assert b"\\ud800" in req.pages[1]


def test_page_after_output(package: Package) -> None:
    req = Request(begun=True)
    assert package.report.report(req, "PythonHandler", "m", caught(divide),
                                 True) == -2
    assert b"ZeroDivisionError" in req.written[0]


def test_filters(package: Package) -> None:
    filter_ = Request()
    filter_.is_input = 0  # type: ignore[attr-defined]
    report = package.report.report
    error = caught(divide)
    assert report(filter_, "PythonOutputFilter", "f", error, True) == -2
    assert b"PythonOutputFilter f" in filter_.pages[0]
    filter_.begun = True
    assert report(filter_, "PythonOutputFilter", "f", error, True) == 500
    assert not filter_.written


def test_no_page_without_debug(package: Package) -> None:
    req = Request()
    assert package.report.report(req, "PythonHandler", "m", caught(divide),
                                 False) == 500
    assert not req.pages


@pytest.mark.parametrize("what", ["PythonLogHandler", "PythonCleanupHandler",
                                  "PythonChildExitHandler"])
def test_no_page_in_late_phases(package: Package, what: str) -> None:
    req = Request()
    assert package.report.report(req, what, "m", caught(divide), True) == 500
    assert not req.pages


def test_no_page_for_others(package: Package) -> None:
    assert package.report.report(object(), "PythonConnectionHandler", "m",
                                 caught(divide), True) == 500


def test_page_that_fails(package: Package) -> None:
    req = Request()
    req._error_page = lambda *args: 1 / 0  # type: ignore[method-assign]
    assert package.report.report(req, "PythonHandler", "m",
                                 ValueError("first"), True) == 500
    assert package.httpd.lines(3)[-1].startswith(
        "MP0401: PythonHandler m: the error page failed: ZeroDivisionError")


def test_problem(package: Package) -> None:
    req = Request()
    assert package.report.problem(req, "PythonHandler", "m", "MP0304",
                                  "returned None", False) == 500
    assert package.httpd.lines(3) == [
        "MP0304: PythonHandler m: returned None"]
    assert package.report.problem(req, "PythonHandler", "m", "MP0304",
                                  "returned None", True) == -2
    assert b"returned None" in req.pages[0]
    assert package.report.problem(None, "PythonHandler", None, "MP0304",
                                  "returned None", True) == 500


# -- clients that went away -------------------------------------------------------


@pytest.mark.parametrize(("error", "aborted", "gone"), [
    (OSError("Write failed, client closed connection."), 0, True),
    (ConnectionResetError(104, "reset"), 1, True),
    (ConnectionResetError(104, "reset"), 0, False),
    (FileNotFoundError(2, "no file"), 1, False),
    (ValueError("Write failed, client closed connection."), 1, False),
])
def test_gone(package: Package, error: Exception, aborted: int,
              gone: bool) -> None:
    req = Request()
    req.connection.aborted = aborted
    status = package.report.report(req, "PythonHandler", "m", error, True)
    assert bool(package.httpd.lines(6)) is gone
    assert bool(package.httpd.lines(3)) is not gone
    assert bool(req.pages) is not gone
    assert status == -2


# -- frames -----------------------------------------------------------------------


def logged(package: Package, function: Any, *args: Any, **kw: Any) -> str:
    error = caught(lambda: function(*args, **kw))
    package.report.report(None, "PythonHandler", "m", error, False)
    return "\n".join(package.httpd.lines(3))


def test_our_frames_are_left_out(package: Package) -> None:
    package.write("main.py", "import leaf")
    package.write("leaf.py", "import third")
    package.write("third.py", "1 / 0")
    text = logged(package, package.load, "main")
    for name in ("main.py", "leaf.py", "third.py"):
        assert f"{package.folder()}{name}" in text
    assert "mod_python/_" not in text
    assert "frozen importlib" not in text


@pytest.mark.parametrize(("source", "text"), [
    ("x = ", "SyntaxError: invalid syntax"),
    ("import nothing_here", "No module named 'nothing_here'"),
    ("import leaf.x", "'leaf' is not a package"),
    ("from leaf import x", "cannot import name 'x' from 'leaf'"),
])
def test_errors_of_loading(package: Package, source: str, text: str) -> None:
    package.write("main.py", source)
    package.write("leaf.py", "")
    found = logged(package, package.load, "main")
    assert text in found
    assert "mod_python/_" not in found


def test_errors_of_resolving(package: Package) -> None:
    package.write("main.py", "handler = None")
    found = logged(package, package.dispatch.resolve, "main", None, "handler",
                   package.folder(), False, False, None, True, False, "main")
    assert "a handler must be callable" in found
    assert "mod_python/_" not in found
    found = logged(package, package.dispatch.resolve, "main", "x", "handler",
                   package.folder(), False, False, None, True, False, "main")
    assert "contains no 'x'" in found


def test_an_error_of_ours_keeps_its_place(package: Package) -> None:
    error = caught(package.record.closure, None)
    package.report.report(None, "PythonHandler", "m", error, False)
    assert "in closure" in "\n".join(package.httpd.lines(3))


# -- extensions -----------------------------------------------------------------------


@pytest.mark.parametrize(("message", "name"), [
    ("module _demo.core does not support loading in subinterpreters",
     "_demo.core"),
    ("PyO3 modules do not yet support subinterpreters, see ...", "given"),
    ("Interpreter change detected - this module can only be loaded into one "
     "interpreter per process.", "given"),
])
def test_extensions_that_refuse(package: Package, message: str,
                                name: str) -> None:
    def refuse() -> None:
        raise ImportError(message, name="given")

    def fail() -> None:
        try:
            refuse()
        except ImportError as error:
            raise RuntimeError("wrapped") from error

    package.report.report(None, "PythonHandler", "m", caught(fail), False)
    [line] = [line for line in package.httpd.lines(3)
              if line.startswith("MP0402")]
    assert f"extension module {name} does not work" in line
    assert "`PythonInterpreter main_interpreter`" in line


@pytest.mark.parametrize(("statement", "name"), [
    ("import pack.no_such", "pack.no_such"),
    ("from no_such import core", "no_such"),
    ("import json, no_such as other", "no_such"),
    ("from . import no_such", "pack.sub.no_such"),
    ("from .no_such import x, y", "pack.sub.no_such"),
    ("from ..no_such import x", "pack.no_such"),
    ("raise ImportError", None),
])
def test_what_was_imported(package: Package, monkeypatch: pytest.MonkeyPatch,
                           statement: str, name: str | None) -> None:
    for known in ("pack", "pack.sub"):
        module = types.ModuleType(known)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, known, module)

    class Refusing:
        @staticmethod
        def find_spec(name: str, *_args: Any) -> None:
            if name.endswith("no_such"):
                raise ImportError("cannot load module more than once")

    monkeypatch.setattr(sys, "meta_path", [Refusing, *sys.meta_path])
    error = caught(exec, compile(statement, "x.py", "exec"),
                   {"__name__": "pack.sub.mod", "__package__": "pack.sub"})
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != "x.py":
        tb = tb.tb_next
    assert package.report._imported_by(tb) == name


def test_refusing_extension_without_a_name(package: Package) -> None:
    package.write("main.py", "import wrapper")
    package.write("wrapper.py", "raise ImportError('cannot load module more "
                  "than once per process')")
    logged(package, package.load, "main")
    assert "extension module wrapper does" in package.httpd.lines(3)[-1]


def test_sys_is_untouched(package: Package) -> None:
    """report() is called with no exception being handled."""
    package.report.report(None, "PythonHandler", "m", caught(divide), False)
    assert sys.exc_info() == (None, None, None)
