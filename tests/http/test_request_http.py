# SPDX-License-Identifier: Apache-2.0
"""What the request object has httpd do: conditions, redirects, credentials,
host names, TLS, CGI variables, WSGI."""
from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from harness.client import Client
from harness.codec import decode
from harness.conf import EVAL
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tls import Authority
from harness.tools import wait_until

MODULES = ["ssl"]

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_http
</Directory>
PythonTransHandler test_request_http
FileETag INode Size
SetEnv FROM_SETENV "a \xe4"
<Location "/basic/typed">
    AuthType Basic
    AuthName "the realm"
</Location>
<Location "/-eval/typed">
    AuthType Basic
    AuthName "the realm"
</Location>
<Location "/environ/app/">
    SetHandler mod_python
    PythonHandler test_request_http
</Location>
<Location "/environ/other">
    PythonOption mod_python.wsgi.base_uri /environ/oth
</Location>
<Location "/environ/base">
    PythonOption mod_python.wsgi.base_uri /environ
</Location>
<Location "/environ/slash">
    PythonOption mod_python.wsgi.base_uri /environ/
</Location>
<LocationMatch "^/environ/(pattern)">
    SetHandler mod_python
    PythonHandler test_request_http
</LocationMatch>
<VirtualHost *:${PORT1}>
    ServerName localhost
    SSLEngine On
    SSLCertificateFile "${ROOT}/localhost.pem"
    SSLCertificateKeyFile "${ROOT}/localhost.key"
    PythonTransHandler test_request_http
    DocumentRoot "${DOCROOT}"
