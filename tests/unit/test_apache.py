# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.apache over a fake _apache; CGI and logging."""
from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from dispatch_fakes import Package

ROOT = Path(__file__).parents[2]


def test_outside_httpd() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from mod_python import apache"], cwd=ROOT,
        capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("ImportError: mod_python.apache works inside httpd")
    assert done.stderr.count("Traceback") == 1


def test_names(package: Package) -> None:
    apache = package.apache
    assert apache.OK == 0
    assert apache.exists_config is apache.exists_config_define
    assert apache.interpreter == "main_interpreter"
    assert apache.main_server is package.httpd.server
    assert apache.make_table({"a": "b"}) == {"a": "b"}
    assert apache.mp_version == sys.modules["mod_python"].mp_version
    with pytest.raises(AttributeError, match="nothing"):
        _ = apache.nothing
    missing = [name for name in apache.__all__ if not hasattr(apache, name)]
    assert not missing
    assert {"LogHandler", "OK", "interpreter"} <= set(dir(apache))


def test_interpreter_is_asked_each_time(package: Package) -> None:
    package.httpd.current_interpreter = (  # type: ignore[method-assign]
        lambda: "other")
    assert package.apache.interpreter == "other"


def test_allow_methods(package: Package) -> None:
    with pytest.raises(RuntimeError, match="serves no request"):
        package.apache.allow_methods("GET")
    seen: list[Any] = []
    package.httpd.request = types.SimpleNamespace(allow_methods=seen.append)
    package.apache.allow_methods("GET", "POST")
    assert seen == [("GET", "POST")]


def test_current_configuration(package: Package) -> None:
    apache = package.apache
    assert apache.get_current_config() == {"of": "server"}
    assert apache.get_current_options() == {"of": "server"}
    assert apache.get_handler_root() is None
    package.httpd.request = types.SimpleNamespace(
        get_config=lambda: {"of": "request"},
        get_options=lambda: {"of": "request"}, _directory="/x/")
    assert apache.get_current_config() == {"of": "request"}
    assert apache.get_current_options() == {"of": "request"}
    assert apache.get_handler_root() == "/x/"


def test_register_cleanup(package: Package) -> None:
    package.apache.register_cleanup(print, 5)
    assert package.httpd.cleanups == [("main_interpreter", None, print, 5)]


def test_forms_in_apache(package: Package) -> None:
    httpd: Any = package.httpd
    assert httpd.parse_qs("a=1&a=2") == {"a": ["1", "2"]}
    assert httpd.parse_qsl(b"a=1;b=2", keep_blank_values=1) == [
        (b"a", b"1;b=2")]


# -- LogHandler -----------------------------------------------------------------


@pytest.mark.parametrize(("number", "level"), [
    (logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4),
    (logging.INFO, 6), (logging.DEBUG, 7), (5, 8), (25, 6), (100, 2),
])
def test_levels(package: Package, number: int, level: int) -> None:
    handler = package.apache.LogHandler()
    handler.emit(logging.LogRecord("n", number, "f", 1, "hello %s", ("x",),
                                   None))
    assert package.httpd.log == [(level, "hello x")]


def test_log_of_a_server(package: Package) -> None:
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "text", (), None)
    handler = package.apache.LogHandler("server")
    handler.emit(record)
    assert package.httpd.server_log == [("server", 3, "text")]
    package.httpd.request = object()
    handler.emit(record)
    assert package.httpd.log == [(3, "text")]


def test_handler_errors(package: Package,
                        monkeypatch: pytest.MonkeyPatch) -> None:
    handler = package.apache.LogHandler()
    seen: list[Any] = []
    monkeypatch.setattr(handler, "handleError", seen.append)
    record = logging.LogRecord("n", 20, "f", 1, "%d", ("x",), None)
    handler.emit(record)
    assert seen == [record]


# -- CGI -------------------------------------------------------------------------


class Headers(dict[str, str]):
    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.added: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        self.added.append((name, value))


