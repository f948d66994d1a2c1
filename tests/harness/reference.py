# Licensed under the Apache License, Version 2.0; see LICENSE.
"""wsgiref.simple_server, and whether another server answers like it.

python -m harness.reference module:name serves that application, prints its
port and ends when its standard input does.
"""
from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .raw import Connection, RawResponse

# What belongs to the server and to the connection, not to the application.
SERVERS_OWN = {"date", "server", "connection", "keep-alive",
               "transfer-encoding"}


@dataclass(frozen=True)
class Request:
    """One request that two servers are asked to answer."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass
class Answer:
    """What a client sees of the application."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    length: str | None = field(compare=False)  # Content-Length

    @classmethod
    def of(cls, response: RawResponse) -> Answer:
        bodiless = response.status in (204, 304)
        left_out = {*SERVERS_OWN, "content-length"}
        if bodiless:  # of what, and httpd leaves it out
            left_out.add("content-type")
        headers = sorted((name.lower(), _plain(name.lower(), value))
                         for name, value in response.headers
                         if name.lower() not in left_out)
        return cls(f"{response.status} {response.reason}", headers,
                   response.body,
                   None if bodiless else response.header("Content-Length"))


def _plain(name: str, value: str) -> str:
    """What is compared of a value: not the order of a set of methods, how
    httpd writes Vary, the second of an answer."""
    if name in ("allow", "vary"):
        return ", ".join(sorted(map(str.strip, value.split(","))))
    return "" if name == "expires" else value


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(WSGIServer):
    def server_bind(self) -> None:
        super().server_bind()
        self.server_name = "localhost"  # not what DNS makes of 127.0.0.1
        self.setup_environ()

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that has gone is no news."""


@contextmanager
def serving(application: Any) -> Iterator[int]:
    """The port on which simple_server serves the application."""
    with _Server(("127.0.0.1", 0), _Quiet) as server:
        server.set_app(application)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, request: Request, host: str = "www.example.test"
        ) -> Answer:
    """The answer on a connection of its own."""
    with Connection(port) as connection:
        connection.send_request(
            request.path, request.method,
            [*request.headers, ("Connection", "close")], request.body, host)
        return Answer.of(connection.read_response(request.method))


def differences(port: int, reference: int, requests: Iterable[Request]
                ) -> list[str]:
    """Where the two servers do not answer alike."""
    found = []
    for request in requests:
        got, wanted = ask(port, request), ask(reference, request)
        lengths = {got.length, wanted.length} - {None}
        # a server may find out a length by itself, never another one
        if got != wanted or len(lengths) > 1:
            found.append(f"{request}:\n     got {got}\n  wanted {wanted}")
    return found


if __name__ == "__main__":
    _module, _, _name = sys.argv[1].partition(":")
    with serving(getattr(importlib.import_module(_module), _name)) as _port:
        print(_port, flush=True)
        sys.stdin.read()
