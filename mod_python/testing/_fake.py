# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A request without httpd, and what ``from mod_python import apache`` needs
outside httpd.

What a fake answers is what the test has put there: nothing here knows HTTP,
runs phases or reads configuration. Behaviour of httpd is tested with Server.
"""

from __future__ import annotations

import sys
import types
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any

from mod_python.testing import _constants


class FakeTable:
    """A table of headers, notes or options: names in any case, several values."""

    def __init__(self, items: Any = ()) -> None:
        self._pairs: list[tuple[str, str]] = []
        pairs = items.items() if hasattr(items, "items") else items
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: Any) -> None:
        """One more value for a name."""
        text = str(value)
        if any(char in f"{name}{text}" for char in "\r\n\0"):
            raise ValueError("a table holds no CR, LF or NUL")
        self._pairs.append((name, text))

    def getlist(self, name: str) -> list[str]:
        return [text for one, text in self._pairs if one.lower() == name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        return (self.getlist(name) or [default])[0]

    def setdefault(self, name: str, value: Any = "") -> Any:
        if name not in self:
            self.add(name, value)
        return self[name]

    def update(self, items: Mapping[str, Any]) -> None:
        for name, value in items.items():
            self[name] = value

    def clear(self) -> None:
        self._pairs = []

    def copy(self) -> FakeTable:
        return FakeTable(self._pairs)

    def __getitem__(self, name: str) -> Any:
        found = self.getlist(name)
        if not found:
            raise KeyError(name)
        return found[0] if len(found) == 1 else found

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self:
            del self[name]
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._pairs = [
            pair for pair in self._pairs if pair[0].lower() != name.lower()]

    def __contains__(self, name: object) -> bool:
        return bool(self.getlist(str(name)))

    has_key = __contains__

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FakeTable):
            return self._pairs == other._pairs
        return dict(self._pairs) == other

    __hash__ = None  # type: ignore[assignment]

    def items(self) -> list[tuple[str, str]]:
        return list(self._pairs)

    def keys(self) -> list[str]:
        return [name for name, _ in self._pairs]

    def values(self) -> list[str]:
        return [text for _, text in self._pairs]

    def __repr__(self) -> str:
        return f"FakeTable({self._pairs!r})"


class _Server:
    """req.server"""

    def __init__(self, options: FakeTable) -> None:
        self.server_hostname = "localhost"
        self.port = 80
        self.is_virtual = 0
        self._options = options

    def get_options(self) -> FakeTable:
        return self._options

    def get_config(self) -> FakeTable:
        return FakeTable()


class _Connection:
    """req.connection"""

    def __init__(self, server: _Server) -> None:
        self.base_server = server
        self.client_ip = "127.0.0.1"
        self.client_addr = ("127.0.0.1", 50000)
        self.local_addr = ("127.0.0.1", 80)
        self.remote_host = None
        self.aborted = 0
        self.notes = FakeTable()


class FakeRequest:
    """A request for handlers under test.

    uri: with arguments after ``?``. headers, options: what req.headers_in and
    req.get_options() hold. body: bytes, or str as UTF-8. Any other keyword
    sets an attribute of that name, as a handler finds it (``user="joe"``).

    After the handler: ``output`` (bytes), ``status``, ``content_type``,
    ``headers_out``, ``log`` (a list of (level, text)), ``redirected`` (of
    internal_redirect()), ``handlers`` (of add_handler()). ``end()`` runs what
    register_cleanup() was given.
    """

    def __init__(
        self,
        method: str = "GET",
        uri: str = "/",
        *,
        body: bytes | str = b"",
        headers: Any = (),
        options: Any = (),
        **attributes: Any,
    ) -> None:
        self.method = method
        self.unparsed_uri = uri
        path, mark, args = uri.partition("?")
        self.uri = path
        self.args: str | None = args if mark else None
        self.protocol = "HTTP/1.1"
        self.the_request = f"{method} {uri} HTTP/1.1"
        self.filename = "/htdocs" + path
        self.path_info: str | None = ""
        self.hostname: str | None = "localhost"
        self.extension: str | None = None
        self.interpreter = "main_interpreter"
        self.phase = "PythonHandler"
        self.handler: str | None = "mod_python"
        self.user: str | None = None
        self.ap_auth_type: str | None = None
        self.main = self.prev = self.next = None
        self.headers_in = FakeTable({"Host": "localhost"})
        for name, value in headers.items() if hasattr(headers, "items") else headers:
            self.headers_in.add(name, value)
        self.headers_out = FakeTable()
        self.err_headers_out = FakeTable()
        self.notes = FakeTable()
        self.subprocess_env = FakeTable()
        self.status = 200
        self.status_line: str | None = None
        self.content_type: str | None = None
        self.server = _Server(FakeTable())
        self.connection = _Connection(self.server)
        self.useragent_ip = "127.0.0.1"
        data = body.encode() if isinstance(body, str) else body
        self._body = BytesIO(data)
        self._size = len(data)
        if data and "Content-Length" not in self.headers_in:
            self.headers_in["Content-Length"] = len(data)
        self._options = FakeTable(options)
        self._directory: str | None = None
        self._debug = False
        self._auto_reload = True
        self.output = b""
        self.log: list[tuple[int, str]] = []
        self.redirected: str | None = None
        self.handlers: list[tuple[str, Any]] = []
        self._cleanups: list[tuple[Callable[[Any], object], Any]] = []
        for name, value in attributes.items():
            setattr(self, name, value)

    # -- the body --

    def read(self, len: int | None = -1, /) -> bytes:
        return self._body.read(len)

    def readline(self, len: int | None = -1, /) -> bytes:
        return self._body.readline(len)

    def readlines(self, sizehint: int | None = -1, /) -> list[bytes]:
        return self._body.readlines(sizehint or -1)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    @property
    def remaining(self) -> int:
        return self._size - self._body.tell()

    @property
    def read_length(self) -> int:
        return self._body.tell()

    def discard_request_body(self) -> int:
        self._body.read()
        return 0

    # -- the response --

    @property
    def header_only(self) -> int:
        return int(self.method == "HEAD")

    @property
    def bytes_sent(self) -> int:
        return len(self.output)

    @property
    def _content_type_set(self) -> int:
        return int(self.content_type is not None)

    def write(self, data: Any, flush: int = True) -> None:
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        elif isinstance(data, (int, bool)) or data is None:
            raise TypeError(f"write() takes text or bytes, not {type(data).__name__}")
        self.output += bytes(data)

    def flush(self) -> None:
        """Nothing: output is there at once."""

    def sendfile(self, path: Any, offset: int = 0, len: int = -1) -> int:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(len)
        self.output += data
        return data.__len__()

    def set_content_length(self, length: int, /) -> None:
        self.headers_out["Content-Length"] = length

    def internal_redirect(self, uri: str, /) -> None:
        self.redirected = uri

    def meets_conditions(self) -> int:
        return 0

    # -- what httpd knows --

    def get_basic_auth_pw(self) -> str | None:
        """Decodes the Authorization header and sets user, as httpd does."""
        scheme, _, rest = self.headers_in.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        user, _, password = b64decode(rest).decode().partition(":")
        self.user, self.ap_auth_type = user, "Basic"
        return password

    def get_options(self) -> FakeTable:
        return self._options

    def get_config(self) -> FakeTable:
        return FakeTable()

    def get_remote_host(self, *_: Any) -> str:
        return self.useragent_ip

    def document_root(self) -> str:
        return "/htdocs"

    def is_https(self) -> int:
        return 0

    def allow_methods(self, methods: Iterable[str | int], reset: int = False, /
                      ) -> None:
        self.headers_out["Allow"] = ", ".join(map(str, methods))

    def add_handler(self, phase: str, handler: Any, dir: Any = None) -> None:
        self.handlers.append((phase, handler))

    def add_common_vars(self) -> None:
        self.subprocess_env["REQUEST_METHOD"] = self.method

    def log_error(self, message: Any, level: int = 3) -> None:
        if message is not None:
            self.log.append((level, str(message)))

    def register_cleanup(self, callable: Callable[[Any], object], data: Any = None
                         ) -> None:
        self._cleanups.append((callable, data))

    def end(self) -> None:
        """The end of the request: cleanups, last registered first."""
        while self._cleanups:
            function, data = self._cleanups.pop()
            function(data)


# -- the builtin module ----------------------------------------------------------


class _Apache(types.ModuleType):
    """_apache, as far as the package asks for it when it is imported."""

    def __init__(self) -> None:
        super().__init__("_apache", "A stand-in for tests; see mod_python.testing.")
        names = self.__dict__
        names.update(_constants.TEXTS)
        names.update(_constants.NUMBERS)
        names["SERVER_RETURN"] = type("SERVER_RETURN", (Exception,), {})
        names["HandlerTimeout"] = type("HandlerTimeout", (BaseException,), {})
        names["table"] = FakeTable
        names["phases"] = ()
        for name in ("mp_request", "mp_server", "mp_conn", "mp_filter"):
            names[name] = type(name, (), {})

    @staticmethod
    def _import_hook(original: Any, _hook: Any, _loader_type: type) -> Any:
        return original  # ordinary imports are what tests want

    @staticmethod
    def log_error(message: Any, level: int = 3, server: Any = None) -> None:
        print(message, file=sys.stderr)

    @staticmethod
    def _log(level: int, message: Any) -> None:
        print(message, file=sys.stderr)

    @staticmethod
    def current_request() -> None:
        """Nothing is served."""

    @staticmethod
    def current_interpreter() -> str:
        return "main_interpreter"

    @staticmethod
    def main_server() -> Any:
        return _Server(FakeTable())

    @staticmethod
    def _count(what: str) -> None:
        """Nobody looks."""

    @staticmethod
    def _invalidate() -> None:
        """Nothing is kept."""

    @staticmethod
    def _request_lock(req: Any, index: int, wait: object) -> bool:
        return True

    @staticmethod
    def _request_unlock(req: Any, index: int) -> None:
        """Nothing was locked."""

    @staticmethod
    def mpm_query(code: int) -> int:
        return 1  # one process, and threads

    @staticmethod
    def server_root() -> str:
        return "/"

    @staticmethod
    def exists_config_define(name: str) -> bool:
        return False

    @staticmethod
    def config_tree() -> list[Any]:
        return []

    @staticmethod
    def stat(fname: Any, wanted: int) -> Any:
        raise NotImplementedError("apache.stat() needs httpd")

    @staticmethod
    def register_cleanup(*_: Any) -> None:
        """There is no child that ends."""

    @staticmethod
    def _wsgi_handler(*_: Any) -> Callable[[Any], int]:
        def handler(req: Any) -> int:
            raise NotImplementedError("mod_python.wsgi needs httpd")

        return handler


def fake_apache() -> None:
    """Makes ``from mod_python import apache`` work outside httpd.

    Call it before modules of handlers are imported, at the top of conftest.py
    or of the test module. Constants and exceptions are there, so are
    mod_python.util, Cookie, Session and the others; what asks httpd itself
    gives dummies. Inside httpd, and when called again, it does nothing.
    """
    if "_apache" not in sys.modules and "_apache" not in sys.builtin_module_names:
        sys.modules["_apache"] = _Apache()
