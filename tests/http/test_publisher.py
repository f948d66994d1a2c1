# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.publisher in a running httpd: what is published, and how."""
from __future__ import annotations

import ast
import base64
import hashlib
import os
from typing import Any

import pytest
from requests.auth import HTTPDigestAuth

from harness.client import Client
from harness.conf import ONE
from harness.env import HANDLER_SOURCES, Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.raw import Connection
from harness.tools import concurrently

WORKERS = ONE

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler mod_python.publisher
    PythonDebug Off
</Directory>
<Directory "${DOCROOT}/by_extension">
    SetHandler None
    AddHandler mod_python .py .pub
    DirectoryIndex index.py
</Directory>
<Directory "${DOCROOT}/by_list">
    PythonHandler mod_python.publisher | .html .htm
</Directory>
<Directory "${DOCROOT}/debug">
    PythonDebug On
</Directory>
<Directory "${DOCROOT}/fixed">
    PythonAutoReload Off
</Directory>
<Directory "${DOCROOT}/second">
    PythonInterpreter second
</Directory>
<Location "/by_httpd">
    AuthType Basic
    AuthName "httpd"
    AuthBasicProvider file
    AuthUserFile "${ROOT}/conf/users"
    Require valid-user
</Location>
<Location "/digest">
    AuthType Digest
    AuthName "digest"
    AuthDigestProvider file
    AuthUserFile "${ROOT}/conf/digest"
    Require valid-user
