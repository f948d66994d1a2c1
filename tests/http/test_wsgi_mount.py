# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Where WSGI applications stand: options, reload, variables as of CGI, answers
as of wsgiref.simple_server."""
from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import HANDLER_SOURCES, Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.reference import Request, differences, serving
from harness.tools import wait_until

WORKERS = ONE
HANDLERS = ["plain_wsgi", "test_wsgi"]

WHERE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(("%s", environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode()]
"""

# Makes the environment of a CGI program its response.
CGI = """\
#!/usr/bin/python3
import json, os, sys
variables = {name.decode("latin-1"): value.decode("latin-1")
             for name, value in os.environb.items()}
sys.stdin.buffer.read()
sys.stdout.write("Content-Type: application/json\\n\\n" + json.dumps(variables))
"""

SAME = """
    SetEnv FROM_CONFIG "a \xe4 value"
    SetEnvIf X-Set (.*) FROM_HEADER=$1
    <Location /here>
        %s
    </Location>
    <Location /here/secret>
        AuthType Basic
        AuthName test
        AuthUserFile "${ROOT}/conf/passwords"
        Require valid-user
    </Location>
"""
WSGI = """SetHandler mod_python
        PythonHandler mod_python.wsgi
        PythonOption mod_python.wsgi.application test_wsgi::environ"""


def location(path: str, *lines: str, application: str = "where") -> str:
    option = f"PythonOption mod_python.wsgi.application {application}"
    return "\n".join([f"<Location {path}>", "SetHandler mod_python",
                      "PythonHandler mod_python.wsgi",
                      option if application else "", *lines,
                      "</Location>\n"])


BASE = "PythonOption mod_python.wsgi.base_uri "
CONFIG = (
    location("/mounted") + location("/slash/")
    + location("/base", BASE + "/base/further")
    + location("/root", BASE + '""')
    + location("/elsewhere", BASE + "/nowhere")
    + location("/wrong", BASE + "/wrong/")
    + location('~ "^/pattern"')
    + location("/none", application="")
    + location("/module", application="no_such_module")
    + location("/broken", application="broken")
    + location("/callable", application="where::missing")
    + location("/number", application="where::__name__")
    + location("/dotted", application="where::Class.method")
    + location("/pkg", application="package.inner::app")
    + "".join(f"""
<Directory "${{DOCROOT}}/{name}">
    SetHandler mod_python
    PythonHandler mod_python.wsgi
    PythonOption mod_python.wsgi.application ~/site_app.py
    PythonOption mod_python.wsgi.base_uri /{name}
</Directory>
""" for name in ("one", "two"))
    + location("/edited", application="${DOCROOT}/edited.py")
    + location("/fixed", "PythonAutoReload Off",
               application="${DOCROOT}/fixed.py")
    + "<VirtualHost *:${PORT1}>" + SAME % WSGI + "</VirtualHost>\n"
    + "<VirtualHost *:${PORT2}>" + SAME % """SetHandler cgi-script
        Options +ExecCGI
        CGIPassAuth On""" + "</VirtualHost>\n"
    + """
<VirtualHost *:${PORT3}>
    SetHandler mod_python
    PythonHandler mod_python.wsgi
    PythonOption mod_python.wsgi.application plain_wsgi
    AddDefaultCharset Off
</VirtualHost>
""")


def configure(env: Env) -> None:
    def module(name: str, text: str) -> None:
        env.write(str(env.handlers / name), text)

    module("where.py", WHERE % "where" + """

class Class:
    method = staticmethod(application)
""")
    module("broken.py", "import a_module_that_is_missing\n")
    module("package/__init__.py", "")
    module("package/inner.py", WHERE % "inner" + "\napp = application\n")
    for name in ("one", "two"):
        env.write(f"{name}/site_app.py", WHERE % name)
    for name in ("edited", "fixed"):
        env.write(f"{name}.py", WHERE % "first")
    env.cgi("here", CGI)
    env.write(str(env.root / "conf" / "passwords"),
              "joe:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n")  # test


