# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Small stand-ins for httpd: a request, its tables, the module apache.

What the library asks of a request is here, and nothing more. The fixture
httpd_fake puts the modules in place for one test module.
"""
from __future__ import annotations

import importlib
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest


class ServerReturn(Exception):
    """apache.SERVER_RETURN"""


class Table:
    """A header table: case-insensitive names, several values."""

    def __init__(self, pairs: Any = ()) -> None:
        self.pairs: list[tuple[str, str]] = []
        for name, value in dict(pairs).items():
            self.add(name, value)

    def add(self, name: str, value: Any) -> None:
        for text in (name, str(value)):
            if any(char in text for char in "\r\n\0"):
                raise ValueError("bad header")
        self.pairs.append((name, str(value)))

    def getlist(self, name: str) -> list[str]:
        return [v for n, v in self.pairs if n.lower() == name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        return (self.getlist(name) or [default])[0]

    def __getitem__(self, name: str) -> Any:
        found = self.getlist(name)
        if not found:
            raise KeyError(name)
        return found[0] if len(found) == 1 else found

    def __setitem__(self, name: str, value: Any) -> None:
        del self[name]
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        self.pairs = [p for p in self.pairs if p[0].lower() != name.lower()]

    def __contains__(self, name: str) -> bool:
        return bool(self.getlist(name))

    has_key = __contains__

    def items(self) -> list[tuple[str, str]]:
        return list(self.pairs)

    def keys(self) -> list[str]:
        return [name for name, _ in self.pairs]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


class Server:
    def __init__(self) -> None:
        self.options = Table()
        self.server_hostname = "localhost"

    def get_options(self) -> Table:
        return self.options


class HList:
    def __init__(self, directory: str | None = None) -> None:
        self.directory = directory
        self.is_location = 0
        self.location = None


class Request:
    """A request without httpd. Keywords replace attributes."""

    def __init__(self, body: bytes = b"", **attributes: Any) -> None:
        self.method = "GET"
        self.args: str | None = None
        self.uri = "/"
        self.filename: str | None = None
        self.path_info: str | None = ""
        self.extension: str | None = None
        self.user: str | None = None
        self.main = self.prev = None
        self.interpreter = "test"
        self.status = 200
        self.allowed: list[str] = []
        self.headers_in = Table()
        self.headers_out = Table()
        self.err_headers_out = Table()
        self.notes = Table()
        self.subprocess_env = Table()
        self.options = Table()
        self.server = Server()
        self.hlist: Any = HList()
        self.log: list[str] = []
        self.output = b""
        self.flushes = 0
        self.sent_bodyct = self.eos_sent = 0
        self.content_type: str | None = None
        self.read_length = 0
        self.root = "/htdocs"
        self.https = 0
        self.auth: str | None = None
        self.cleanups: list[tuple[Callable[[Any], Any], Any]] = []
        self.session_locks: Counter[int] = Counter()
        self._debug = False
        self._auto_reload = True
        for name, value in attributes.items():
            setattr(self, name, value)
        self.body = BytesIO(body)
        self.size = len(body)
        if body:
            self.headers_in["Content-Length"] = len(body)

    @property
    def header_only(self) -> bool:
        return self.method == "HEAD"

    @property
    def remaining(self) -> int:
        return self.size - self.body.tell()

    @property
    def _content_type_set(self) -> bool:
        return self.content_type is not None

    def read(self, size: int = -1) -> bytes:
        data = self.body.read(size)
        self.read_length += len(data)
        return data

    def write(self, data: Any, flush: int = 1) -> None:
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self.output += bytes(data)
        self.flushes += bool(flush)

    def flush(self) -> None:
        self.flushes += 1

    def log_error(self, message: str, level: int = 3) -> None:
        self.log.append(message)

    def get_options(self) -> Table:
        return self.options

    def document_root(self) -> str:
        return self.root

    def is_https(self) -> int:
        return self.https

    def allow_methods(self, methods: list[str], reset: object = 0) -> None:
        self.allowed = list(methods)

    def register_cleanup(self, function: Callable[[Any], Any],
                         data: Any = None) -> None:
        self.cleanups.append((function, data))

    def end(self) -> None:
        """What httpd does at the end of a request."""
        while self.cleanups:
            function, data = self.cleanups.pop()
            function(data)


def _apache_names(module: Any) -> None:
    module.SERVER_RETURN = ServerReturn
    module.OK, module.DECLINED, module.DONE = 0, -1, -2
    for name, value in {
        "OK": 200, "MOVED_PERMANENTLY": 301, "MOVED_TEMPORARILY": 302,
        "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "FORBIDDEN": 403,
        "NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405,
        "REQUEST_ENTITY_TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415,
        "INTERNAL_SERVER_ERROR": 500,
    }.items():
        setattr(module, "HTTP_" + name, value)
    for number, name in enumerate(
            "EMERG ALERT CRIT ERR WARNING NOTICE INFO DEBUG".split()):
        setattr(module, "APLOG_" + name, number)
    module.AP_MPMQ_IS_THREADED, module.AP_MPMQ_MAX_DAEMONS = 2, 12
    module.mpm_query = lambda code: {2: 1, 12: 4}[code]
    module.interpreter = "test"
    module.main_server = Server()
    module.import_module = importlib.import_module
    module.APR_FINFO_TYPE, module.APR_REG = 0x8000, 1
    module.stat = lambda name, _wanted: types.SimpleNamespace(
        filetype=int(Path(name).is_file()))


def _lock_functions(module: Any) -> None:
    module.locks = []  # what the lock functions were called with

    def lock(server: Any, key: Any, index: int = -1) -> int:
        module.locks.append(("lock", key, index))
        return 1

    def unlock(server: Any, key: Any, index: int = -1) -> None:
        module.locks.append(("unlock", key, index))

    def root_of(req: Any) -> Any:
        while (outer := req.main or req.prev) is not None:
            req = outer
        return req

    def request_lock(req: Any, index: int, wait: object) -> bool:
        root = root_of(req)
        if not root.session_locks[index]:
            lock(None, "", index)

            def release(_data: Any) -> None:
                if root.session_locks[index]:
                    root.session_locks[index] = 1
                    request_unlock(root, index)

            root.register_cleanup(release)
        root.session_locks[index] += 1
        return True

    def request_unlock(req: Any, index: int) -> None:
        root = root_of(req)
        if root.session_locks[index]:
            root.session_locks[index] -= 1
            if not root.session_locks[index]:
                unlock(None, "", index)

    module._request_lock = request_lock
    module._request_unlock = request_unlock
    module._instance = lambda: (0, 1)
    module._global_lock = lock
    module._global_trylock = lock
    module._global_unlock = unlock


@pytest.fixture(scope="module")
def httpd_fake() -> Iterator[Any]:
    """Fake modules mod_python.apache and _apache (the same one).

    Modules that were imported with them are forgotten afterwards, so that
    other tests can bring fakes of their own.
    """
    import mod_python

    before = {name: module for name, module in sys.modules.items()
              if name == "_apache" or name.startswith("mod_python.")}
    for name in before:
        del sys.modules[name]
    had = getattr(mod_python, "apache", None)
    fake = types.ModuleType("mod_python.apache")
    _apache_names(fake)
    _lock_functions(fake)
    sys.modules["mod_python.apache"] = sys.modules["_apache"] = fake
    mod_python.apache = fake  # type: ignore[attr-defined]
    yield fake
    for name in list(sys.modules):
        if name == "_apache" or name.startswith("mod_python."):
            del sys.modules[name]
    sys.modules.update(before)
    for name, module in before.items():
        if name.count(".") == 1:
            setattr(mod_python, name.partition(".")[2], module)
    if had is None:
        del mod_python.apache  # type: ignore[attr-defined]


def write(path: Path, text: str | bytes) -> Path:
    """Makes a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
