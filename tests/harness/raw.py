# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that sends exactly the bytes it is given."""
from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from .codec import decode
from .tools import PATIENCE, reset


class IncompleteError(AssertionError):
    """The server closed the connection in the middle of a response."""

    partial: RawResponse | None = None  # as far as it came


@dataclass
class RawResponse:
    """A response as it came; header names keep their case."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[RawResponse] = field(default_factory=list)  # 1xx before it

    def header(self, name: str) -> str | None:
        """The values of a header, joined with ", "; None if missing."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers
                if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")

    def json(self) -> Any:
        return json.loads(self.body, object_hook=decode)


class Connection:
    """One TCP (or TLS) connection to 127.0.0.1."""

    def __init__(self, port: int, timeout: float = 10.0,
                 tls: ssl.SSLContext | None = None,
                 server_name: str = "localhost") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port),
                                               timeout * PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket,
                                          server_hostname=server_name)
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    # -- sending --------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_request(self, target: str | bytes = "/", method: str = "GET",
                     headers: Iterable[tuple[str, str | bytes]] = (),
                     body: bytes | None = None, host: str = "localhost",
                     version: str = "HTTP/1.1") -> None:
        """Sends a request; Content-Length is added when body is given."""
        if isinstance(target, str):
            target = target.encode("utf-8", "surrogateescape")
        lines = [method.encode() + b" " + target + b" " + version.encode(),
                 b"Host: " + host.encode()]
        for name, value in headers:
            if isinstance(value, str):
                value = value.encode("utf-8", "surrogateescape")
            lines.append(name.encode() + b": " + value)
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        self.send(b"\r\n".join([*lines, b"", body or b""]))

    def send_chunk(self, data: bytes) -> None:
        """One chunk of a chunked body; the empty one ends it."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def half_close(self) -> None:
        """Nothing more will be sent; answers can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Closes with RST."""
        reset(self.socket)

    def close(self) -> None:
        self.socket.close()

    # -- receiving --------------------------------------------------------

    def _fill(self) -> bool:
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def read_line(self) -> bytes:
        while b"\n" not in self._buffer:
            if not self._fill():
                raise IncompleteError(f"closed after {self._buffer!r}")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise IncompleteError(
                    f"closed, {size - len(self._buffer)} bytes missing")
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def read_some(self) -> bytes:
        """What there is, waiting for the first byte; b'' at the end."""
        if not self._buffer:
            self._fill()
        data, self._buffer = self._buffer, b""
        return data

    def read_all(self) -> bytes:
        """Everything until the server closes."""
        while self._fill():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def closed(self) -> bool:
        """Waits; True if the server closes without sending anything."""
        try:
            return not self._buffer and not self._fill()
        except ConnectionResetError:
            return True

    def _read_headers(self) -> list[tuple[str, str]]:
        headers = []
        while line := self.read_line():
            name, _, value = line.decode("utf-8",
                                         "surrogateescape").partition(":")
            headers.append((name, value.strip(" \t")))
        return headers

    def read_head(self) -> RawResponse:
        """Status line and headers; the body is left unread."""
        line = self.read_line().decode("utf-8", "surrogateescape")
        version, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        assert version.startswith("HTTP/"), f"no status line: {line!r}"
        return RawResponse(int(code), reason, version, self._read_headers())

    def _read_chunks(self, response: RawResponse) -> None:
        while size := int(self.read_line().partition(b";")[0], 16):
            response.chunks.append(self.read_exactly(size))
            assert self.read_line() == b""
        response.trailers = self._read_headers()
        response.body = b"".join(response.chunks)

    def read_response(self, method: str = "GET") -> RawResponse:
        """One whole response; 1xx ones before it are in .interim."""
        interim = []
        response = self.read_head()
        while 100 <= response.status < 200 and response.status != 101:
            interim.append(response)
            response = self.read_head()
        response.interim = interim
        length = response.header("Content-Length")
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        try:
            if (response.header("Transfer-Encoding")
                    or "").lower() == "chunked":
                self._read_chunks(response)
            elif length is not None:
                response.body = self.read_exactly(int(length))
            else:
                response.body = self.read_all()
        except IncompleteError as error:
            response.body = b"".join(response.chunks) + self._buffer
            error.partial = response
            raise
        return response

    def request(self, target: str | bytes = "/", method: str = "GET",
                headers: Iterable[tuple[str, str | bytes]] = (),
                body: bytes | None = None, host: str = "localhost",
                version: str = "HTTP/1.1") -> RawResponse:
        """Sends a request and reads its response."""
        self.send_request(target, method, headers, body, host, version)
        return self.read_response(method)
