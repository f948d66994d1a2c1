# Licensed under the Apache License, Version 2.0; see LICENSE.
"""For tests of handlers: a real httpd as a pytest fixture, and a request that
needs none.

With a real httpd, in conftest.py::

    pytest_plugins = ["mod_python.testing"]

and in a test::

    def test_hello(httpd_server):
        server = httpd_server("hello", path="src")
        assert server.get("/").text == "Hello World!"

Without httpd, for the logic of a handler::

    from mod_python import testing
    testing.fake_apache()     # before the handler's module is imported
    import hello

    def test_hello():
        req = testing.FakeRequest(uri="/x")
        assert hello.handler(req) == 0
        assert req.output == b"Hello World!"
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mod_python.testing._fake import FakeRequest, FakeTable, fake_apache
from mod_python.testing._server import Log, Response, Server

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FakeRequest",
    "FakeTable",
    "Log",
    "Response",
    "Server",
    "fake_apache",
    "httpd_server",
]

try:
    import pytest
except ImportError:  # the classes are of use without it
    pass
else:

    @pytest.fixture
    def httpd_server() -> Iterator[Any]:
        """A function that starts a Server with its arguments, ready for
        requests. At the end of the test all of them are stopped, and errors
        of Python in their logs that no ``log.expect()`` has named fail it."""
        servers: list[Server] = []

        def start(*arguments: Any, **options: Any) -> Server:
            server = Server(*arguments, **options)
            servers.append(server)
            server.start()
            return server

        yield start
        problems = []
        for server in servers:
            server.stop()
            problems += server.log.unexpected()
            server.remove()
        assert not problems, "in the error log:\n" + "\n".join(problems)