</Location>
"""

PLAIN = "text/plain; charset=UTF-8"
HTML = "text/html; charset=UTF-8"


def configure(env: Env) -> None:
    add_packages(env, "multipart")
    for source in (HANDLER_SOURCES / "test_publisher").glob("*.py"):
        env.write(source.name, source.read_bytes())
    for place in ("by_extension", "by_list", "sub", "second", "by_httpd",
                  "digest", "debug"):
        env.write(f"{place}/index.py", (
            "def index(req): return 'index of ' + req.interpreter\n"
            "def name(req): return 'name of ' + __file__\n"
            "def user(req):\n"
            "    __access__ = ('joe',)\n"
            "    return 'user ' + req.user\n"
            "nothing = None\n"))
    env.write("by_extension/other.py", "x = 'x of other'\n")
    env.write("by_extension/plain.txt", "a file")
    env.write("by_list/other.py", "x = 'x of other'\n")
    env.write("sub/dotted.name.py", "x = 'x of dotted.name'\n")
    env.write("empty/readme.txt", "no module")
    env.write("package/__init__.py", "x = 'x of the package'\n")
    env.write("package/part.py", "x = 'x of a part'\nfrom helper import x as y\n")
    env.write("package/helper.py", "x = 'x of the helper'\n")
    env.write("other/helper.py", "x = 'another helper'\n")
    env.write("other/index.py", "from helper import x\n")
    env.write("calendar.py", "def page(): return 'my calendar'\n"
              "class Day:\n    name = 'Sunday'\nday = Day()\n")
    env.write(str(env.root / "conf" / "users"), "".join(
        f"{user}:{{SHA}}kGByAB793z4R5tK1eC9Hd/4Dhzk=\n"
        for user in ("joe", "jim")))  # SHA-1 of "geheim"
    env.write(str(env.root / "conf" / "digest"), "".join(
        f"{user}:digest:" + hashlib.md5(
            f"{user}:digest:geheim".encode()).hexdigest() + "\n"
        for user in ("joe", "jim")))


def basic(text: str | bytes, encoding: str = "utf-8") -> dict[str, str]:
    raw = text.encode(encoding) if isinstance(text, str) else text
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}


JOE = basic("joe:joe")
JIM = basic("jim:jim")


# -- the way to an object -----------------------------------------------------------


@pytest.mark.parametrize(("path", "expected"), [
    ("/", "index "), ("/index.py", "index "), ("/index", "index "),
    ("/index.py/", "index /"), ("/index/index", "index /index"),
    ("/index.py/text", "text"), ("/index/text", "text"), ("/text", "text"),
    ("/text/", "text"), ("/number", "5"), ("/truth", "False"),
    ("/data", "{'a': 1}"), ("/items", "['a', 1]"), ("/nothing", ""),
    ("/umlauts", "\u00e4\u20ac"), ("/surrogate", "\udcff"),
    ("/buffer", "buffer"),
    ("/thing/value", "value"), ("/thing.value", "value"),
    ("/thing/method", "method x GET"), ("/thing.again/again.method",
                                        "method x GET"),
    ("/thing/of_class", "value"), ("/thing/prop", "prop"),
    ("/thing/inner/x", "deep"), ("/thing", "a thing"),
    ("/callable_thing", "called by nobody"),
    ("/callable_thing/value", "value"),
    ("/dynamic/anything", "dynamic anything"),
    ("/lambda_page", "lambda nobody"), ("/empty_generator", ""),
    ("/mapped", "12"),
    ("/sub/", "index of localhost"), ("/second/", "index of second"),
    ("/sub/index", "index of localhost"),
    ("/sub/dotted.name.py/x", "x of dotted.name"),
    ("/sub/dotted.name/x", "x of dotted.name"),
    ("/package/part/x", "x of a part"), ("/package/part/y",
                                         "x of the helper"),
    ("/other/x", "another helper"),
    ("/calendar/page", "my calendar"), ("/calendar/day/name", "Sunday"),
])
def test_published(client: Client, path: str, expected: str) -> None:
    assert client.text(path) == expected


@pytest.mark.parametrize(("path", "status"), [
    ("/none", 404), ("/index.py/none", 404), ("/none/text", 404),
    ("/thing/none", 404), ("/dynamic/none", 404), ("/empty/", 404),
    ("/empty/x", 404), ("/package/", 404), ("/package/x", 404),
    ("/text/upper", 403), ("/data/a", 403), ("/number/real", 403),
    ("/hello/x", 403), ("/thing/method/x", 403), ("/Thing", 403),
    ("/returns_class", 403), ("/apache", 403), ("/functools/partial", 403),
    ("/thing/_x", 403), ("/_x", 403), ("/package/__init__", 403),
    ("/package/__init__.py/x", 403), ("/SimpleNamespace", 403),
])
def test_not_published(client: Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_exact_bytes(client: Client) -> None:
    assert client.get("/raw").content == b"\xff\x00"


@pytest.mark.parametrize(("path", "expected"), [
    ("/by_extension/", "index of localhost"),
    ("/by_extension/index.py/name", "name of {}/by_extension/index.py"),
    ("/by_extension/index.pub/name", "name of {}/by_extension/index.py"),
    ("/by_extension/name.py", "name of {}/by_extension/index.py"),
    ("/by_extension/other.pub/x", "x of other"),
    ("/by_list/other.html/x", "x of other"),
    ("/by_list/other.htm/x", "x of other"),
    ("/by_list/name.html", "name of {}/by_list/index.py"),
])
def test_extensions(env: Env, client: Client, path: str, expected: str
                    ) -> None:
    assert client.text(path) == expected.format(env.docroot)


def test_extensions_that_are_not_ours(client: Client) -> None:
    assert client.text("/by_extension/plain.txt") == "a file"
    assert client.get("/by_extension/other.html/x").status_code == 404


def test_methods(client: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "PROPFIND", "UNKNOWN"):
        response = client.request(method, "/text")
        assert response.status_code == 405, method
        allowed = {one.strip() for one in response.headers["Allow"].split(",")}
        assert allowed - {"TRACE"} == {"GET", "HEAD", "POST"}
    assert client.text("/text", "POST") == "text"
    response = client.head("/text")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == PLAIN
    assert response.headers["Content-Length"] == "4"


# -- arguments ----------------------------------------------------------------------


@pytest.mark.parametrize(("path", "expected"), [
    ("/hello?name=Joe&x=1", "Hello Joe"),
    ("/hello?name=Joe&greeting=Hi", "Hi Joe"),
    ("/hello?name=", "Hello "), ("/hello?name=%C3%A4+%FF", "Hello \u00e4 \udcff"),
    ("/hello?name=a&name=b", "Hello ['a', 'b']"),
    ("/reversed_hello?name=Joe", "Joe GET"), ("/only?name=Joe", "Joe"),
    ("/rest?b=2&first=1&a=", "['1', (), [('a', ''), ('b', '2')]]"),
    ("/rest?args=1&kw=2", "[None, (), [('args', '1'), ('kw', '2')]]"),
    ("/thing/method?name=Joe", "method Joe GET"),
    ("/thing/method?name=Joe&self=1&req=2", "method Joe GET"),
    ("/thing/static?name=Joe", "static Joe"),
    ("/thing/inner/f?name=Joe", "Hello Joe"),
    ("/callable_thing?name=Joe", "called by Joe"),
    ("/decorated?name=Joe", "logged JoeGET"),
    ("/cached?name=Joe", "cached Joe"), ("/partial?name=Joe", "Hi Joe"),
    ("/lambda_page?name=Joe", "lambda Joe"),
    ("/own_form?a=1&b=", "[['a', 'b'], '1']"),
    ("/returns_function?name=Joe", "Hello Joe"),
])
def test_arguments(client: Client, path: str, expected: str) -> None:
    assert client.text(path) == expected


@pytest.mark.parametrize("path", [
    "/hello", "/hello?greeting=Hi", "/only", "/reversed_hello", "/decorated",
    "/thing/static", "/hello?Name=Joe"])
def test_missing_arguments(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_forms(client: Client) -> None:
    assert client.text("/hello?greeting=Hi", "POST", data={
        "name": "\u00e4"}) == "Hi \u00e4"
    assert client.text("/hello", "POST", data={"name": "a"},
                       files={"greeting": ("n", b"x")}).endswith(" a")
    assert client.text("/shown", "POST", files={"x": ("n.bin", b"\xff")}) == (
        "['Field', 'n.bin', b'\\xff']")
    assert client.text("/shown", "POST", data={"x": "1"}) == "['str', '1']"
    assert client.text("/shown?x=1", "POST", data={"x": "2"}) == (
        "['list', ['1', '2']]")


def test_no_json(client: Client, log: ErrorLog) -> None:
    """Arguments are those of forms."""
    assert client.request("POST", "/hello", json={"name": "Joe"}
                          ).status_code == 415
    log.expect("MP0607")
    # what is no callable takes no arguments, and reads nothing
    assert client.text("/text", "POST", json={}) == "text"


# -- what is sent --------------------------------------------------------------------


@pytest.mark.parametrize(("path", "kind"), [
    ("/text", PLAIN), ("/page", HTML), ("/early", PLAIN), ("/raw", PLAIN),
    ("/data", PLAIN), ("/generator", HTML), ("/number", PLAIN),
    ("/json_itself", "application/json"),
    ("/written", "text/x-mine; charset=latin-1")])
def test_types(client: Client, path: str, kind: str) -> None:
    assert client.get(path).headers["Content-Type"] == kind


def test_generator(client: Client) -> None:
    response = client.get("/generator")
    assert response.content == b"<html>5\xff</html>"
    assert response.headers["Content-Length"] == "15"


def test_written_before(client: Client) -> None:
    response = client.get("/written")
    assert response.status_code == 201
    assert response.headers["X-Mine"] == "yes"
    assert response.text == "written, returned"


def test_nothing(client: Client, log: ErrorLog) -> None:
    response = client.get("/nothing")
    assert (response.status_code, response.content) == (200, b"")
    assert not log.records("nothing to publish")
    assert client.text("/debug/nothing") == ""
    log.wait("mod_python.publisher: nothing to publish")


def test_results(client: Client) -> None:
    assert client.get("/code?status=404").status_code == 404
    assert client.get("/code?status=503").status_code == 503
    assert client.text("/code?status=0") == ""
    response = client.get("/moved")
    assert response.status_code == 302
    assert response.headers["Location"] == "/elsewhere"


def test_errors(client: Client, log: ErrorLog) -> None:
    response = client.get("/fails")
    assert response.status_code == 500
    assert "of the page" not in response.text
    log.expect("MP0400: PythonHandler mod_python.publisher: "
               "uncaught exception: ValueError: of the page")
    assert "in fails" in log.text()


def test_many_at_once(httpd: Httpd) -> None:
    def get(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/hello?name={number}")

    assert concurrently(get, 60) == [f"Hello {n}" for n in range(60)]


# -- the module ----------------------------------------------------------------------


def test_reload(env: Env, client: Client) -> None:
    from harness.tools import wait_until

    env.write("changing.py", "x = 'one'\n")
    env.write("fixed/changing.py", "x = 'one'\n")
    assert client.text("/changing/x") == "one"
    assert client.text("/fixed/changing/x") == "one"
    env.write("changing.py", "x = 'second'\n")
    env.write("fixed/changing.py", "x = 'second'\n")
    wait_until(lambda: client.text("/changing/x") == "second")
    assert client.text("/fixed/changing/x") == "one"


def test_broken_module(env: Env, client: Client, log: ErrorLog) -> None:
    env.write("broken.py", "x = = 1\n")
    assert client.get("/broken/x").status_code == 500
    log.expect("SyntaxError")
    assert f'File "{env.docroot}/broken.py", line 1' in log.text()
    os.unlink(env.docroot / "broken.py")
    assert client.get("/broken/x").status_code == 404


def test_import_of_the_handler(env: Env, start_httpd: Any) -> None:
    """The handlers of two directories with modules of the same name."""
    assert env  # the module's server runs beside
    server = start_httpd(
        '<Directory "${DOCROOT}">\nSetHandler mod_python\n'
        "PythonHandler mod_python.publisher\n</Directory>")
    for place in "ab":
        server.env.write(f"{place}/page.py", f"x = 'page of {place}'\n")
    with Client(server.port()) as client:
        for place in "aba":
            assert client.text(f"/{place}/page/x") == f"page of {place}"


def test_replaced_functions(env: Env, start_httpd: Any) -> None:
    """Old applications replace functions of the module."""
    server = start_httpd(
        '<Directory "${DOCROOT}">\nSetHandler mod_python\n'
        "PythonHandler mod_python.publisher\n</Directory>")
    server.env.write("index.py", (
        "from mod_python import publisher, util\n"
        "original = publisher.publish_object\n"
        "def publish(req, object):\n"
        "    req.write('replaced, ')\n"
        "    return original(req, object)\n"
        "publisher.publish_object = publish\n"
        "apply_data = util.apply_fs_data\n"
        "util.apply_fs_data = lambda object, fs, **args: "
        "apply_data(object, fs, **{**args, 'name': 'Jim'})\n"
        "def hello(name): return name\n"))
    with Client(server.port()) as client:
        assert client.text("/hello?name=Joe") == "replaced, replaced, Jim"


# -- guards --------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "headers", "status", "realm"), [
    ("/guards/open_page", {}, 200, None),
    ("/guards/page", {}, 401, "nested"),
    ("/guards/page", JOE, 200, None),
    ("/guards/page", JIM, 403, None),
    ("/guards/page", basic("joe:wrong"), 401, "nested"),
    ("/guards/constants", {}, 403, None),
    ("/guards/users", {}, 401, "unknown"),
    ("/guards/users", JOE, 200, None), ("/guards/users", JIM, 200, None),
    ("/guards/users", basic("jack:jack"), 403, None),
    ("/guards/attribute", {}, 401, "by attribute"),
    ("/guards/attribute", JOE, 200, None),
    ("/guards/attribute", JIM, 401, "by attribute"),
    ("/guards/attribute", basic("\u00e4:\u20ac"), 200, None),
    ("/guards/decorated", {}, 401, "unknown"),
    ("/guards/decorated", JOE, 200, None),
    ("/guards/guarded/text", {}, 401, "class"),
    ("/guards/guarded/text", JIM, 200, None),
    ("/guards/guarded/method", JIM, 403, None),
    ("/guards/guarded/method", JOE, 200, None),
    ("/guards/instance/text", {}, 401, "instance"),
    ("/guards/instance/text", JOE, 200, None),
    ("/guards/instance/inner/text", {}, 401, "instance"),
    ("/guards/instance/inner/text", JOE, 200, None),
    ("/guards/instance/inner/text", JIM, 401, "instance"),
    ("/guards/callable_instance", {}, 401, "unknown"),
    ("/guards/callable_instance", JOE, 200, None),
    ("/guards/refuses", JOE, 503, None),
    ("/module_guards/text", {}, 401, 'the \\"module\\"'),
    ("/module_guards/text", JOE, 200, None),
    ("/module_guards/text", JIM, 403, None),
    ("/module_guards/none", {}, 401, 'the \\"module\\"'),
    ("/module_guards/none", JOE, 404, None),
    ("/module_guards/inner", JOE, 403, None),
    ("/module_guards/inner", JIM, 403, None),
    ("/returns_guarded", JOE, 403, None),
])
def test_guards(client: Client, path: str, headers: dict[str, str],
                status: int, realm: str | None) -> None:
    response = client.get(path, headers=headers)
    assert response.status_code == status
    assert response.headers.get("WWW-Authenticate") == (
        None if realm is None else f'Basic realm="{realm}"')
    if status != 200:
        assert "never" not in response.text


def test_user_is_set(client: Client) -> None:
    assert client.text("/module_guards/page", headers=JOE) == "page of joe"


@pytest.mark.parametrize(("header", "seen"), [
    (basic("joe:a:b"), "['joe', 'a:b']"), (basic(":"), "['', '']"),
    (basic("\u00e4:\u00f6", "latin-1"), "['\u00e4', '\u00f6']"),
    (basic("\u00e4:\u00f6"), "['\u00e4', '\u00f6']"),
    ({"Authorization": "basic " + "am9lOmpvZQ=="}, "['joe', 'joe']"),
    ({}, "[None, None]"), ({"Authorization": "Bearer x"}, "[None, None]"),
])
def test_credentials(client: Client, header: dict[str, str], seen: str
                     ) -> None:
    text = client.text("/guards/seen", headers=header)
    assert ast.literal_eval(text)[0] == seen


@pytest.mark.parametrize("value", [
    b"Basic", b"Basic ", b"Basic x", b"Basic !!!!", b"basic eA==",
    b"Basic \xff\xfe", b"Basic am9lOmpvZQ", b"Basic  ", b"BASIC =",
    b"Basic am9l OmpvZQ=="])
def test_malformed_credentials(httpd: Httpd, value: bytes) -> None:
    with Connection(httpd.port()) as raw:
        response = raw.request("/guards/page",
                               headers=[("Authorization", value)])
    assert response.status == 400


def test_several_authorization_headers(raw: Connection) -> None:
    response = raw.request("/guards/page", headers=[
        *basic("jim:x").items(), *JOE.items()])
    assert response.status == 400


def test_guard_that_fails(client: Client, log: ErrorLog) -> None:
    assert client.get("/guards/fails", headers=JOE).status_code == 500
    log.expect("of the guard")


def test_guard_that_is_none(client: Client, log: ErrorLog) -> None:
    assert client.get("/guards/wrong/text", headers=JOE).status_code == 500
    log.expect("MP0621")


def test_guard_that_is_not_understood(client: Client, log: ErrorLog) -> None:
    assert client.get("/guards/unclear", headers=JOE).status_code == 403
    log.expect("MP0620: not published: __access__ inside unclear")


def test_access_is_for_those_who_proved_it(client: Client) -> None:
    """A name in a header that nobody has checked is nobody's."""
    assert client.get("/guards/access_only", headers=JOE).status_code == 403
    assert client.get("/guards/access_only").status_code == 403


def test_users_of_httpd(client: Client, log: ErrorLog) -> None:
    ask = client.get("/by_httpd/user")
    assert ask.status_code == 401
    assert 'realm="httpd"' in ask.headers["WWW-Authenticate"]
    assert client.text("/by_httpd/user", headers=basic("joe:geheim")) == (
        "user joe")
    assert client.get("/by_httpd/user", headers=basic("jim:geheim")
                      ).status_code == 403
    assert client.get("/by_httpd/user", headers=JOE).status_code == 401
    log.expect("AH01617")


def test_users_of_another_scheme(client: Client) -> None:
    for user, status in (("joe", 200), ("jim", 403)):
        response = client.get("/digest/user",
                              auth=HTTPDigestAuth(user, "geheim"))
        assert response.status_code == status
