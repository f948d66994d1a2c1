# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The issue tracker Roundup through its own mod_python front end,
roundup.cgi.apache."""
from __future__ import annotations

import re

from applications import command, give_away, hidden, install, page

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently

CONFIG = """
<Location /tracker>
    SetHandler mod_python
    PythonHandler roundup.cgi.apache
    PythonOption TrackerHome ${ROOT}/var/tracker
</Location>
<Location /no-home>
    SetHandler mod_python
    PythonHandler roundup.cgi.apache
</Location>
"""


def configure(env: Env) -> None:
    install(env)
    home = env.directory("var/tracker")

    def admin(*arguments: str) -> None:
        command(env, "-m", "roundup.scripts.roundup_admin", "-i", home,
                *arguments)

    settings = {"tracker_web": env.url("/tracker/"), "mail_host": "localhost",
                "mail_domain": "example.test", "mail_debug": "/dev/null"}
    admin("install", "classic", "sqlite", ",".join(
        f"{name}={value}" for name, value in settings.items()))
    admin("initialise", "secret")
    give_away(home)


def log_in(client: Client) -> None:
    index = page(client, "/tracker/", "Login")
    response = client.post("/tracker/", {
        "__login_name": "admin", "__login_password": "secret",
        "@action": "Login", "@csrf": hidden(index, "@csrf"),
        "__came_from": client.base + "/tracker/"},
        headers={"Referer": client.base + "/tracker/"})
    assert response.status_code in (200, 302), response.text
    assert "Logout" in client.get("/tracker/").text


def test_pages(client: Client) -> None:
    response = page(client, "/tracker/", "<title>")
    assert response.headers["Content-Type"].startswith("text/html")
    page(client, "/tracker/issue", "Login")
    page(client, "/tracker/user?@template=register", "register")


def test_static(client: Client) -> None:
    style = client.get("/tracker/@@file/style.css")
    assert style.status_code == 200
    assert style.headers["Content-Type"].startswith("text/css")
    assert "body" in style.text


def test_an_issue(client: Client) -> None:
    """Login, a new issue, changing it, finding it in the list."""
    log_in(client)
    form = page(client, "/tracker/issue?@template=item", "@csrf")
    response = client.post(
        "/tracker/issue", {
            "title": "Brëaks & <b>urns", "@action": "new", "priority": "1",
            "@note": "It does.", "@csrf": hidden(form, "@csrf"),
            "@required": "title,priority", "@template": "item"},
        files={"@file": ("report.txt", b"how it breaks\n" * 500, "text/plain")},
        headers={"Referer": client.base + "/tracker/"})
    assert response.status_code == 302, response.text
    found = re.search(r"/tracker/(issue\d+)", response.headers["Location"])
    assert found, response.headers
    issue = page(client, f"/tracker/{found[1]}", "It does.")
    assert "Brëaks &amp; &lt;b&gt;urns" in issue.text
    page(client, "/tracker/issue", "Brëaks")
    attached = re.search(r"file\d+/report.txt", issue.text)
    assert attached
    assert client.get(f"/tracker/{attached[0]}").content == (
        b"how it breaks\n" * 500)


def test_errors(client: Client, log: ErrorLog) -> None:
    assert client.get("/tracker/issue4711").status_code == 404
    # the front end does not catch these
    assert client.get("/tracker/nothing").status_code == 500
    log.expect("MP0400: .*NotFound: nothing")
    assert client.get("/tracker/@@file/none.css").status_code == 500
    log.expect("MP0400: .*NotFound: none.css")
    assert client.get("/no-home").status_code == 500
    log.expect("TrackerHome missing or invalid")


def test_forged(client: Client, log: ErrorLog) -> None:
    """Nothing is changed with another token than the form's."""
    log_in(client)
    response = client.post("/tracker/issue", {
        "title": "forged", "@action": "new", "priority": "1",
        "@csrf": "forged"})
    assert response.status_code != 302
    log.expect("Csrf mismatch")
    assert "forged" not in client.get("/tracker/issue").text


def test_many_clients(httpd: Httpd) -> None:
    def ask(number: int) -> int:
        with Client(httpd.port(), 30) as client:
            return client.get("/tracker/issue").status_code

    assert concurrently(ask, 20, 4) == [200] * 20
