# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Trac through its own mod_python front end, trac.web.modpython_frontend."""
from __future__ import annotations

import re

import pytest
from applications import command, give_away, hidden, install, page

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently

CONFIG = """
<Location /trac>
    SetHandler mod_python
    PythonHandler trac.web.modpython_frontend
    PythonInterpreter main_interpreter
    PythonOption TracEnv ${ROOT}/var/trac
    PythonOption TracUriRoot /trac
</Location>
<Location /trac/login>
    AuthType Basic
    AuthName trac
    AuthUserFile "${ROOT}/conf/passwords"
    Require valid-user
</Location>
"""
JOE = ("joe", "test")


def configure(env: Env) -> None:
    install(env)
    home = env.root / "var" / "trac"

    def admin(*arguments: str) -> None:
        command(env, "-W", "ignore", "-m", "trac.admin.console", str(home),
                *arguments)

    admin("initenv", "A Project", "sqlite:db/trac.db")
    admin("permission", "add", "joe", "TRAC_ADMIN")
    env.write(str(env.root / "conf" / "passwords"),
              "joe:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n")  # test
    give_away(home)


@pytest.fixture(autouse=True)
def told(log: ErrorLog) -> None:
    """Once in each process, of what the front end imports; and by httpd, of
    the wrong password of log_in()."""
    log.allow("pkg_resources|AH01617")


def log_in(client: Client) -> None:
    assert client.get("/trac/login").status_code == 401
    assert client.get("/trac/login", auth=("joe", "no")).status_code == 401
    response = client.get("/trac/login", auth=JOE)
    assert response.status_code in (302, 303), response.text
    page(client, "/trac/wiki", "logged in as")


def test_pages(client: Client) -> None:
    response = page(client, "/trac/wiki", "Welcome to Trac")
    assert response.headers["Content-Type"] == "text/html;charset=utf-8"
    page(client, "/trac", "A Project")
    page(client, "/trac/wiki/TracGuide", "The Trac User and Administration")
    page(client, "/trac/timeline", "Timeline")
    page(client, "/trac/roadmap", "milestone1")
    page(client, "/trac/report", "Available Reports")
    page(client, "/trac/search?q=python", "Search")


def test_static(client: Client) -> None:
    first = client.get("/trac/chrome/common/css/trac.css")
    assert first.status_code == 200
    assert first.headers["Content-Type"].startswith("text/css")
    assert len(first.content) == int(first.headers["Content-Length"]) > 5000
    again = client.get("/trac/chrome/common/css/trac.css", headers={
        "If-Modified-Since": first.headers["Last-Modified"],
        "If-None-Match": first.headers.get("ETag", "")})
    assert (again.status_code, again.content) == (304, b"")


def test_a_ticket(client: Client) -> None:
    """Login, a new ticket, a comment, an attachment, and finding it again."""
    log_in(client)
    form = page(client, "/trac/newticket", "field_summary")
    token = hidden(form, "__FORM_TOKEN")
    response = client.post("/trac/newticket", {
        "__FORM_TOKEN": token, "field_summary": "Brëaks & <b>urns",
        "field_description": "It ''does''.", "field_status": "new",
        "submit": "Create ticket"})
    assert response.status_code == 303, response.text
    found = re.search(r"/trac/ticket/(\d+)$", response.headers["Location"])
    assert found, response.headers
    ticket = page(client, f"/trac/ticket/{found[1]}", "It <em>does</em>.")
    assert "Brëaks &amp; &lt;b&gt;urns" in ticket.text
    page(client, "/trac/report/1", "Brëaks")

    upload = page(client, f"/trac/attachment/ticket/{found[1]}/?action=new",
                  "attachment")
    data = bytes(range(256)) * 500
    response = client.post(
        f"/trac/attachment/ticket/{found[1]}/?action=new", {
            "__FORM_TOKEN": hidden(upload, "__FORM_TOKEN"), "action": "new",
            "realm": "ticket", "id": found[1], "description": "a file"},
        files={"attachment": ("report.bin", data, "a/b")})
    assert response.status_code in (302, 303), response.text
    raw = client.get(f"/trac/raw-attachment/ticket/{found[1]}/report.bin")
    assert raw.content == data


def test_a_wiki_page(client: Client) -> None:
    log_in(client)
    form = page(client, "/trac/wiki/NewPage?action=edit", "__FORM_TOKEN")
    response = client.post("/trac/wiki/NewPage", {
        "__FORM_TOKEN": hidden(form, "__FORM_TOKEN"), "action": "edit",
        "version": "0", "text": "= Heading =\r\n * ''ä''", "save": "Submit"})
    assert response.status_code == 303, response.text
    page(client, "/trac/wiki/NewPage", "<em>ä</em>")
    assert client.text("/trac/wiki/NewPage?format=txt").startswith("= Heading")


def test_errors(client: Client, log: ErrorLog) -> None:
    log.allow(r"\[python:(error|warn)\]")  # Trac tells of each
    page(client, "/trac/nothing", "No handler matched", 404)
    page(client, "/trac/ticket/4711", "does not exist", 404)
    page(client, "/trac/chrome/common/none.css", "not found", 404)
    forged = client.post("/trac/newticket", {"__FORM_TOKEN": "forged"})
    assert forged.status_code == 400


def test_many_clients(httpd: Httpd) -> None:
    def ask(number: int) -> int:
        with Client(httpd.port(), 30) as client:
            return client.get("/trac/report").status_code

    assert concurrently(ask, 20, 4) == [200] * 20
