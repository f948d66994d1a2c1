# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Each member of the request: its value, and what setting it does."""
from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.httpd import Httpd
from harness.raw import Connection

READ_ONLY = (
    "connection server next prev main interpreter phase extension hlist "
    "the_request protocol proto_num method method_number header_only "
    "hostname request_time mtime _content_type_set content_encoding "
    "content_languages vlist_validator unparsed_uri parsed_uri allowed "
    "allowed_methods allowed_xmethods headers_in headers_out "
    "err_headers_out subprocess_env notes sent_bodyct bytes_sent clength "
    "range remaining read_length read_body read_chunked expecting_100 "
    "eos_sent useragent_addr useragent_ip _bytes_queued _request_rec").split()
NULLABLE = ("status_line handler content_type user ap_auth_type args "
            "path_info").split()
TEXT = [*NULLABLE, "uri", "filename", "canonical_filename"]
INTS = ["proxyreq", "status", "used_path_info"]
FLAGS = ["assbackwards", "no_cache", "no_local_copy", "chunked"]
WRITABLE = [*TEXT, *INTS, *FLAGS, "finfo"]

CONFIG = EVAL + """
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_members
</Directory>
<Location /fails>
    ErrorDocument 410 /error_page
</Location>
<Directory "${DOCROOT}/phases">
    PythonFixupHandler test_request_members::phase
    PythonFixupHandler mptest::evaluate | .never
    PythonHandler test_request_members::phase_handler mptest::evaluate
    PythonHandler test_request_members::phase_handler | .html
</Directory>
PythonTransHandler test_request_members::mapped
<Location /mapped>
    SetHandler None
</Location>
"""


def configure(env: Env) -> None:
    env.write("phases/x.html", "")
    env.write("phases/none", "")
    env.write("file.txt", "the file")


def values(client: Client, *expressions: str, path: str = "/x",
           **options: Any) -> Any:
    return client.eval("[%s]" % ", ".join(expressions), path, **options)


# ---- values ----

@pytest.mark.parametrize("expression, value", [
    ("req.the_request", "GET /-eval/x?a=b&c HTTP/1.1"),
    ("req.protocol", "HTTP/1.1"),
    ("req.proto_num", 1001),
    ("req.method", "GET"),
    ("req.method_number == apache.M_GET", True),
    ("req.header_only", 0),
    ("req.assbackwards", 0),
    ("req.proxyreq == apache.PROXYREQ_NONE", True),
    ("req.hostname", "127.0.0.1"),
    ("req.mtime", 0.0),
    ("req.status", 200),
    ("req.status_line", None),
    ("req.handler", "mod_python"),
    ("req.content_type", None),
    ("req._content_type_set", 0),
    ("req.content_encoding", None),
    ("req.content_languages", []),
    ("req.vlist_validator", None),
    ("req.user", None),
    ("req.ap_auth_type", None),
    ("req.no_cache", 0),
    ("req.no_local_copy", 0),
    ("req.chunked", 0),
    ("req.uri", "/-eval/x"),
    ("req.unparsed_uri", "/-eval/x?a=b&c"),
    ("req.args", "a=b&c"),
    # httpd takes the port from the Host header
    ("list(map(type, req.parsed_uri))[:6] == [type(None)] * 5 + [int]", True),
    ("req.parsed_uri[6:]", ["/-eval/x", "a=b&c", None]),
    ("req.parsed_uri[apache.URI_PATH]", "/-eval/x"),
    ("req.path_info", "/x"),
    ("req.used_path_info == apache.AP_REQ_DEFAULT_PATH_INFO", True),
    ("req.allowed", 0),
    ("req.allowed_methods", []),
    ("req.allowed_xmethods", []),
    ("req.sent_bodyct", 0),
    ("req.bytes_sent", 0),
    ("req.clength", 0),
    ("req.range", None),
    ("req.remaining", 0),
    ("req.read_length", 0),
    ("req.read_body == apache.REQUEST_NO_BODY", True),
    ("req.read_chunked", 0),
    ("req.expecting_100", 0),
    ("req.eos_sent", 0),
    ("req.useragent_ip", "127.0.0.1"),
    ("req.useragent_addr[0]", "127.0.0.1"),
    ("req.useragent_addr == req.connection.client_addr", True),
    ("req._bytes_queued", 0),
    ("req.phase", "PythonHandler"),
    ("req.interpreter", "localhost"),
    ("req.extension", ""),
    ("req.hlist.handler", "mptest::evaluate"),
    ("[req.next, req.prev, req.main]", [None] * 3),
    ("req._debug is False and req._auto_reload is True", True),
    ("[req._directory, req._python_path]", [None, None]),
    ("type(req._request_rec).__name__", "PyCapsule"),
    ("repr(type(req))", "<class 'mp_request'>"),
])
def test_value(client: Client, expression: str, value: Any) -> None:
    assert client.eval(expression, "/x?a=b&c") == value


