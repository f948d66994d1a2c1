# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Django through mod_python.wsgi, with its admin site."""
from __future__ import annotations

from applications import (
    FORM,
    MULTIPART,
    UPLOAD,
    command,
    give_away,
    hidden,
    install,
    page,
    reference,
    wsgi,
)

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.reference import Request, differences
from harness.tools import concurrently

CONFIG = wsgi("django_site")


def configure(env: Env) -> None:
    install(env, "django_site.py")
    env.write(str(env.handlers / "big.css"), "p { color: red }\n" * 10_000)
    env.environ["SITE_DATABASE"] = str(env.var / "site.db")
    command(env, "-c", "import django_site; django_site.make_database()",
            SITE_DATABASE=env.environ["SITE_DATABASE"])
    give_away(env.var)


REQUESTS = [
    *(Request(path) for path in (
        "/", "/?a=b", "/hello/world", "/hello/%C3%A4%20b/c", "/form", "/sent",
        "/sent?a=1&a=2&b=%C3%A4", "/nowhere", "/nowhere/%C3%A4", "/get",
        "/stream", "/download", "/cookies", "/missing", "/gone", "/error",
        "/static/django_site.py", "/static/big.css", "/static/missing.css",
        "/static/", "/admin/", "/admin", "/admin/auth/user/")),
    *(Request(f"/status/{code}") for code in (200, 201, 204, 304, 404, 503)),
    Request("/sent", headers=(("User-Agent", "Test/1.0"),
                              ("Accept-Language", "de"))),
    Request("/sent", "POST", FORM, b"a=1&a=2&b=%C3%A4+c"),
    Request("/sent", "POST", MULTIPART, UPLOAD),
    Request("/sent", "PUT", FORM, b"a=1"),
    Request("/sent", "DELETE"),
    Request("/sent?x", "OPTIONS"),
    Request("/get", "POST", FORM, b""),
    Request("/get", "HEAD"),
    Request("/form/", "POST", FORM, b"text=forged"),
    Request("/raw", "POST", (("Content-Type", "a/b"),), b"\0\xff" * 100_000),
    Request("/cookies", headers=(("Cookie", "a=b; c=\"d e\""),)),
    Request("/static/big.css", headers=(
        ("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT"),)),
    Request("/static/big.css", "HEAD"),
]


def test_as_the_reference_server(httpd: Httpd, env: Env, log: ErrorLog
                                 ) -> None:
    assert len(REQUESTS) >= 40
    log.allow(r"\[python:error\]")  # what Django tells of 4xx and 5xx
    with reference(env, "django_site:application") as port:
        found = differences(httpd.port(), port, REQUESTS)
    assert not found, "\n".join(found)


def log_in(client: Client) -> None:
    login = page(client, "/admin/login/?next=/admin/", "csrfmiddlewaretoken")
    response = client.post("/admin/login/?next=/admin/", {
        "csrfmiddlewaretoken": hidden(login, "csrfmiddlewaretoken"),
        "username": "joe", "password": "secret"})
    assert (response.status_code, response.headers["Location"]) == (
        302, "/admin/")


def test_admin(client: Client) -> None:
    """A login, pages behind it, and a form that changes the database."""
    assert client.get("/admin/").status_code == 302
    log_in(client)
    page(client, "/admin/", "Site administration")
    form = page(client, "/admin/auth/group/add/", "Add group")
    response = client.post("/admin/auth/group/add/", {
        "csrfmiddlewaretoken": hidden(form, "csrfmiddlewaretoken"),
        "name": "Käfer & Co"})
    assert response.status_code == 302, response.text
    page(client, "/admin/auth/group/", "Käfer &amp; Co")


def test_wrong_password(client: Client) -> None:
    login = page(client, "/admin/login/", "csrfmiddlewaretoken")
    response = client.post("/admin/login/", {
        "csrfmiddlewaretoken": hidden(login, "csrfmiddlewaretoken"),
        "username": "joe", "password": "wrong"})
    assert "Please enter the correct" in response.text


def test_form(client: Client) -> None:
    form = page(client, "/form/", "csrfmiddlewaretoken")
    response = client.post("/form/", {
        "text": "<sent>",
        "csrfmiddlewaretoken": hidden(form, "csrfmiddlewaretoken")})
    assert "<p>&lt;sent&gt;</p>" in response.text
    assert client.post("/form/", {"text": "x"}).status_code == 403


def test_error_in_the_log(client: Client, log: ErrorLog) -> None:
    page(client, "/error", "Server Error (500)", 500)
    log.expect("Internal Server Error: /error")
    log.allow(r"\[python:error\]")  # the lines of the traceback


def test_many_clients(httpd: Httpd) -> None:
    def ask(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/hello/{number}")

    assert concurrently(ask, 60) == [f"hello {n}" for n in range(60)]
