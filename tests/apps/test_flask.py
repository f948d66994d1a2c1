# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Flask through mod_python.wsgi."""
from __future__ import annotations

from applications import FORM, MULTIPART, UPLOAD, install, page, reference, wsgi

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.reference import Request, differences
from harness.tools import concurrently

CONFIG = wsgi("flask_site")


def configure(env: Env) -> None:
    install(env, "flask_site.py")
    env.write(str(env.handlers / "big.css"), "p { color: red }\n" * 10_000)


JSON = (("Content-Type", "application/json"),)
REQUESTS = [
    *(Request(path) for path in (
        "/", "/?a=b", "/hello/world", "/hello/%C3%A4%20b/c", "/json",
        "/json?a=1&a=2&b=%C3%A4", "/missing", "/missing/%C3%A4", "/login",
        "/private", "/logout", "/cookies", "/etag", "/stream", "/slow",
        "/static/flask_site.py", "/static/big.css", "/static/missing.css",
        "/form", "/error", "/hello/")),
    *(Request(f"/status/{code}") for code in (200, 201, 204, 304, 404, 418)),
    *(Request(f"/abort/{code}") for code in (400, 403, 404, 410, 503)),
    Request("/json", headers=(("Accept-Language", "en;q=0.5, de"),
                              ("User-Agent", "Test/1.0"))),
    Request("/json", "POST", JSON, b'{"a": [1, null, "\xc3\xa4"]}'),
    Request("/json", "POST", JSON, b"{no json"),
    Request("/json", "PUT", JSON, b"[]"),
    Request("/json", "DELETE"),
    Request("/json", "OPTIONS"),
    Request("/form", "POST", FORM, b"a=1&a=2&b=%C3%A4+c"),
    Request("/form", "POST", MULTIPART, UPLOAD),
    Request("/raw", "POST", (("Content-Type", "a/b"),), b"\0\xff" * 100_000),
    Request("/raw", "POST", (("Content-Type", "a/b"),), b""),
    Request("/cookies", headers=(("Cookie", "a=b; c=\"d e\""),)),
    Request("/static/big.css", headers=(("Range", "bytes=100-199"),)),
    Request("/private", headers=(("Cookie", "session=forged"),)),
]


def test_as_the_reference_server(httpd: Httpd, env: Env, log: ErrorLog
                                 ) -> None:
    assert len(REQUESTS) >= 40
    log.allow(r"\[python:error\]")  # Flask tells of /error line by line
    with reference(env, "flask_site:application") as port:
        found = differences(httpd.port(), port, REQUESTS)
    assert not found, "\n".join(found)


def test_login(client: Client) -> None:
    assert client.get("/private").status_code == 401
    response = client.post("/login", {"user": "jöe"})
    assert (response.status_code, response.headers["Location"]) == (
        302, "/private")
    assert page(client, "/private", "hello jöe")
    assert client.get("/logout").status_code == 303
    assert client.get("/private").status_code == 401


def test_conditional_file(client: Client) -> None:
    first = client.get("/static/big.css")
    assert len(first.content) == 170_000
    again = client.get("/static/big.css", headers={
        "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_too_large(client: Client) -> None:
    response = client.post("/form", b"x" * 1_000_001, headers={
        "Content-Type": "application/x-www-form-urlencoded"})
    assert response.status_code == 413


def test_error_in_the_log(client: Client, log: ErrorLog) -> None:
    page(client, "/error", "Internal Server Error", 500)
    log.expect("ZeroDivisionError: wanted")
    log.allow(r"\[python:error\]")  # the lines of the traceback


def test_many_clients(httpd: Httpd) -> None:
    def ask(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/hello/{number}")

    answers = concurrently(ask, 60)
    assert all(f"<p>{number}</p>" in answer
               for number, answer in enumerate(answers))
