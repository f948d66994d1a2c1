# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What becomes of exceptions: the log, the status, the page of PythonDebug."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

NAME = "test_errors_debug"
WORKERS = ONE
# in the order of a request
PHASES = ["HeaderParser", "Access", "Authen", "Authz", "Type", "Fixup"]
# handler -> (last line of its traceback, other line)
RAISED = {
    "value": ("ValueError: <b>bad & ugly</b>", "Traceback"),
    "chained": ("RuntimeError: wrapped", "KeyError: 'key'"),
    "leave": ("SystemExit: 3", "in leave"),
    "interrupt": ("KeyboardInterrupt", "in interrupt"),
    "cancelled": ("CancelledError", "in cancelled"),
    "hostile": ("Hostile", "in hostile"),
    "recursion": ("RecursionError: ", "in recursion"),
    "surrogate": ("ValueError: bytes ", "in surrogate"),
    "lines": ("ValueError: one", "two"),
}


def configure(env: Env) -> str:
    parts = []
    for place, debug in (("off", "Off"), ("on", "On")):
        env.write(f"{place}/static.txt", "static")
        parts.append(
            f'<Directory "${{DOCROOT}}/{place}">\nSetHandler mod_python\n'
            f"PythonHandler {NAME}\nPythonDebug {debug}\n</Directory>\n")
        for phase in PHASES:
            parts.append(
                f"<Location /{place}/{phase}>\nSetHandler mod_python\n"
                f"PythonDebug {debug}\nPythonHandler {NAME}::fine\n"
                f"Python{phase}Handler {NAME}::fail_once\n"
                + ("AuthType Basic\nAuthName x\nRequire valid-user\n"
                   if phase.startswith("Auth") else "")
                + (f"PythonAuthenHandler {NAME}::user\n"
                   if phase == "Authz" else "")
                + "</Location>\n")
        for phase in ("Log", "Cleanup"):
            parts.append(
                f"<Location /{place}/{phase}>\nSetHandler mod_python\n"
                f"PythonDebug {debug}\nPythonHandler {NAME}::fine\n"
                f"Python{phase}Handler {NAME}::fail\n</Location>\n")
        parts.append(
            f"<Location /{place}/register>\nSetHandler mod_python\n"
            f"PythonDebug {debug}\nPythonHandler {NAME}::register\n"
            "</Location>\n")
    env.write("broken/.htaccess", "SetHandler mod_python\n"
              "PythonHandler broken\nPythonDebug On\n")
    env.write("broken/broken.py", "import nothing_of_that_name\n")
    env.write("syntax/.htaccess", "SetHandler mod_python\n"
              "PythonHandler syntax\nPythonDebug On\n")
    env.write("syntax/syntax.py", "a = 1\nb = = 2\n")
    return "".join(parts)


def lines_of(log: ErrorLog, prefix: str) -> list[str]:
    return [one.text[len(prefix):] for one in log.records()
            if one.text.startswith(prefix) and one.level == "error"]


# -- the log ---------------------------------------------------------------------


@pytest.mark.parametrize("name", RAISED)
def test_log(client: Client, log: ErrorLog, name: str) -> None:
    response = client.get("/off/x", headers={"X-Call": name})
    assert response.status_code == 500
    assert "Mod_python" not in response.text
    assert "Traceback" not in response.text
    [first] = log.expect("MP0400")
    last, other = RAISED[name]
    assert first.text.startswith(
        f"MP0400: PythonHandler {NAME}: uncaught exception: ")
    found = lines_of(log, f"PythonHandler {NAME}: ")
    assert any(last in line for line in found)
    assert any(other in line for line in found)
    assert not any("mod_python/_" in line for line in found)


def test_extension_that_refuses(client: Client, log: ErrorLog) -> None:
    assert client.get("/off/x", headers={
        "X-Call": "refused"}).status_code == 500
    log.expect("MP0400")
    [line] = log.expect("MP0402")
    assert "_demo" in line.text
    assert "`PythonInterpreter main_interpreter`" in line.text


# -- the page -------------------------------------------------------------------


