# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A real httpd for tests: its configuration, its life, a client, its log."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from mod_python import _serverconf
from mod_python._install import Installation
from mod_python._process import Process, StartError
from mod_python.cli._places import free_port
from mod_python.cli._siteconf import MODULES, python_lines
from mod_python.cli._target import quoted

PATIENCE = 30.0  # seconds

_CONFIG = """\
ServerRoot {root}
{modules}
Define ROOT {root}
Define DOCROOT {docroot}
Define PORT {port}
Listen 127.0.0.1:{port}
ServerName localhost:{port}
PidFile httpd.pid
DefaultRuntimeDir {root}
ErrorLog error.log
ErrorLogFormat "[%{{c}}t] [%-m:%-l] %M"
LogLevel warn python:info
TypesConfig mime.types
DocumentRoot {docroot}
<Directory />
    Require all denied
</Directory>
<Directory {docroot}>
    Require all granted
    AllowOverride All
</Directory>
{handler}
Include {include}
"""
_HANDLER = """\
<Location "/">
    SetHandler mod_python
    PythonHandler {handler}
</Location>"""

_BAD = re.compile(r"^\[[^]]*\] \[python:(error|crit|alert|emerg)\] ")
# lines of a traceback have the same level as their first line, which has a code
_CODE = re.compile(r"\] (MP\d{4})\b")


@dataclass(frozen=True)
class Response:
    """What a server has answered."""

    status: int
    reason: str
    headers: Message  # case-insensitive; get_all() for repeated ones
    body: bytes

    @property
    def text(self) -> str:
        """The body in the charset of the response, UTF-8 without one."""
        return self.body.decode(self.headers.get_content_charset() or "utf-8")

    def json(self) -> Any:
        return json.loads(self.body)


class Log:
    """The error log of a server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._expected: list[re.Pattern[str]] = []

    def lines(self) -> list[str]:
        try:
            text = self.path.read_text("utf-8", "backslashreplace")
        except FileNotFoundError:
            return []
        return text.splitlines()

    def text(self) -> str:
        return "\n".join(self.lines())

    def expect(self, pattern: str, timeout: float = 5.0) -> str:
        """Waits for a line that matches a regular expression, and returns it.

        Such lines, and the traceback after them, are in order then. Raises
        AssertionError after timeout seconds.
        """
        search = re.compile(pattern)
        self._expected.append(search)
        deadline = time.monotonic() + timeout
        while True:
            for line in self.lines():
                if search.search(line):
                    return line
            assert time.monotonic() < deadline, (
                f"no line {pattern!r} in the error log:\n{self.text()}")
            time.sleep(0.02)

    def unexpected(self) -> list[str]:
        """Lines of Python from level error on that no expect() has named."""
        found = []
        excused = False
        for line in self.lines():
            if not _BAD.match(line):
                continue
            if any(search.search(line) for search in self._expected):
                excused = True
            elif _CODE.search(line) or not excused:
                excused = False
                found.append(line)
        return found


class Server:
    """An httpd of its own, on a free port of 127.0.0.1.

    handler: what PythonHandler names for all URLs, module or module::object;
    None: nothing, config says it all. config: more directives, in which
    ``${DOCROOT}``, ``${ROOT}`` and ``${PORT}`` are known. path: a directory
    or several, for sys.path of handlers (relative to the current one).
    modules: httpd's, beyond the usual ones, named without ``mod_`` (ssl).
    environ: more environment variables. mpm: event, worker or prefork.

    A context manager; ``start()`` and ``stop()`` do the same by hand. When
    root runs the tests, httpd's children are another user, who must be able to
    read the handlers.
    """

    def __init__(
        self,
        handler: str | None = None,
        config: str = "",
        *,
        path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        modules: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
        mpm: str = "event",
        processes: int = 1,
        threads: int = 8,
        httpd: str | None = None,
    ) -> None:
        self.handler = handler
        self.config = config
        self.mpm = mpm
        self.modules = [*MODULES, *modules]
        self.workers = _serverconf.Workers(processes, threads)
        self.installation = Installation.find(httpd)
        several = [path] if isinstance(path, (str, os.PathLike)) else path
        self.path = [os.path.abspath(one) for one in several]
        self.environ = dict(environ or {})
        self.port = free_port("127.0.0.1")
        # not a directory of pytest's: httpd's children must be able to read it
        self.root = Path(tempfile.mkdtemp(prefix="mod_python-test-"))
        self.root.chmod(0o755)
        self.docroot = self.root / "htdocs"
        self.docroot.mkdir()
        self.docroot.chmod(0o755)
        self.log = Log(self.root / "error.log")
        self._process = Process(self.installation, self.root)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.remove()

    # -- life -------------------------------------------------------------------

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a file, relative to the document root, for httpd to read."""
        path = self.docroot / name
        for directory in reversed(path.relative_to(self.docroot).parents):
            made = self.docroot / directory
            made.mkdir(exist_ok=True)
            made.chmod(0o755)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o644)
        return path

    def start(self) -> None:
        """Starts httpd and waits until it serves.

        Raises AssertionError with what httpd says when it does not start.
        """
        self._write_config()
        paths = [*self.path, *filter(None, [os.environ.get("PYTHONPATH")])]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **self.environ}
        try:
            self._process.start(environ)
            self._process.wait_for_port("127.0.0.1", self.port, PATIENCE)
        except StartError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log.text()}") from None

    def _write_config(self) -> None:
        from mod_python._basic_config import MIME_TYPES

        (self.root / "mime.types").write_text(MIME_TYPES)
        names = [f"mpm_{self.mpm}", *self.modules]
        lines = [
            *_serverconf.load_lines(
                self.installation,
                [name for name in names
                 if name not in MODULES or self.installation.has(name)]),
            *python_lines(),
            *_serverconf.user_lines(),
            *self.workers.directives(self.mpm),
        ]
        handler = ""
        if self.handler is not None:
            handler = _HANDLER.format(handler=quoted(self.handler))
        include = self.root / "test.conf"
        include.write_text(self.config)
        (self.root / "httpd.conf").write_text(_CONFIG.format(
            root=self.root, docroot=self.docroot, port=self.port, handler=handler,
            modules="\n".join(lines), include=include))

    def stop(self) -> None:
        """Ends httpd and its children; nothing when it does not run."""
        self._process.stop()

    def remove(self) -> None:
        """Removes its files."""
        shutil.rmtree(self.root, ignore_errors=True)

    def restart(self) -> None:
        """Stops and starts it, with the configuration as it is now."""
        self.stop()
        self.start()

    # -- requests ---------------------------------------------------------------

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        path: str = "/",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = PATIENCE,
    ) -> Response:
        """One request on a connection of its own. Redirects are not followed."""
        if tls is None:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=timeout)
        else:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=timeout, context=tls)
        data = body.encode() if isinstance(body, str) else body
        try:
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, answer.reason, answer.headers,
                            answer.read())
        finally:
            connection.close()

    def get(self, path: str = "/", **options: Any) -> Response:
        return self.request("GET", path, **options)

    def post(self, path: str = "/", body: bytes | str = b"", **options: Any
             ) -> Response:
        return self.request("POST", path, body, **options)
