# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The functions of mod_python.apache that are not about one object."""
from __future__ import annotations

import subprocess
from typing import Any

from harness.build import python_to_embed
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import wait_until

NAME = "test_apache_module"
WORKERS = ONE

CONFIG = f"""\
LogLevel python:trace8
PythonOption of server
Define THIS_ONE
<Directory "${{DOCROOT}}">
    SetHandler mod_python
    PythonHandler {NAME}
    PythonOption of request
</Directory>
<Location /-eval>
    SetHandler mod_python
    PythonHandler mptest::evaluate
</Location>
<VirtualHost 127.0.0.1:${{PORT1}}>
    ServerName other.test
    LogLevel python:warn
    <Directory "${{DOCROOT}}">
        PythonInterpreter named
        PythonOption of other
    </Directory>
</VirtualHost>
<VirtualHost 127.0.0.1:${{PORT2}}>
    ServerName fresh.test
</VirtualHost>
"""


def configure(env: Env) -> None:
    for number in (1, 2):
        env.port(number)


def test_log_error(client: Client, log: ErrorLog) -> None:
    answer = client.json("/log_levels")
    assert answer.startswith("TypeError")
    levels = {"EMERG": "emerg", "ALERT": "alert", "CRIT": "crit",
              "ERR": "error", "WARNING": "warn", "NOTICE": "notice",
              "INFO": "info", "DEBUG": "debug", "TRACE1": "trace1",
              "TRACE8": "trace8"}
    for name, level in levels.items():
        [line] = log.expect(f" level {name}$")
        assert (line.level, line.module) == (level, "python")
    [line] = log.expect("default level")
    assert line.level == "error"
    for text in ("with a server", " one$", " two$", "or-ed", " bytes$"):
        log.expect(text)


def test_allow_methods(client: Client) -> None:
    response = client.get("/allow_methods")
    assert response.status_code == 405
    allowed = set(response.headers["Allow"].replace(" ", "").split(","))
    assert allowed >= {"GET", "PUT", "DELETE"}
    assert "POST" not in allowed


def test_outside_a_request(client: Client) -> None:
    error, name, root, option, _ = client.json("/outside")
    assert error.startswith("RuntimeError: allow_methods()")
    assert name == "main_interpreter"
    assert root is None
    assert option == "server"


def test_current(client: Client, httpd: Httpd, env: Env) -> None:
    root = f"{env.docroot}/"
    assert client.json("/current") == ["localhost", "localhost", root,
                                       "request", True, True, 0, True]
    client.close()  # prefork's only child is for the other one now
    with Client(httpd.port(1)) as other:
        assert other.json("/current") == ["named", "named", root, "other",
                                          True, True, 0, True]


def test_interpreter_outside_calls(httpd: Httpd) -> None:
    with Client(httpd.port(1)) as other:
        assert other.json("/outside")[1] == "named"


def test_facts(client: Client, httpd: Httpd, env: Env) -> None:
    found = client.json("/facts")
    assert found["root"] == str(env.root)
    assert bool(found["threaded"]) is (env.mpm != "prefork")
    assert found["defined"] is True
    assert found["also"] is True
    assert found["undefined"] is False
    assert found["table"] == [True, {"a": "b"}]
    assert found["magic"] == 20120211
    server = client.get("/facts").headers["Server"]
    assert f"mod_python/{found['version']}" in server


def flat(tree: list[Any]) -> list[list[Any]]:
    found = []
    for item in tree:
        if item and isinstance(item[0], str):
            found.append(item)
        else:
            found += flat(item)
    return found


def test_config_tree(client: Client) -> None:
    tree = client.json("/config_tree")
    rows = flat(tree)
    assert ["PythonHandler", NAME] in rows
    assert ["PythonOption", "of other"] in rows
    position = next(number for number, row in enumerate(tree)
                    if row[:1] == ["<Directory"]
                    and NAME in str(tree[number + 1]))
    assert ["SetHandler", "mod_python"] in tree[position + 1]


def test_resolve_object(client: Client) -> None:
    uri, nothing, error, same = client.json("/resolve")
    assert uri == "/resolve"
    assert nothing is None
    assert error.startswith("AttributeError: module '")
    assert error.endswith(f"{NAME}.py' contains no 'no'")
    assert same is True


def test_cgi_env(client: Client, env: Env) -> None:
    found = client.json("/cgi_env?a=b", headers={
        "X-Head": "é".encode(), "Authorization": "Basic eDp5"})
    assert found["REQUEST_METHOD"] == "GET"
    assert found["QUERY_STRING"] == "a=b"
    assert found["SERVER_NAME"] == "127.0.0.1"
    assert found["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert found["HTTP_X_HEAD"] == "é"
    assert found["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert found["DOCUMENT_ROOT"] == str(env.docroot)


def test_cgi(client: Client) -> None:
    response = client.post("/cgi", data="caf\xe9".encode())
    assert response.status_code == 202
    assert response.reason == "Taken"
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["X-Method"] == "POST"
    assert response.content.decode() == "got café\n"


def test_log_handler(client: Client, log: ErrorLog) -> None:
    assert client.json("/logger") is True
    levels = {"Level 5": "trace1", "DEBUG": "debug", "INFO": "info",
              "WARNING": "warn", "ERROR": "error", "CRITICAL": "crit"}
    for name, level in levels.items():
        [line] = log.expect(f"logger {name} of /logger")
        assert line.level == level
        assert line.request != "-"
    log.expect("with traceback")
    log.expect("KeyError: 'key'")
    log.allow(r'File ".*", line|Traceback|\{\}\["key"\]|~~\^')
    [line] = log.expect("logger thread")
    assert line.request == "-"


def test_log_level_of_a_server(httpd: Httpd, log: ErrorLog) -> None:
    position = log.mark()
    with Client(httpd.port(1)) as other:
        other.json("/logger")
    log.expect("logger")
    log.allow(r'with traceback|KeyError|File|Traceback|\{\}\["key"|~~\^')
    assert not log.records("logger INFO", since=position)


def test_low_level_module(client: Client) -> None:
    assert client.json("/low_level?a=1&a=%C3%A9&b=") == [
        {"a": ["1", "é"]}, [["a", "1"], ["a", "é"]],
        [[b"a", b"1"], [b"a", "é".encode()]], {"a": ["1;b=2"]}, []]


def test_star_import(client: Client) -> None:
    assert client.json("/star") == []


def test_little_is_imported_at_first(httpd: Httpd) -> None:
    with Client(httpd.port(2)) as fresh:
        loaded = set(fresh.json("/start_up"))
    # what the handler module itself imports
    loaded -= set(subprocess.run(
        [python_to_embed(), "-c",
         "import json, logging, sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"mod_python._logging", "mod_python._cgi",
                         "mod_python._forms", "mod_python.util", "asyncio",
                         "email", "pdb", "inspect", "html"}


def test_end_of_a_child(httpd: Httpd, env: Env) -> None:
    with Client(httpd.port()) as client:
        assert client.json("/cleanup").startswith("TypeError")
    path = env.var / "cleanup"
    assert not path.exists()
    httpd.restart()
    wait_until(path.exists, 10.0)
    wait_until(lambda: len(path.read_text().split()) == 3, 10.0)
    assert path.read_text().split() == ["second", "first", "atexit"]


def test_attributes(client: Client) -> None:
    found = client.json("/attributes")
    assert found == {
        "patched": "patched", "deleted": True, "set": 1, "same": True,
        "listed": True, "late": True, "public": [],
        "missing": found["missing"]}
    assert "AttributeError" in str(found["missing"])
    assert "no_such" in str(found["missing"])