@pytest.mark.parametrize("name", RAISED)
def test_page(client: Client, log: ErrorLog, httpd: Httpd, name: str) -> None:
    response = client.get("/on/x", headers={"X-Call": name})
    log.expect("MP0400")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    text = response.content.decode()
    assert f'<pre>\nMod_python error: "PythonHandler {NAME}"\n' in text
    last, _ = RAISED[name]
    assert last.replace("&", "&amp;").replace("<", "&lt;").replace(
        ">", "&gt;") in text
    assert "Interpreter: localhost" in text
    assert f"Process: {httpd.children()[0]}" in text
    assert f"Module file: {httpd.env.handlers}/" in text


def test_page_replaces_pending_output(client: Client, log: ErrorLog) -> None:
    response = client.get("/on/x", headers={"X-Call": "headers"})
    log.expect("MP0400")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert "ETag" not in response.headers
    assert "<pre>\nMod_python error: " in response.text
    assert "after headers" in response.text


def test_head(client: Client, log: ErrorLog) -> None:
    response = client.head("/on/x", headers={"X-Call": "value"})
    log.expect("MP0400")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert client.get("/on/static.txt", headers={
        "X-Call": "none"}).status_code == 500
    log.expect("MP0304")


def test_page_after_output(client: Client, log: ErrorLog) -> None:
    response = client.get("/on/x", headers={"X-Call": "begun"})
    log.expect("MP0400")
    assert response.status_code == 200
    assert response.text.startswith("<p>begun")
    assert "ValueError: after &lt;output&gt;" in response.text


def test_page_of_a_wrong_result(client: Client, log: ErrorLog) -> None:
    response = client.get("/on/x", headers={"X-Call": "none"})
    log.expect("MP0304")
    assert response.status_code == 500
    assert "<pre>\nMod_python error: " in response.text
    assert "returned None" in response.text


@pytest.mark.parametrize("phase", PHASES)
def test_phases(client: Client, log: ErrorLog, phase: str) -> None:
    options = {"auth": ("u", "p")} if phase == "Authen" else {}
    response = client.get(f"/off/{phase}/x", **options)
    assert response.status_code == 500
    assert "fine" not in response.text
    log.expect(f"MP0400: Python{phase}Handler .*failed in "
               f"Python{phase}Handler")
    response = client.get(f"/on/{phase}/x", **options)
    assert response.status_code == 500
    assert f'"Python{phase}Handler {NAME}::fail_once"' in response.text
    assert "<pre>\nMod_python error: " in response.text
    assert "fine" not in response.text
    # the connection is still good for the next request
    assert client.get(f"/on/{phase}/x", **options).status_code == 500


@pytest.mark.parametrize("place", ["off", "on"])
@pytest.mark.parametrize("phase", ["Log", "Cleanup"])
def test_late_phases_go_to_the_log_only(client: Client, log: ErrorLog,
                                        place: str, phase: str) -> None:
    assert client.text(f"/{place}/{phase}/x") == "fine"
    log.expect(f"MP0400: Python{phase}Handler .*failed in "
               f"Python{phase}Handler")


def test_cleanup_callables(client: Client, log: ErrorLog) -> None:
    assert client.text("/on/register") == "fine"
    log.expect("ValueError: cleanup of mine")


@pytest.mark.parametrize(("name", "text"), [
    ("broken", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ("syntax", "SyntaxError: invalid syntax"),
])
def test_modules_that_do_not_load(client: Client, log: ErrorLog, env: Env,
                                  name: str, text: str) -> None:
    for count in (1, 2):
        response = client.get(f"/{name}/x")
        assert response.status_code == 500
        assert text in response.text
        file = f"{env.docroot}/{name}/{name}.py"
        assert f'File "{file}", line' in response.text
        assert f"Module file: {file}" in response.text
        log.expect(f"MP0400: PythonHandler {name}", count)
    assert "mod_python/_" not in response.text


# -- clients that go away -----------------------------------------------------------


def test_client_that_is_gone(client: Client, log: ErrorLog) -> None:
    position = log.mark()
    with client.raw() as connection:
        connection.send(b"GET /on/x HTTP/1.1\r\nHost: x\r\n"
                        b"X-Call: endless\r\n\r\n")
        connection.abort()
    found = log.wait("client closed connection", since=position)
    assert {one.level for one in found} == {"info"}
    assert "PythonHandler" in found[0].text
    assert not log.records("MP04", since=position)