def test_files(client: Client, env: Env) -> None:
    names = values(client, "req.filename", "req.canonical_filename")
    assert names == [f"{env.docroot}/-eval", f"{env.docroot}/-eval"]


def test_finfo(httpd: Httpd, env: Env) -> None:
    with Client(httpd.port()) as client:
        found = client.eval(
            "[setattr(req, 'finfo', apache.stat(%r, apache.APR_FINFO_NORM)),"
            " req.finfo.size, req.finfo.filetype == apache.APR_REG,"
            " type(req.finfo).__name__]" % str(env.docroot / "file.txt"))
        assert found[1:] == [8, True, "mp_finfo"]
        assert client.eval("req.finfo.filetype == apache.APR_NOFILE")
        assert client.eval("raised(setattr, req, 'finfo', 1)"
                           ).startswith("TypeError")


def test_time(client: Client) -> None:
    before = time.time()
    told = client.eval("req.request_time")
    assert isinstance(told, float)
    assert before - 1 < told < time.time() + 1


@pytest.mark.parametrize("headers, expression, value", [
    ({"Host": "some.where:81"}, "req.hostname", "some.where"),
    # of an unit that httpd leaves alone; it would cut the answer
    ({"Range": "lines=0-1"}, "req.range", "lines=0-1"),
    ({"X-Name": "v"}, "req.headers_in['x-name']", "v"),
])
def test_headers(client: Client, headers: dict[str, str], expression: str,
                 value: Any) -> None:
    assert client.eval(expression, headers=headers) == value


def test_methods(client: Client) -> None:
    seen = values(client, "req.method", "req.method_number == apache.M_POST",
                  "req.header_only", "req.remaining",
                  "req.read_body == apache.REQUEST_CHUNKED_DECHUNK",
                  method="POST", data=b"12345")
    assert seen[:3] == ["POST", True, 0]
    assert client.head("/-eval", headers={
        "X-Eval": quote("1/(req.header_only == 1 and req.method == 'HEAD' "
                        "and req.method_number == apache.M_GET)")
    }).status_code == 200


def test_allowed_methods(client: Client) -> None:
    assert client.eval("[req.allow_methods(['GET', 'PUT', 'BREW']), "
                       "req.allowed_methods][1]") == ["GET", "PUT", "BREW"]


def test_absolute_uri(raw: Connection) -> None:
    expression = quote("req.parsed_uri")
    response = raw.request("http://some.where:82/-eval?q", headers=[
        ("X-Eval", expression)])
    assert response.json() == ["http", "some.where:82", None, None,
                               "some.where", 82, "/-eval", "q", None]


def test_undecodable_bytes_come_through(raw: Connection) -> None:
    expression = quote("[req.uri, req.args, req.headers_in['x-h'], "
                       "[setattr(req, 'args', req.uri), req.args][1]]")
    response = raw.request(b"/-eval/%ff%e2%82%ac?\xfe", headers=[
        ("X-Eval", expression), ("X-H", b"\xff\xc3\xa9")])
    uri = "/-eval/\udcff\u20ac"
    assert response.json() == [uri, "\udcfe", "\udcff\xe9", uri]