@pytest.mark.parametrize("path, name, script, info", [
    ("/mounted", "where", "/mounted", ""),
    ("/mounted/", "where", "/mounted", "/"),
    ("/mounted/a%20b/c", "where", "/mounted", "/a b/c"),
    ("/slash/x", "where", "/slash", "/x"),
    ("/base/further", "where", "/base/further", ""),
    ("/base/further/x", "where", "/base/further", "/x"),
    ("/root/x", "where", "/root", "/x"),  # "" is as if it were not set
    ("/pattern/x", "where", "", "/pattern/x"),
    ("/dotted/x", "where", "/dotted", "/x"),
    ("/pkg/x", "inner", "/pkg", "/x"),
    ("/one/x", "one", "/one", "/x"),
    ("/two/x", "two", "/two", "/x"),
])
def test_place(client: Client, path: str, name: str, script: str, info: str
               ) -> None:
    for _ in range(2):
        assert client.text(path) == repr((name, script, info))


@pytest.mark.parametrize("path, code, text", [
    ("/none", "MP0640", "mod_python.wsgi.application"),
    ("/module", "MP0641", "no_such_module"),
    ("/broken", "MP0400", "a_module_that_is_missing"),
    ("/callable", "MP0642", "no callable 'missing'"),
    ("/number", "MP0642", "no callable '__name__'"),
    ("/wrong", "MP0400", "must not end with a slash"),
])
def test_wrong_configuration(client: Client, log: ErrorLog, path: str,
                             code: str, text: str) -> None:
    for _ in range(2):
        assert client.get(path).status_code == 500
    lines = log.expect(code, 2)
    assert any(text in one.text for one in lines)


@pytest.mark.parametrize("path", ["/elsewhere/x", "/base/other",
                                  "/base/furthermore"])
def test_not_below_the_base(client: Client, log: ErrorLog, path: str) -> None:
    """By whole segments; httpd then looks for a file."""
    assert client.get(path).status_code == 404
    (line,) = log.expect("MP0643")
    assert line.level == "warn" and path in line.text


def test_edited(client: Client, env: Env, log: ErrorLog) -> None:
    """An application is loaded again when its file has changed."""
    def shows(name: str) -> None:
        wait_until(lambda: client.get("/edited").text
                   == repr((name, "/edited", "")), 5, name)

    shows("first")
    env.write("edited.py", WHERE % "second version")
    shows("second version")
    log.allow("MP0400")
    env.write("edited.py", "syntax error")
    wait_until(lambda: client.get("/edited").status_code == 500)
    env.write("edited.py", WHERE % "third")
    shows("third")


def test_not_looked_at(client: Client, env: Env) -> None:
    """PythonAutoReload Off; long enough for the other to have noticed."""
    client.text("/fixed")
    env.write("fixed.py", WHERE % "another version")
    env.write("edited.py", WHERE % "noticed at last")
    wait_until(lambda: "at last" in client.get("/edited").text)
    assert "first" in client.text("/fixed")


# -- variables as of mod_cgi ----------------------------------------------------------

# The server's, and the one process's; those of CGI alone.
OWN = ("PATH", "PATH_TRANSLATED", "REMOTE_PORT", "LC_CTYPE",
       "LD_LIBRARY_PATH")


def variables(port: int, target: str, method: str = "GET",
              headers: tuple[tuple[str, str | bytes], ...] = (),
              body: bytes | None = None) -> dict[str, Any]:
    with Connection(port) as raw:
        response = raw.request(target, method, headers, body,
                               host="www.example.test:8080")
    assert response.status == 200, response
    got: dict[str, Any] = json.loads(response.body)
    return {name: value for name, value in got.items()
            if not name.startswith("wsgi.") and name not in OWN}


