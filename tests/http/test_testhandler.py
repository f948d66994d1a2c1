# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.testhandler, and mod_python.version, in a running httpd."""
from __future__ import annotations

import html
import os
import re
import subprocess
from typing import Any

import pytest

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection

CONFIG = EVAL + """\
SetEnv MY_VARIABLE "variable of the configuration"
SetEnv DB_PASS hunter2
PassEnv PLAIN_VARIABLE
<Location "/on">
    SetHandler mod_python
    PythonHandler mod_python.testhandler
    PythonDebug On
    PythonOption plain "value & <more>"
    PythonOption my.password hunter2
    PythonOption mod_python.redis_session.url "redis://user:hunter2@host:1/0"
    RequestHeader set X-Api-Key hunter2
    Header set X-Answer "of the configuration"
    Header set X-Session-Token hunter2
</Location>
<Location "/off">
    SetHandler mod_python
    PythonHandler mod_python.testhandler
    PythonDebug Off
</Location>
<Location "/default">
    SetHandler mod_python
    PythonHandler mod_python.testhandler
</Location>
"""


def configure(env: Env) -> None:
    env.environ["PLAIN_VARIABLE"] = "of the process"
    env.environ["SIGNING_KEY"] = "hunter2"
    env.environ["DATABASE_URL"] = "postgres://joe:hunter2@host/base"


def rows(page: str) -> dict[str, str]:
    """The rows of the tables, as shown."""
    return {html.unescape(name): html.unescape(value) for name, value in
            re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", page, re.S)}


def test_page(client: Client, env: Env, mpm: str) -> None:
    response = client.get("/on")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert response.headers["Cache-Control"] == "no-store"
    shown = rows(response.text)
    assert shown["mod_python"] == client.eval("apache.mp_version")
    assert shown["Python"].startswith(
        client.eval("__import__('platform').python_version()"))
    assert shown["Interpreter"] == "localhost"
    assert shown["Server root"] == client.eval("apache.server_root()")
    assert shown["Document root"] == str(env.docroot)
    assert (shown["MPM threads"] == "0") == (mpm == "prefork")
    assert shown["PLAIN_VARIABLE"] == "of the process"
    assert shown["MY_VARIABLE"] == "variable of the configuration"
    assert shown["plain"] == "value & <more>"
    assert shown["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert shown["Host"] == f"127.0.0.1:{env.port()}"
    assert "<li>PythonHandler mod_python.testhandler</li>" in response.text
    assert f"<li>{env.handlers}</li>" in response.text  # of sys.path


def test_escaped(client: Client) -> None:
    text = client.text("/on?<script>alert(1)</script>", headers={
        "X-Text": "<b>\"'&amp;"})
    assert "<script" not in text
    assert "<b>" not in text
    assert rows(text)["X-Text"] == "<b>\"'&amp;"


def test_any_bytes(raw: Connection) -> None:
    response = raw.request("/on", headers=[("X-Bytes", b"\xff\xe4")])
    assert response.status == 200
    response.body.decode()
    assert "\\udcff\\udce4" in rows(response.text)["X-Bytes"]


def test_passwords_are_not_shown(client: Client) -> None:
    for view in ("", "?view_log=1"):
        text = client.text("/on" + view, auth=("joe", "hunter2"),
                           cookies={"pysid": "hunter2"},
                           headers={"Proxy-Authorization": "hunter2"})
        assert "hunter2" not in text
        shown = rows(text)
        for name in ("Authorization", "Cookie", "X-Api-Key", "SIGNING_KEY",
                     "DB_PASS", "my.password", "Proxy-Authorization",
                     "HTTP_AUTHORIZATION", "HTTP_COOKIE"):
            assert shown[name] == "(not shown)", name
        assert shown["DATABASE_URL"] == "postgres://joe:(not shown)@host/base"
        assert "redis://user:(not shown)@host:1/0" in text


@pytest.mark.parametrize("path", ["/off", "/default"])
def test_needs_debug(client: Client, log: ErrorLog, path: str) -> None:
    for query in ("", "?view_log=1"):
        response = client.get(path + query)
        assert response.status_code == 403
        assert "sys.path" not in response.text
    log.expect("MP0650", count=2)


def test_log(client: Client, log: ErrorLog) -> None:
    for number in range(30):
        client.eval(f"req.log_error('<line> {number}, ' + 'x' * 2000, 6)")
    client.eval("req.log_error('with a password=hunter2', 6)")
    log.wait("with a password")
    page = client.text("/on")
    assert '<a href="?view_log=1">' in page
    assert "line&gt; 29" not in page
    page = client.text("/on?view_log=1")
    assert "&lt;line&gt; 29, xxx" in page
    assert "&lt;line&gt; 0, xxx" not in page  # the end only
    assert "hunter2" not in page
    for query in ("view_log=0", "view_log=", "view_log=2&view_log=1", "%ff"):
        assert "line&gt; 29" not in client.text("/on?" + query)


def test_head_and_post(client: Client) -> None:
    response = client.head("/on")
    assert (response.status_code, response.content) == (200, b"")
    assert client.text("/on", "POST", data=b"x=1")


def test_log_that_is_no_file(start_httpd: Any) -> None:
    """A virtual host's log may be a program, or not be there any more."""
    server = start_httpd(
        '<VirtualHost 127.0.0.1:${PORT1}>\nServerName x\nErrorLog "|/bin/cat"\n'
        "SetHandler mod_python\nPythonHandler mod_python.testhandler\n"
        "PythonDebug On\n</VirtualHost>\n"
        '<VirtualHost 127.0.0.1:${PORT2}>\nServerName x\nErrorLog "${ROOT}/logs/gone"\n'
        "SetHandler mod_python\nPythonHandler mod_python.testhandler\n"
        "PythonDebug On\n</VirtualHost>\n")
    os.unlink(server.env.root / "logs" / "gone")
    with Client(server.port(1)) as client:
        assert "End of the error log" in client.text("/?view_log=1")
    with Client(server.port(2)) as client:
        assert "No such file" in client.text("/?view_log=1")


# -- mod_python.version ------------------------------------------------------------


def test_version(client: Client, env: Env) -> None:
    names = ("version HTTPD HTTPD_VERSION APR_VERSION LIBEXECDIR SYSCONFDIR "
             "PYTHON_BIN").split()
    facts = dict(zip(names, client.eval(
        "[getattr(__import__('mod_python.version').version, name) "
        f"for name in {names}]")))
    assert all(facts.values())
    assert facts["version"] == client.eval("apache.mp_version")
    assert facts["HTTPD_VERSION"] == env.installation.version
    for name in ("HTTPD", "PYTHON_BIN"):
        assert os.access(facts[name], os.X_OK)
    for name in ("LIBEXECDIR", "SYSCONFDIR"):
        assert os.path.isabs(facts[name])  # apache2-bin has no /etc/apache2
    python = subprocess.run(
        [facts["PYTHON_BIN"], "-c", "import platform; "
         "print(platform.python_version())"], capture_output=True, text=True)
    assert python.stdout.strip() == client.eval(
        "__import__('platform').python_version()")
