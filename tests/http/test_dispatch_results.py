# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What a handler's result means, and how a handler is named."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog

NAME = "test_dispatch_results"
LISTS = {
    "go": "ok declined raise_ok ran",
    "created": "ok created ran",
    "done": "done ran",
    "last_declined": "ok declined",
    "only_declined": "declined",
}
# object -> what it replies
NAMES = {
    "named": "named",
    "Page.show": ["Page", 1],
    "Page.Inner.show": "Inner",
    "Page.fixed": "fixed",
    "instance": "instance",
    "instance.method": "method",
    "adder": ["added", False],
}
BAD_NAMES = {
    "missing": "AttributeError: module '.*test_dispatch_results.py' contains "
               "no 'missing'",
    "Page.missing": "AttributeError: 'Page' object has no attribute 'missing'",
    "nothing": "TypeError: 'nothing' of module .* is None",
    "text": "TypeError: 'text' of module .* is of type str",
    "coroutine": "TypeError: 'coroutine' of module .* is a coroutine function",
}
PATHS = ["./", "../paths/", "~/", "~/sub/../", "${DOCROOT}/paths/"]

HERE = """\
from mod_python import apache
from mptest import reply

def handler(req):
    return reply(req, [__name__, __file__])
"""
DEFAULTS = """\
from mptest import reply

def requesthandler(req):
    return reply(req, "requesthandler")

def fixuphandler(req):
    req.notes["fixup"] = "x"
    return 0
"""


def configure(env: Env) -> str:
    def section(name: str, text: str) -> str:
        env.write(f"{name}/file.txt", "the file")
        return (f'<Directory "${{DOCROOT}}/{name}">\nSetHandler mod_python\n'
                f"{text}\n</Directory>\n")

    parts = [section(".", f"PythonHandler {NAME}")]
    for name, words in LISTS.items():
        handlers = " ".join(f"{NAME}::{word}" for word in words.split())
        parts.append(section(name, f"PythonHandler {handlers}"))
    for name in (*NAMES, *BAD_NAMES):
        parts.append(section("name-" + name.lower(),
                             f"PythonHandler {NAME}::{name}"))
    env.write("paths/here.py", HERE)
    for number, path in enumerate(PATHS):
        parts.append(f"<Location /path-{number}>\nSetHandler mod_python\n"
                     "</Location>\n")
        parts.append(f'<Directory "${{DOCROOT}}/paths">\n'
                     f"<Files path-{number}.x>\nSetHandler mod_python\n"
                     f'PythonHandler "{path}here.py"\n</Files>\n'
                     "</Directory>\n")
    env.write("default/both.py", DEFAULTS + "\ndef handler(req):\n"
              "    return reply(req, 'handler')\n")
    env.write("default/old.py", DEFAULTS)
    env.write("default/empty.py", "")
    for name in ("both", "old", "empty"):
        parts.append(f'<Directory "${{DOCROOT}}/default">\n<Files {name}.x>\n'
                     f"SetHandler mod_python\nPythonHandler {name}\n"
                     "</Files>\n</Directory>\n")
    # the phases that a module has no function for are left out
    parts.append('<Directory "${DOCROOT}/default">\n<Files module.x>\n'
                 "SetHandler mod_python\nPythonHandlerModule old\n"
                 "</Files>\n</Directory>\n")
    parts.append('<Directory "${DOCROOT}/default">\n<Files error.x>\n'
                 "PythonHandlerModule no_such_module\n"
                 "</Files>\n</Directory>\n")
    env.write("default/error.x", "static")
    parts.append("<Location /relative>\nSetHandler mod_python\n"
                 "PythonHandler ~/here.py\n</Location>\n")
    parts.append("ErrorDocument 404 /-text-of-404\n"
                 "<Location /-text-of-404>\nSetHandler mod_python\n"
                 f"PythonHandler {NAME}::named\n</Location>\n")
    return "".join(parts)


# -- int results ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["ok", "done", "enum_ok"])
def test_ok_and_done(client: Client, name: str) -> None:
    response = client.get(f"/returned/{name}")
    assert response.status_code == 200
    assert response.text == "body"
    assert response.headers["X-Out"] == "out"


def test_declined_is_left_to_httpd(client: Client, env: Env) -> None:
    env.write("returned/declined", "of the file")
    assert client.text("/returned/declined?x") == "of the file"
    (env.docroot / "returned" / "declined").unlink()
    assert client.get("/returned/declined?x").status_code == 404


@pytest.mark.parametrize("status", [301, 400, 401, 403, 405, 410, 418, 421,
                                    425, 428, 429, 451, 499, 500, 501, 503,
                                    510, 511, 599])
def test_status(client: Client, status: int) -> None:
    response = client.get(f"/returned/{status}")
    assert response.status_code == status
    assert response.reason
    assert "body" not in response.text.split("<body>")[0]
    assert "X-Out" not in response.headers
    assert response.headers["X-Err"] == "err"


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body(client: Client, status: int) -> None:
    response = client.get(f"/returned/{status}?empty")
    assert response.status_code == status
    assert response.content == b""


@pytest.mark.parametrize(("name", "status"), [("enum", 418)])
def test_kinds_of_int(client: Client, name: str, status: int) -> None:
    assert client.get(f"/returned/{name}").status_code == status


@pytest.mark.parametrize("name", ["404", "status", "number"])
def test_error_document(client: Client, name: str) -> None:
    response = client.get(f"/returned/{name}")
    assert response.status_code == 404
    assert response.json() == "named"