@pytest.mark.parametrize("target", [
    "/here", "/here/", "/here/a/b?x=1&y=%20", "/here/a%20b/%C3%A4%FF",
    "/here//a///b?", "/here?a%20b+c", "/here/./x/../y", "/here/a;b=c",
    "http://www.example.test:8080/here/absolute?x",
])
@pytest.mark.parametrize("headers", [
    (),
    (("Accept", "*/*"), ("User-Agent", b"a\xe4\xff"), ("Cookie", "a=b; c"),
     ("X-Two", "1"), ("x-two", "2"), ("X_Under", "no"), ("Proxy", "no"),
     ("X-Set", "from a header"), ("Referer", "http://x/?\xe4"),
     ("If-None-Match", '"x"'), ("Authorization", "Basic YTpi")),
], ids=["plain", "headers"])
def test_as_mod_cgi(httpd: Httpd, target: str,
                    headers: tuple[tuple[str, str | bytes], ...]) -> None:
    ours = variables(httpd.port(1), target, headers=headers)
    theirs = variables(httpd.port(2), target, headers=headers)
    theirs.setdefault("PATH_INFO", "")  # PEP 3333 wants it always
    assert ours == theirs


def test_as_mod_cgi_with_body_and_user(httpd: Httpd) -> None:
    arguments = ("/here/secret/x?y", "POST", (
        ("Authorization", "Basic am9lOnRlc3Q="),
        ("Content-Type", "text/x; charset=\xe4")), b"abc")
    ours = variables(httpd.port(1), *arguments)
    assert ours == variables(httpd.port(2), *arguments)
    assert ours["REMOTE_USER"] == "joe"
    assert ours["AUTH_TYPE"] == "Basic"
    assert ours["CONTENT_LENGTH"] == "3"
    assert ours["SERVER_PORT"] == "8080"


# -- answers as of the reference server ------------------------------------------

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
BROWSER = (("Accept", "text/html,*/*;q=0.8"), ("Accept-Language", "de,en"),
           ("Cookie", "a=1; b=2"), ("User-Agent", "Mozilla/5.0 (X11)"),
           ("Referer", "http://www.example.test/"), ("X-Custom-Name", "v"))
REQUESTS = [
    *(Request(path) for path in (
        "/", "/show", "/show/", "/show?", "/show?a=b&c=d", "/show/a/b%20c",
        "/show/%C3%A4/%E2%82%AC", "/show/a+b;c=d", "/show?q=%C3%A4&q=+",
        "/missing", "/missing/x?y", "/cookies", "/cached", "/redirect",
        "/stream", "/written", "/empty", "/big", "/headers", "/lines404")),
    *(Request(f"/status?{status}") for status in (
        "201+Created", "204+No+Content", "304+Not+Modified", "400+Bad",
        "403+Own+Words", "404+Not+Here", "410+Gone", "418+Teapot",
        "500+My+Error", "503+Later")),
    Request("/show", headers=BROWSER),
    Request("/cookies", headers=BROWSER),
    Request("/cached", headers=(("If-None-Match", '"version"'),)),
    Request("/show", "POST", FORM, b"a=1"),
    Request("/show", "DELETE"),
    Request("/show", "PUT", (("Content-Type", "text/x; a=b"),), b""),
    Request("/form", "POST", FORM, b"a=1&b=%C3%A4&a=+2"),
    Request("/upload", "POST", (("Content-Type", "a/b"),), b"\0\xff" * 50_000),
    Request("/lines", "PATCH", (("Content-Type", "a/b"),), b"a\nbc\n\nd"),
    Request("/empty", "OPTIONS"),
]


def plain() -> Any:
    """The application in this process."""
    spec = importlib.util.spec_from_file_location(
        "plain_wsgi", HANDLER_SOURCES / "plain_wsgi.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.application


def test_as_the_reference_server(httpd: Httpd) -> None:
    assert len(REQUESTS) >= 40
    with serving(plain()) as reference:
        found = differences(httpd.port(3), reference, REQUESTS)
    assert not found, "\n".join(found)


def test_differences_are_seen(httpd: Httpd) -> None:
    def other(environ: Any, start_response: Any) -> list[bytes]:
        start_response("299 Other", [("Content-Type", "text/plain")])
        return [b""]

    with serving(other) as reference:
        found = differences(httpd.port(3), reference, REQUESTS)
    assert len(found) == len(REQUESTS)