def test_expecting_100(raw: Connection) -> None:
    raw.send(b"POST /-eval HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
             b"Expect: 100-continue\r\nX-Eval: "
             + quote("[req.expecting_100, req.read(), req.expecting_100]"
                     ).encode() + b"\r\n\r\n")
    assert raw.read_head().status == 100
    raw.send(b"ab")
    assert raw.read_response().json() == [1, b"ab", 0]


def test_body_state(client: Client) -> None:
    assert client.json("/body", "POST", data=b"1234567") == [
        0, 3, 0, 4, 3, 4, 0, 7]
    assert client.json("/body", "POST", data=iter([b"1234", b"567"])) == [
        0, 3, 1, 0, 3, 4, 0, 7]


def test_dir_shows_members_and_methods(client: Client) -> None:
    shown = client.eval("dir(req)")
    missing = {*READ_ONLY, *WRITABLE, "read", "write", "add_handler",
               "get_options", "log_error"} - set(shown)
    assert not missing


def test_cached_objects(client: Client) -> None:
    assert client.eval(
        "[getattr(req, name) is getattr(req, name) for name in "
        "('connection', 'server', 'headers_in', 'headers_out', "
        "'err_headers_out', 'subprocess_env', 'notes', 'hlist')]") == [
            True] * 8
    assert client.eval("req.get_config() is req.get_config() and "
                       "req.get_options() is req.get_options()")


# ---- setting ----

@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only(client: Client, name: str) -> None:
    assert client.eval(f"raised(setattr, req, {name!r}, 1)"
                       ).startswith("AttributeError")


@pytest.mark.parametrize("name", [*READ_ONLY, *WRITABLE])
def test_built_in_attributes_stay(client: Client, name: str) -> None:
    assert client.eval(f"raised(delattr, req, {name!r})"
                       ).startswith("TypeError")


@pytest.mark.parametrize("name", TEXT)
def test_text(client: Client, name: str) -> None:
    text = "200 \u20ac" if name == "status_line" else "x-\u20ac\udcff"
    back = text
    if name == "user":  # not valid UTF-8: then it is read as latin-1
        back = text.encode("utf-8", "surrogateescape").decode("latin-1")
    assert client.eval(
        f"[setattr(req, {name!r}, {text!r}), req.{name}, "
        f"setattr(req, {name!r}, b'200 b'), req.{name}]") == [
            None, back, None, "200 b"]
    for wrong in ("1", "[]", "object()"):
        assert client.eval(f"raised(setattr, req, {name!r}, {wrong})"
                           ).startswith("TypeError"), wrong
    assert client.eval(f"raised(setattr, req, {name!r}, 'a\\0b')"
                       ).startswith("ValueError")


@pytest.mark.parametrize("name", NULLABLE)
def test_none(client: Client, name: str) -> None:
    assert client.eval(f"[setattr(req, {name!r}, '200 x'), "
                       f"setattr(req, {name!r}, None), req.{name}][2]"
                       ) is None


@pytest.mark.parametrize("name", ["uri", "filename", "canonical_filename",
                                  *INTS, *FLAGS, "finfo"])
def test_no_none(client: Client, name: str) -> None:
    assert client.eval(f"raised(setattr, req, {name!r}, None)"
                       ).startswith("TypeError")


@pytest.mark.parametrize("name", [*INTS, *FLAGS])
def test_int(client: Client, name: str) -> None:
    expression = (f"[setattr(req, {name!r}, %s), req.{name}, "
                  f"setattr(req, {name!r}, {200 if name == 'status' else 0})"
                  "][1]")
    assert client.eval(expression % "1") == 1
    assert client.eval(expression % "__import__('http').HTTPStatus.OK") == (
        1 if name in FLAGS else 200)
    for wrong in ("'1'", "1.0", "True"):
        assert client.eval(f"raised(setattr, req, {name!r}, {wrong})"
                           ).startswith("TypeError"), wrong
    assert client.eval(f"raised(setattr, req, {name!r}, 1 << 70)")


