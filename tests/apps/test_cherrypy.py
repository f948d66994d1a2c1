# Licensed under the Apache License, Version 2.0; see LICENSE.
"""CherryPy through its own mod_python front end, cherrypy._cpmodpy.

The front end sends everything as text/plain: it compares the names of headers,
which are bytes, with str.
"""
from __future__ import annotations

import pytest
from applications import give_away, install, page

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently

CONFIG = """
<Location "/">
    SetHandler python-program
    PythonHandler cherrypy._cpmodpy::handler
    PythonOption cherrypy.setup cherrypy_site::setup_server
</Location>
"""


def configure(env: Env) -> None:
    install(env, "cherrypy_site.py")
    env.write(str(env.handlers / "big.css"), "p { color: red }\n" * 10_000)
    sessions = env.directory("var/sessions")
    give_away(sessions)
    env.environ["SITE_SESSIONS"] = str(sessions)


@pytest.fixture(autouse=True)
def deprecated(log: ErrorLog) -> None:
    """The front end uses conn.remote_addr, which says so once a process."""
    log.allow("MP0200")


def test_pages(client: Client) -> None:
    page(client, "/", "<p>index</p>")
    page(client, "/hello?name=%C3%A4&x=1&y=", "hello ä [('x', '1'), ('y', '')]")
    page(client, "/hello/positional", "hello positional")
    page(client, "/inside", "hello inside")
    assert client.text("/stream").count("line ") == 100


def test_told(client: Client, mpm: str) -> None:
    got = client.json("/told?a=%20b", headers={"X-Sent": "1"})
    assert got == {"method": "GET", "path": "/told", "query": "a=%20b",
                   "login": None, "header": "1", "remote": "127.0.0.1",
                   "base": f"http://127.0.0.1:{client.port}",
                   "multithread": mpm != "prefork"}


def test_posts(client: Client) -> None:
    sent = client.post("/hello", {"name": "ä&b", "x": "1"})
    assert sent.content.decode() == "hello ä&b [('x', '1')]"
    assert client.json("/json", "POST", json={"a": [1, "ä"]}) == {
        "sent": {"a": [1, "ä"]}}
    response = client.post("/upload", {"text": "t"}, files={
        "file": ("x.bin", bytes(range(256)) * 1000, "a/b")})
    assert response.text == "t x.bin a/b 256000"


def test_login(client: Client) -> None:
    page(client, "/private", "log in first", 403)
    response = client.post("/login", {"user": "joe"})
    assert response.status_code == 303
    assert response.headers["Location"].endswith("/private")
    page(client, "/private", "hello joe")


def test_basic(client: Client) -> None:
    assert client.get("/secret").status_code == 401
    assert client.get("/secret", auth=("joe", "wrong")).status_code == 401
    assert client.get("/secret", auth=("joe", "secret")).text == "for joe"


def test_static(client: Client) -> None:
    first = client.get("/static/big.css")
    assert (first.status_code, len(first.content)) == (200, 170_000)
    again = client.get("/static/big.css", headers={
        "If-Modified-Since": first.headers["Last-Modified"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/static/big.css").headers["Content-Length"] == "170000"


def test_errors(client: Client, log: ErrorLog) -> None:
    page(client, "/nowhere", "404 Not Found", 404)
    page(client, "/static/nowhere.css", "404 Not Found", 404)
    page(client, "/hello/too/many", "404 Not Found", 404)
    assert client.post("/json", b"{no json", headers={
        "Content-Type": "application/json"}).status_code == 400
    page(client, "/error", "500 Internal Server Error", 500)


def test_many_clients(httpd: Httpd) -> None:
    def ask(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/hello/{number}")

    assert concurrently(ask, 60) == [f"hello {n} []" for n in range(60)]
