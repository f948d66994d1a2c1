# SPDX-License-Identifier: Apache-2.0
"""The everyday client: requests, with a timeout and no proxies."""
from __future__ import annotations

import json
import ssl
from types import TracebackType
from typing import Any
from urllib.parse import quote

import requests

from .codec import decode
from .raw import Connection
from .tools import PATIENCE


class Client:
    """Talks to one port of one server."""

    def __init__(self, port: int, timeout: float = 10.0,
                 scheme: str = "http", verify: str | None = None) -> None:
        self.port = port
        self.timeout = timeout * PATIENCE
        self.base = f"{scheme}://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False  # no proxies, no .netrc
        if verify is not None:
            self.session.verify = verify  # the CA of a test

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.session.close()

    def request(self, method: str, path: str, **options: Any
                ) -> requests.Response:
        options.setdefault("timeout", self.timeout)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.base + path, **options)

    def get(self, path: str = "/", **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str = "/", data: Any = b"", **options: Any
             ) -> requests.Response:
        return self.request("POST", path, data=data, **options)

    def head(self, path: str = "/", **options: Any) -> requests.Response:
        return self.request("HEAD", path, **options)

    def text(self, path: str = "/", method: str = "GET", **options: Any
             ) -> str:
        """The body of a response that must have status 200."""
        response = self.request(method, path, **options)
        assert response.status_code == 200, (
            f"{method} {path}: {response.status_code}\n{response.text}")
        return response.content.decode("utf-8", "surrogateescape")

    def json(self, path: str = "/", method: str = "GET", **options: Any
             ) -> Any:
        """What the handler gave to mptest.reply()."""
        return json.loads(self.text(path, method, **options),
                          object_hook=decode)

    def eval(self, expression: str, path: str = "/", method: str = "GET",
             headers: dict[str, str] | None = None, **options: Any) -> Any:
        """The value of a Python expression inside a handler.

        The names req and apache are known; path is what comes after
        /-eval. Needs mptest.evaluate in the configuration, which the
        default one has.
        """
        return self.json("/-eval" + path, method, headers={
            **(headers or {}), "X-Eval": quote(expression)}, **options)

    def raw(self, timeout: float | None = None,
            tls: ssl.SSLContext | None = None) -> Connection:
        """A connection for exact bytes; use it in a with statement."""
        return Connection(self.port, timeout or self.timeout, tls)