</VirtualHost>
""" + EVAL


def configure(env: Env) -> None:
    env.write("file", b"content")
    Authority(env.root).issue("localhost", addresses=("127.0.0.1",))


@pytest.fixture
def tls(env: Env) -> Client:
    client = Client(env.port(1), scheme="https")
    client.session.verify = str(env.root / "ca.pem")
    return client


# -- conditions -------------------------------------------------------------

DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


@pytest.mark.parametrize(("header", "value", "expected"), [
    ("If-Modified-Since", DATE, 304),
    ("If-Modified-Since", "Sat, 08 Sep 2001 01:46:40 GMT", 200),
    ("If-Unmodified-Since", "Sat, 08 Sep 2001 01:46:40 GMT", 412),
    ("If-None-Match", '"tag"', 304), ("If-None-Match", '"other"', 200),
    ("If-Match", '"other"', 412), ("If-Match", '"tag"', 200)])
def test_conditions(client: Client, header: str, value: str, expected: int
                    ) -> None:
    response = client.get("/conditions", headers={header: value})
    assert response.status_code == expected
    if expected == 200:
        assert response.headers["Last-Modified"] == DATE


def test_mtime(client: Client) -> None:
    assert client.json("/conditions?1234567890.25") == 1234567890.25
    # it only ever becomes later
    assert client.eval(
        "[req.update_mtime(5), req.update_mtime(3.5), req.mtime]") == [
            None, None, 5.0]
    for bad in ("float('nan')", "1e300", "float('inf')"):
        assert client.eval(f"raised(req.update_mtime, {bad})").startswith(
            "ValueError: ")
    assert client.eval("raised(req.update_mtime, 'x')").startswith(
        "TypeError: ")


def test_etag(client: Client, env: Env) -> None:
    tag = client.json("/etag")
    assert tag.endswith('-7"')
    assert client.get("/etag").headers["ETag"] == tag


def test_content_length(client: Client) -> None:
    assert client.text("/length") == "[5, '5']"
    for bad, error in (("-1", "OverflowError"), ("2**63", "OverflowError"),
                       ("'1'", "TypeError"), ("1.0", "TypeError"),
                       ("True", "TypeError")):
        assert client.eval(
            f"raised(req.set_content_length, {bad})").startswith(error)


# -- URLs and redirects --------------------------------------------------------


def test_internal_redirect(client: Client, log: ErrorLog) -> None:
    response = client.get("/redirect")
    assert response.text == "[/target query=1 /redirect]"
    assert response.headers["X-New"] == "1"
    wait_until(lambda: any(record.text.startswith("late: the response")
                           for record in log.records()))


def test_output_before_a_redirect(client: Client) -> None:
    assert client.get("/redirect?before").text == (
        "before[/target query=1 /redirect]")


def test_error_after_a_redirect(client: Client, log: ErrorLog) -> None:
    assert client.get("/redirect_then_fail").text == (
        "[/target None /redirect_then_fail]")
    log.expect("MP0400.*LookupError: after the response")


def test_redirect_arguments(client: Client) -> None:
    assert client.eval("raised(req.internal_redirect, 1)").startswith(
        "TypeError: ")
    assert client.eval("raised(req.internal_redirect, '/a\\0b')").startswith(
        "ValueError: ")


def test_construct_url(client: Client, tls: Client) -> None:
    assert client.eval("req.construct_url('/a b')", headers={
        "Host": "example.org"}) in ("http://example.org/a b",
                                    f"http://example.org:{client.port}/a b")
    assert client.eval("req.construct_url(b'/x')") == (
        f"http://127.0.0.1:{client.port}/x")
    assert tls.eval("req.construct_url('/x')") == (
        f"https://127.0.0.1:{tls.port}/x")


# -- methods ---------------------------------------------------------------------


def allowed(client: Client, query: str = "") -> list[str]:
    response = client.get("/allow" + query)
    assert response.status_code == 405
    names = response.headers.get("Allow", "")
    return sorted(name for name in names.split(",") if name)


def test_allow_methods(client: Client) -> None:
    assert {"GET", "POST", "PUT"} <= set(allowed(client))
    assert "DELETE" not in allowed(client)
    assert "DELETE" in allowed(client, "?reset")
    assert "PUT" not in allowed(client, "?reset")
    assert "GET" not in allowed(client, "?clear")


@pytest.mark.parametrize(("argument", "error"), [
    ("1", "TypeError"), ("'GET'", "TypeError"), ("[None]", "TypeError"),
    ("[1.5]", "TypeError"), ("[True]", "TypeError"),
    ("['']", "ValueError"), ("['A B']", "ValueError"),
    ("['A\\r\\nX: y']", "ValueError"), ("[-1]", "ValueError"),
    ("[63]", "ValueError"), ("[apache.M_INVALID]", "ValueError")])
def test_bad_methods(client: Client, argument: str, error: str) -> None:
    assert client.eval(f"raised(req.allow_methods, {argument})").startswith(
        error + ": ")


# -- credentials -------------------------------------------------------------------


def credentials(data: bytes, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(data).decode()}"}


@pytest.mark.parametrize(("data", "user", "password"), [
    (b"spam:eggs", "spam", "eggs"), (b"spam:", "spam", ""),
    (b"spam:a:b", "spam", "a:b"),
    ("\u00e4:\u20ac".encode(), "\u00e4", "\u20ac"),
    (b"\xe4:\xff", "\xe4", "\xff")])
@pytest.mark.parametrize("path", ["/basic", "/basic/typed"])
def test_basic(client: Client, path: str, data: bytes, user: str,
               password: str) -> None:
    assert client.json(path, headers=credentials(data)) == [
        None, password, user, "Basic"]


def test_no_basic_credentials(client: Client) -> None:
    none = [None, None, None, None]
    assert client.json("/basic") == none
    assert client.json("/basic", headers=credentials(b"x:y", "Bearer")) == none


def test_auth_name_and_type(client: Client) -> None:
    assert client.eval("[req.auth_name(), req.auth_type()]") == [None, None]
    assert client.eval("[req.auth_name(), req.auth_type()]", "/typed") == [
        "the realm", "Basic"]


# -- the client ---------------------------------------------------------------------


def test_remote_host(client: Client) -> None:
    assert client.eval("req.get_remote_host(apache.REMOTE_NOLOOKUP)") == (
        "127.0.0.1")
    assert client.eval("req.get_remote_host()") == "127.0.0.1"
    assert client.eval("req.get_remote_host(apache.REMOTE_HOST)") is None
    assert client.eval(
        "req.get_remote_host(apache.REMOTE_NOLOOKUP, 1)") == ["127.0.0.1", 1]
    assert client.eval(
        "req.get_remote_host(apache.REMOTE_NOLOOKUP, '')") == ["127.0.0.1", 1]
    assert client.eval("req.get_remote_host(apache.REMOTE_DOUBLE_REV)") in (
        None, "localhost")
    assert client.eval("raised(req.get_remote_host, 4)").startswith(
        "OverflowError: ")
    assert client.eval("raised(req.get_remote_host, 'x')").startswith(
        "TypeError: ")


def test_without_tls(client: Client) -> None:
    assert client.eval("[req.is_https(), req.ssl_var_lookup('SSL_PROTOCOL')]"
                       ) in ([0, None], [0, ""])
    assert client.eval("raised(req.ssl_var_lookup, 1)").startswith(
        "TypeError: ")
    assert client.json("/early")[:2] == "[0"


def test_with_tls(tls: Client) -> None:
    assert tls.eval("req.is_https()") == 1
    assert tls.eval("req.ssl_var_lookup('SSL_PROTOCOL')").startswith("TLSv1")
    assert tls.eval("req.ssl_var_lookup(b'HTTPS')") == "on"
    assert tls.eval("req.ssl_var_lookup('SSL_SERVER_S_DN_CN')") == "localhost"
    assert tls.json("/early") == "[1, 'on']"


# -- CGI variables and expressions ---------------------------------------------------


def test_cgi_vars(client: Client) -> None:
    env = client.json("/cgi/more%20info?a=b", headers={"X-Header": "v"})
    assert env["REQUEST_METHOD"] == "GET"
    assert env["SCRIPT_NAME"] == "/cgi"
    assert env["PATH_INFO"] == "/more info"
    assert env["QUERY_STRING"] == "a=b"
    assert env["REQUEST_URI"] == "/cgi/more%20info?a=b"
    assert env["HTTP_X_HEADER"] == "v"
    assert env["SERVER_PORT"] == str(client.port)
    assert env["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert "PATH_TRANSLATED" not in env
    plain = client.json("/cgi")
    assert plain["SCRIPT_NAME"] == "/cgi"
    assert "PATH_INFO" not in plain


def test_common_vars(client: Client) -> None:
    env = client.json("/common", headers={"X-Header": "v"})
    assert env["HTTP_X_HEADER"] == "v"
    assert env["REMOTE_ADDR"] == "127.0.0.1"
    assert "REQUEST_METHOD" not in env


def test_send_http_header_does_nothing(client: Client) -> None:
    assert client.eval("req.send_http_header()") is None


def test_expr(client: Client) -> None:
    assert client.eval("req.expr('%{REQUEST_URI} %{HTTP:X-Y}')", "/a",
                       headers={"X-Y": "z"}) == "/-eval/a z"
    assert client.eval("req.expr('plain')") == "plain"
    assert client.eval("req.expr('')") == ""
    assert client.eval("req.expr(b'%{tolower:ABC}')") == "abc"
    assert client.eval("raised(req.expr, '%{unclosed')").startswith(
        "ValueError: ")
    assert client.eval("raised(req.expr, '%{NO_SUCH_THING}')").startswith(
        "ValueError: ")
    assert client.eval("raised(req.expr, 1)").startswith("TypeError: ")


# -- WSGI: the half in C -----------------------------------------------------------


def test_environ(raw: Connection, mpm: str) -> None:
    response = raw.request(
        b"/environ/app/%e4%2b?q=%41", "POST",
        [("X-Header", "a"), ("X-Latin", b"\xe4"), ("Content-Type", "x/y"),
         ("Authorization", "Basic eDp5"), ("Proxy", "evil"),
         ("Proxy-Authorization", "Basic eDp5"), ("X_Under", "evil"),
         ("X-Twice", "1"), ("X-Twice", "2")], b"body")
    env = json.loads(response.body, object_hook=decode)
    expected = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "/environ/app",
        "PATH_INFO": "/\xe4+", "QUERY_STRING": "q=%41",
        "REQUEST_URI": "/environ/app/%e4%2b?q=%41",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "x/y",
        "CONTENT_LENGTH": "4", "HTTP_X_HEADER": "a", "HTTP_X_LATIN": "\xe4",
        "HTTP_AUTHORIZATION": "Basic eDp5", "HTTP_X_TWICE": "1, 2",
        "REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http",
        "GATEWAY_INTERFACE": "CGI/1.1", "FROM_SETENV": "a \xc3\xa4",
        "wsgi.version": [1, 0], "wsgi.url_scheme": "http",
        "wsgi.multithread": mpm != "prefork", "wsgi.multiprocess": True,
        "wsgi.run_once": False, "wsgi.input_terminated": True}
    assert {name: env.get(name) for name in expected} == expected
    for absent in ("HTTP_PROXY", "HTTP_PROXY_AUTHORIZATION", "HTTP_X_UNDER",
                   "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "REMOTE_USER"):
        assert absent not in env


def test_environ_of_plain_handlers(client: Client) -> None:
    env = client.json("/environ/x")
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == ("", "/environ/x")
    assert env["QUERY_STRING"] == ""
    env = client.json("/environ/pattern")
    assert env["SCRIPT_NAME"] == ""


def test_environ_with_tls(tls: Client) -> None:
    env = tls.json("/environ/x")
    assert env["wsgi.url_scheme"] == "https"
    assert env["HTTPS"] == "on"


def test_environ_base_uri(client: Client) -> None:
    env = client.json("/environ/base/x")
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == ("/environ", "/base/x")
    assert client.json("/environ/other") is None  # whole segments only


def test_environ_bad_base_uri(client: Client, log: ErrorLog) -> None:
    assert client.get("/environ/slash").status_code == 500
    log.expect("MP0400.*ValueError: PythonOption mod_python.wsgi.base_uri")


def test_environ_of_a_location(client: Client) -> None:
    env = client.json("/environ/app")
    assert env["SCRIPT_NAME"] in ("", "/environ/app")


def started(client: Client, arguments: str) -> tuple[int, str, dict[str, str]]:
    response = client.get("/start?" + quote(arguments))
    assert response.text == "body"
    return (response.status_code, response.reason, dict(response.headers))


def test_start_response(client: Client) -> None:
    status, reason, headers = started(
        client, "('404 Not Here', [('X-A', 'a\xe4'), (b'X-B', b'\\xff'), "
        "['Content-Type', 'x/y'], ('Set-Cookie', 'a=1'), "
        "('Set-Cookie', 'b=2')])")
    assert (status, reason) == (404, "Not Here")
    assert headers["Content-Type"] == "x/y"
    assert headers["Set-Cookie"] == "a=1, b=2"
    assert headers["X-A"] == "a\xe4"
    assert headers["X-B"] == "\xff"


def test_start_response_takes_subclasses(client: Client) -> None:
    status, _, headers = started(
        client, "(type('S', (str,), {})('201 Made'), "
        "type('L', (tuple,), {})([('X-A', '1')]), None)")
    assert (status, headers["X-A"]) == (201, "1")


def test_start_response_without_reason(client: Client) -> None:
    assert started(client, "('404', [])")[:2] == (404, "Not Found")


def test_start_response_length(client: Client) -> None:
    _, _, headers = started(client, "('200 OK', [('content-length', '4')])")
    assert headers["Content-Length"] == "4"


@pytest.mark.parametrize(("arguments", "error"), [
    ("('', [])", "ValueError"), ("('20 OK', [])", "ValueError"),
    ("('2000 OK', [])", "ValueError"), ("('abc', [])", "ValueError"),
    ("('099 X', [])", "ValueError"), ("('600 X', [])", "ValueError"),
    ("('200 OK\\r\\nX: y', [])", "ValueError"),
    ("('200 \\u20ac', [])", "ValueError"),
    ("(200, [])", "TypeError"), ("(None, [])", "TypeError"),
    ("('200 OK', None)", "TypeError"), ("('200 OK', {})", "TypeError"),
    ("('200 OK', [1])", "TypeError"), ("('200 OK', ['ab'])", "TypeError"),
    ("('200 OK', [('a',)])", "TypeError"),
    ("('200 OK', [('a', 1)])", "TypeError"),
    ("('200 OK', [('a', None)])", "TypeError"),
    ("('200 OK', [('', '1')])", "ValueError"),
    ("('200 OK', [('a b', '1')])", "ValueError"),
    ("('200 OK', [('a:', '1')])", "ValueError"),
    ("('200 OK', [('a', '1\\n')])", "ValueError"),
    ("('200 OK', [('a', '\\0')])", "ValueError"),
    ("('200 OK', [('a', '\\u20ac')])", "ValueError"),
    ("('200 OK', [('Connection', 'x')])", "ValueError"),
    ("('200 OK', [('transfer-encoding', 'chunked')])", "ValueError"),
    ("('200 OK', [('Content-Length', '-1')])", "ValueError"),
    ("('200 OK', [('Content-Length', '1x')])", "ValueError"),
    ("('200 OK', [('Content-Length', '')])", "ValueError"),
    ("('200 OK', [], 1)", "TypeError"),
    ("('200 OK', [], (1, 2, 3))", "TypeError"),
    ("('200 OK',)", "TypeError"), ("()", "TypeError")])
def test_start_response_refuses(client: Client, arguments: str, error: str
                                ) -> None:
    assert client.json("/start_error?" + quote(arguments)).startswith(
        error + ": ")


def test_start_response_again(client: Client) -> None:
    response = client.get("/start_twice")
    assert (response.status_code, response.reason) == (503, "Gone Fishing")
    assert response.text == "second"
    assert response.headers["X-B"] == "2, 3"
    assert response.headers["X-Mine"] == "kept"
    assert "X-A" not in response.headers
    assert response.headers.get("Content-Type") != "text/first"


def test_start_response_after_output(client: Client) -> None:
    assert client.text("/start_too_late") == (
        "begun['the headers have been sent', 'original']")