@pytest.mark.parametrize("status", [
    200, 201, 202, 203, 206, 207, 226, 299])
def test_success_with_a_body(client: Client, status: int) -> None:
    response = client.get(f"/returned/{status}")
    assert response.status_code == status
    assert response.text == "body"
    assert response.headers["X-Out"] == "out"


@pytest.mark.parametrize("name", ["negative", "small", "large", "big"])
def test_other_ints(client: Client, log: ErrorLog, name: str) -> None:
    assert client.get(f"/returned/{name}").status_code == 500
    [line] = log.expect("MP0303")
    assert f"PythonHandler {NAME}" in line.text


# -- other results ----------------------------------------------------------------


def test_none(client: Client, log: ErrorLog) -> None:
    assert client.get("/returned/none").status_code == 500
    [line] = log.expect("MP0304")
    assert f"PythonHandler {NAME}" in line.text
    assert "return apache.OK" in line.text


@pytest.mark.parametrize(("name", "type_name", "value"), [
    ("true", "bool", "True"), ("false", "bool", "False"),
    ("text", "str", "'200 OK'"), ("real", "float", "1.0"),
    ("bytes", "bytes", "b'x'"),
])
def test_wrong_types(client: Client, log: ErrorLog, name: str,
                     type_name: str, value: str) -> None:
    response = client.get(f"/returned/{name}")
    assert response.status_code == 500
    assert "body" not in response.text.split("<body>")[0]
    [line] = log.expect("MP0305")
    for part in ("TypeError", type_name, value, f"PythonHandler {NAME}"):
        assert part in line.text


# -- SERVER_RETURN ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ok", "done"])
def test_raised_ok(client: Client, name: str) -> None:
    response = client.get(f"/raised/{name}")
    assert response.status_code == 200
    assert response.text == "body"


def test_raised_declined(client: Client, env: Env) -> None:
    env.write("raised/declined", "of the file")
    assert client.text("/raised/declined?x") == "of the file"


def test_raised_statuses(client: Client) -> None:
    response = client.get("/raised/not_found")
    assert response.status_code == 404
    assert "X-Out" not in response.headers
    assert client.get("/raised/enum").status_code == 403


def test_raised_with_a_status(client: Client) -> None:
    response = client.get("/raised/both")
    assert response.status_code == 202
    assert response.text == "body"


@pytest.mark.parametrize("name", ["nothing", "text", "none", "true", "three",
                                  "bad_status", "large"])
def test_raised_nonsense(client: Client, log: ErrorLog, name: str) -> None:
    assert client.get(f"/raised/{name}").status_code == 500
    [line] = log.expect("MP030[23]")
    assert "SERVER_RETURN" in line.text or "600" in line.text


# -- req.status ------------------------------------------------------------------


@pytest.mark.parametrize("status", [
    200, 201, 404, 418, 503])
def test_own_status(client: Client, status: int) -> None:
    response = client.get(f"/status/{status}")
    assert response.status_code == status
    assert response.text == "body"


@pytest.mark.parametrize("status", [-1, 99, 600, 100000])
def test_bad_own_status(client: Client, log: ErrorLog, status: int) -> None:
    assert client.get(f"/status/{status}").status_code == 500
    log.expect("MP0314")


# -- lists --------------------------------------------------------------------------


def test_list_goes_on(client: Client) -> None:
    assert client.json("/go/x") == ["ok", "declined", "raise_ok", "ran"]


def test_success_status_ends_the_list(client: Client) -> None:
    response = client.get("/created/x")
    assert response.status_code == 201
    assert response.text == "created"


def test_done_ends_the_list(client: Client) -> None:
    assert client.text("/done/x") == "done"


@pytest.mark.parametrize("name", ["last_declined", "only_declined"])
def test_result_of_the_last(client: Client, name: str) -> None:
    assert client.text(f"/{name}/file.txt") == "the file"
    assert client.get(f"/{name}/none").status_code == 404


# -- names --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_names(client: Client, name: str) -> None:
    for _ in range(2):
        assert client.json(f"/name-{name.lower()}/x") == NAMES[name]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names(client: Client, log: ErrorLog, name: str) -> None:
    for count in (1, 2):
        assert client.get(f"/name-{name.lower()}/x").status_code == 500
        log.expect(BAD_NAMES[name], count)


def test_default_objects(client: Client, log: ErrorLog) -> None:
    assert client.json("/default/both.x") == "handler"
    assert client.json("/default/old.x") == "requesthandler"
    assert client.get("/default/empty.x").status_code == 500
    log.expect("module '.*/empty.py' contains no 'handler'")


def test_handler_module(client: Client, log: ErrorLog) -> None:
    assert client.json("/default/module.x") == "requesthandler"
    assert client.get("/default/error.x").status_code == 500
    log.expect("PythonInitHandler no_such_module: .*No module named")
    for phase in ("Log", "Cleanup"):
        log.expect(f"Python{phase}Handler no_such_module: .*No module named")


@pytest.mark.parametrize("number", range(len(PATHS)))
def test_paths(client: Client, env: Env, number: int) -> None:
    assert client.json(f"/paths/path-{number}.x") == [
        "here", str(env.docroot / "paths" / "here.py")]


def test_path_relative_to_nothing(client: Client, log: ErrorLog) -> None:
    assert client.get("/relative").status_code == 500
    log.expect("'~/here.py' is relative to the directory of the handler, "
               "which is not known")
