# SPDX-License-Identifier: Apache-2.0
"""One way to say "request this" over HTTP/1.1, TLS and HTTP/2."""
from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from .http2 import Http2
from .raw import Connection, IncompleteError, RawResponse

KINDS = ("http", "https", "h2")


@dataclass
class Outcome:
    """What a client saw of a response."""

    status: int  # 0: there was none
    body: bytes
    complete: bool


class Channel:
    """A connection that requests follow each other on."""

    def __init__(self, kind: str, port: int, tls: ssl.SSLContext | None = None,
                 timeout: float = 10.0) -> None:
        self.kind = kind
        self.peer: Connection | Http2
        if kind == "h2":
            self.peer = Http2(port, timeout, tls)
        else:
            self.peer = Connection(port, timeout, tls)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.peer.close()

    def request(self, target: str, method: str = "GET",
                headers: Iterable[tuple[str, str]] = (),
                body: bytes | None = None) -> Outcome:
        """One exchange, whatever becomes of it."""
        response: RawResponse | None
        try:
            response = self.peer.request(target, method, headers, body)
        except IncompleteError as error:
            response = error.partial
            complete = False
        except ConnectionError:
            response = None
            complete = False
        else:
            complete = True
        if response is None:
            return Outcome(0, b"", complete)
        return Outcome(response.status, response.body, complete)

    def in_step(self, target: str, answer: bytes) -> bool:
        """Is this the next answer? True too when the server has closed, as
        HTTP/1.1 may do."""
        outcome = self.request(target)
        if outcome.status == 0 and not outcome.body:
            return self.kind != "h2"
        return (outcome.status, outcome.body, outcome.complete) == (
            200, answer, True)