@pytest.mark.parametrize("name", ["content_type", "status_line"])
def test_no_header_injection(client: Client, name: str) -> None:
    for char in ("\\r", "\\n"):
        assert client.eval(f"raised(setattr, req, {name!r}, '200 a{char}b')"
                           ).startswith("ValueError")


def test_paths(client: Client) -> None:
    path = "__import__('pathlib').Path('/a/\u20ac')"
    assert client.eval(f"[setattr(req, 'filename', {path}), req.filename, "
                       "setattr(req, 'filename', b'/b'), req.filename]") == [
                           None, "/a/\u20ac", None, "/b"]


def test_user(client: Client) -> None:
    assert client.eval("[setattr(req, 'user', 'j\xf6'), req.user, "
                       "setattr(req, 'user', b'j\\xf6'), req.user]") == [
                           None, "j\xf6", None, "j\xf6"]


def test_own_attributes(client: Client) -> None:
    assert client.eval(
        "[setattr(req, 'mine', [1]), req.mine, dict(vars(req)), 'mine' in dir(req),"
        " delattr(req, 'mine'), hasattr(req, 'mine'),"
        " raised(delattr, req, 'mine')[:14]]") == [
            None, [1], {"mine": [1]}, True, None, False, "AttributeError"]


# ---- effects ----

def test_status_line(client: Client) -> None:
    response = client.get("/status_line")
    assert (response.status_code, response.reason) == (404, "Gone Fishing")
    line, wrong = response.text.split("|")
    assert line == "404 Gone Fishing"
    assert wrong.startswith("ValueError: status_line must begin with")


@pytest.mark.parametrize("line", ["", "200x", "2000", "abc", " 200", "20"])
def test_status_line_begins_with_status(client: Client, line: str) -> None:
    assert client.eval(f"raised(setattr, req, 'status_line', {line!r})"
                       ).startswith("ValueError")


def test_status_line_alone_is_enough(client: Client) -> None:
    assert client.eval("[setattr(req, 'status_line', '200'), "
                       "req.status_line][1]") == "200"


def test_assbackwards(raw: Connection) -> None:
    raw.send_request("/no_headers", headers=[("Connection", "close")])
    assert raw.read_all() == b"body only"


def test_no_cache(client: Client) -> None:
    assert "Expires" in client.get("/not_cached").headers


def test_content_type(client: Client) -> None:
    response = client.get("/content_type")
    assert response.content.decode() == "[None, 0] text/x-\u20ac 1"
    assert (response.headers["Content-Type"].encode("latin-1").decode()
            == "text/x-\u20ac")


def test_tables_reach_the_response(client: Client) -> None:
    headers = client.get("/tables").headers
    assert headers["X-Out"].encode("latin-1").decode() == "\u20ac"
    assert headers["X-Err"] == "yes"
    headers = client.get("/tables?error").headers
    assert "X-Out" not in headers
    assert headers["X-Err"] == "yes"


def test_bytes_queued(client: Client) -> None:
    assert client.text("/queued") == "x" * 10 + " [0, 10, 0]"


def test_trans_handler_sets_the_file_name(client: Client) -> None:
    assert client.text("/mapped/x?a") == "the file"


# ---- other requests ----

def test_error_document(client: Client) -> None:
    response = client.get("/fails")
    assert response.status_code == 410
    assert response.json() == ["/fails", True, "set by the first", None, None]


def test_redirect(client: Client) -> None:
    assert client.json("/redirects") == [
        "/redirected", "a=b", "/redirects", True, True]


# ---- the running handler ----

@pytest.mark.parametrize("name, fixup, content, entries", [
    ("x.html", None, ".html", ["test_request_members::phase_handler"]),
    ("none", "", "", ["test_request_members::phase_handler",
                      "mptest::evaluate"]),
    ("new.txt", None, None, ["test_request_members::phase_handler",
                             "mptest::evaluate"]),
])
def test_running_handler(client: Client, name: str, fixup: str | None,
                         content: str | None, entries: list[str]) -> None:
    assert client.json(f"/phases/{name}") == [
        ["PythonFixupHandler", "test_request_members::phase", fixup],
        "PythonHandler", content, entries, True]
