# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The page of PythonDebug On: HTML, JSON, text, and no secrets in any."""
from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.browser import Browser
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

WORKERS = ONE
NAME = "test_debug_page"
CONFIG = f"""\
<Location />
    SetHandler mod_python
    PythonHandler {NAME}
    PythonDebug On
    PythonOption shop.colour <green>
    PythonOption shop.secret of-the-options
</Location>
<Location /filtered.txt>
    SetHandler none
    PythonOutputFilter {NAME}::outputfilter FAILS
    SetOutputFilter FAILS
</Location>
"""
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
VOID = {"meta"}


def configure(env: Env) -> None:
    env.write("filtered.txt", "text")


class Checked(HTMLParser):
    """Tells text from markup, and that elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.opened

    def handle_starttag(self, tag: str,
                        attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(client: Client, log: ErrorLog, path: str,
         accept: str | None = BROWSER, **headers: str) -> str:
    response = client.get(path, headers={"Accept": accept, **headers})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    log.expect("MP0400")
    return response.content.decode()


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "*/*", None])
def test_html(client: Client, log: ErrorLog, httpd: Httpd,
              accept: str | None) -> None:
    found = Checked(page(client, log, "/order?size=%3Cbig%3E", accept))
    assert {"details", "table", "style"} <= found.seen
    assert not {"script", "blue", "green", "big", "link", "img"} & found.seen
    for part in (
            "TypeError: unsupported operand type(s) for +=: 'int' and 'str'",
            'Mod_python error: "PythonHandler test_debug_page"',
            "total += price  # the second one is a string",  # its source
            "checkout", "{'milk': '2', 'tea': 3}",  # its locals
            "<blue>", "<green>", "<big>",
            "<Hostile instance at 0x",
            "GET /order?size=%3Cbig%3E HTTP/1.1", "User-Agent",
            "Configuration in effect", "PythonDebug", "shop.colour",
            f"Interpreter: localhost\nProcess: {httpd.children()[0]}\n"):
        assert part in found.text, part
    assert "xxx..." in found.text
    assert len(found.text) < 20_000


def test_the_failing_frame_comes_first_and_open(client: Client, log: ErrorLog
                                                ) -> None:
    text = page(client, log, "/order")
    first, second, third = text.split("<details")[1:]
    assert first.startswith(" open") and "<b>checkout</b>" in first
    assert not second.startswith(" open") and "<b>order</b>" in second
    assert "<b>handler</b>" in third
    assert text.count("<span class=hot>") == 3


@pytest.mark.parametrize(("accept", "agent"), [
    ("text/plain, text/html", "browser/1"), ("*/*", "curl/8.0"),
    (None, "Wget/1")])
def test_text(client: Client, log: ErrorLog, accept: str | None, agent: str
              ) -> None:
    response = client.get("/order", headers={"Accept": accept,
                                             "User-Agent": agent})
    assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert response.text.startswith(
        'Mod_python error: "PythonHandler test_debug_page"\n\nTraceback ')
    assert "\nInterpreter: localhost\n" in response.text
    log.expect("MP0400")


@pytest.mark.parametrize("accept", [
    "application/json", "application/problem+json, text/plain"])
def test_json(client: Client, log: ErrorLog, accept: str) -> None:
    response = client.get("/order", headers={"Accept": accept})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/json"
    facts = response.json()
    assert facts["error"].startswith("TypeError: ")
    assert [one["function"] for one in facts["frames"]] == [
        "handler", "order", "checkout"]
    last = facts["frames"][-1]
    assert [last["line"], "        total += price  # the second one is a "
            "string"] in last["source"]
    assert last["locals"]["price"] == "'2'"
    assert facts["phase"] == "PythonHandler"
    assert facts["request"]["method"] == "GET"
    assert facts["options"]["shop.colour"] == "<green>"
    log.expect("MP0400")


@pytest.mark.parametrize("accept", [BROWSER, "application/json"])
def test_secrets(client: Client, log: ErrorLog, accept: str) -> None:
    """Neither under their names nor where they turn up otherwise."""
    response = client.get(
        "/login?password=of%20the%20form&next=home&access_token=of-the-query",
        headers={"Accept": accept, "X-Api-Token": "of-a-header",
                 "Cookie": "sid=of-a-cookie; colour=green"},
        auth=("user", "of-basic"))
    log.expect("MP0400")
    text = response.text
    for secret in ("of the form", "of%20the%20form", "of-the-query",
                   "of-a-header", "of-a-cookie", "of-basic", "dXNlcjpvZi1iYXN",
                   "of-the-options"):
        assert secret not in text, secret
    assert "ValueError: wrong: ********" in text
    assert "home" in text

    text = client.get("/order", headers={"Accept": accept}).text
    log.expect("MP0400")
    # not even in the source lines around the call
    assert "hunter2-local" not in text and "key-in-a-dict" not in text
    assert 'password = "********"' in text or (
        'password = \\"********\\"' in text)


def test_output_filter(client: Client, log: ErrorLog) -> None:
    text = page(client, log, "/filtered.txt")
    assert "<b>outputfilter</b>" in text and "GET /filtered.txt" in text


@pytest.mark.mpm("event")
def test_in_a_browser(client: Client, log: ErrorLog, tmp_path: Path,
                      httpd: Httpd) -> None:
    """Chromium shows it; MP_SCREENSHOT=FILE keeps the picture."""
    browser = Browser(tmp_path)
    url = f"http://127.0.0.1:{httpd.port()}/order?size=big"
    browser.check_picture(url, "1100,1400")
    assert "<b>checkout</b>" in browser.dom(url)
    log.expect("MP0400", 2)
