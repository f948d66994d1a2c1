# SPDX-License-Identifier: Apache-2.0
"""One way to say "request this" over HTTP/1.1, TLS and HTTP/2, and a virtual
host to say it to."""
from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

import pytest

from . import sanitizer
from .env import Env
from .http2 import Http2
from .httpd import Httpd
from .raw import Connection, IncompleteError, RawResponse
from .tls import Authority

KINDS = ("http", "https", "h2")

# For CONFIG: port 1 speaks TLS, and HTTP/2 where httpd can.
TLS_HOST = """\
<VirtualHost *:${PORT1}>
    ServerName localhost
    <IfModule http2_module>
        Protocols h2 http/1.1
    </IfModule>
    SSLEngine On
    SSLCertificateFile "${ROOT}/localhost.pem"
    SSLCertificateKeyFile "${ROOT}/localhost.key"
</VirtualHost>
"""


def add_tls(env: Env) -> None:
    """For configure(): the modules and the certificate of TLS_HOST."""
    env.modules.append("ssl")
    if env.mpm != "prefork":  # which mod_http2 does not support
        env.modules.append("http2")
    Authority(env.root).issue("localhost")


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


def connect(httpd: Httpd, kind: str) -> Channel:
    """To a server with TLS_HOST; skips the test where it cannot do that."""
    if kind == "h2" and httpd.env.mpm == "prefork":
        pytest.skip("mod_http2 does not work under prefork")
    tls = Authority.context_of(httpd.env.root) if kind != "http" else None
    return Channel(kind, httpd.port(0 if kind == "http" else 1), tls,
                   10.0 * sanitizer.slowdown())