class Request:
    def __init__(self, body: bytes = b"") -> None:
        self.filename = "script.py"
        self.body = io.BytesIO(body)
        self.sent = b""
        self.status = 200
        self.status_line: str | None = None
        self.content_type: str | None = None
        self.length = -1
        self.headers_in = {"Authorization": "Basic eDp5"}
        self.headers_out = Headers()
        self.subprocess_env: dict[str, Any] = {}

    def add_common_vars(self) -> None:
        self.subprocess_env["SERVER_NAME"] = "localhost"

    def add_cgi_vars(self) -> None:
        self.subprocess_env["REQUEST_METHOD"] = "GET"
        self.subprocess_env["NOTHING"] = None

    def readinto(self, buffer: Any) -> int:
        return self.body.readinto(buffer)

    def write(self, data: Any, flush: int = 1) -> None:
        assert not flush
        self.sent += bytes(data)

    def set_content_length(self, length: int) -> None:
        self.length = length


def test_cgi_env(package: Package) -> None:
    assert package.apache.build_cgi_env(Request()) == {
        "SERVER_NAME": "localhost", "REQUEST_METHOD": "GET",
        "HTTP_AUTHORIZATION": "Basic eDp5"}


def test_setup_and_restore(package: Package) -> None:
    before = (os.environ, sys.stdin, sys.stdout)
    req = Request(b"caf\xc3\xa9\nmore")
    old = package.apache.setup_cgi(req)
    try:
        assert old == before
        assert os.environ["REQUEST_METHOD"] == "GET"
        assert os.environ["PATH"] == before[0]["PATH"]
        assert sys.stdin.readline() == "café\n"
        assert sys.stdin.buffer.read() == b""
        assert sys.stdin.read() == "more"
        print("Content-Type: text/plain\n\nhello é")
    finally:
        package.apache.restore_nocgi(*old)
    assert (os.environ, sys.stdin, sys.stdout) == before
    assert req.content_type == "text/plain"
    assert req.sent.decode() == "hello é\n"


def test_binary_stdin(package: Package) -> None:
    data = bytes(range(256)) * 100
    assert package.apache.CGIStdin(Request(data)).buffer.read() == data
    lines = list(package.apache.CGIStdin(Request(b"a\r\nb\n")))
    assert lines == ["a\r\n", "b\n"]


HEAD = (b"Status: 404 Not here\r\nContent-type: text/html\r\n"
        b"Content-Length: 3\r\nX-One: 1\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\n\r\nabc")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_headers_of_programs(package: Package, size: int) -> None:
    req = Request()
    out = package.apache.CGIStdout(req)
    for start in range(0, len(HEAD), size):
        out.buffer.write(HEAD[start:start + size])
    out.finish()
    assert req.status == 404
    assert req.status_line == "404 Not here"
    assert req.content_type == "text/html"
    assert req.length == 3
    assert req.headers_out.added == [
        ("X-One", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert req.sent == b"abc"


def test_location(package: Package) -> None:
    req = Request()
    print("Location: /x\n", file=package.apache.CGIStdout(req))
    assert req.status == 302
    assert req.headers_out["Location"] == "/x"


@pytest.mark.parametrize(("text", "message"), [
    ("no header\n\n", "not a header"),
    ("Status: bad\n\n", "not a status"),
    ("x" * 70000, "do not end"),
])
def test_bad_headers(package: Package, text: str, message: str) -> None:
    out = package.apache.CGIStdout(Request())
    with pytest.raises(ValueError, match=message):
        out.write(text)


def test_unfinished_headers(package: Package) -> None:
    out = package.apache.CGIStdout(Request())
    out.write("Content-Type: text/plain\n")
    with pytest.raises(ValueError, match="within its headers"):
        out.finish()


def test_null_io(package: Package) -> None:
    null = package.apache.NullIO()
    assert null.write("text") == 4
    assert null.read() == null.readline() == ""
    assert list(null) == []
