# SPDX-License-Identifier: Apache-2.0
"""The example of the manual, word for word."""
from __future__ import annotations

from pathlib import Path

from harness.client import Client
from harness.env import HANDLER_SOURCES, Env
from harness.httpd import Httpd
from harness.tools import concurrently

HELLO = """\
from mod_python import apache

def requesthandler(req):
    req.content_type = "text/plain"
    req.write("Hello World!")
    return apache.OK
"""

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler hello
</Directory>
"""


def configure(env: Env) -> None:
    env.write("hello.py", HELLO)
    del env.environ["PYTHONPATH"]  # the directory alone leads to hello.py


def test_hello(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.text == "Hello World!"
    assert response.headers["Content-Type"] == "text/plain"


def test_any_path(client: Client) -> None:
    assert client.text("/no/such/file?x=1") == "Hello World!"


def test_many_requests(httpd: Httpd) -> None:
    def fetch(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/{number}")

    assert set(concurrently(fetch, 100)) == {"Hello World!"}


def test_server_header(client: Client) -> None:
    assert " mod_python/" in client.get("/").headers["Server"]


def test_restarts(httpd: Httpd, client: Client) -> None:
    for restart in (httpd.graceful, httpd.restart):
        restart()
        client.close()
        assert client.text("/") == "Hello World!"


def test_one_process(httpd: Httpd) -> None:
    httpd.stop()
    httpd.start(one_process=True)
    with Client(httpd.port()) as client:
        assert client.text("/") == "Hello World!"
    httpd.stop()
    httpd.start()


def test_example_is_this_one() -> None:
    example = Path(HANDLER_SOURCES.parents[1], "examples", "hello", "hello.py")
    assert HELLO in example.read_text()
