# Licensed under the Apache License, Version 2.0; see LICENSE.
"""WSGI applications (PEP 3333) in httpd, each also under wsgiref.validate."""
from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.conf import ONE, Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import wait_until

WORKERS = ONE

CONFIG = """
<Location /app>
    SetHandler mod_python
    PythonHandler mod_python.wsgi
    PythonOption mod_python.wsgi.application test_wsgi
    SetEnv FROM_CONFIG "a value"
</Location>
<Location /v/>
    SetHandler mod_python
    PythonHandler mod_python.wsgi
    PythonOption mod_python.wsgi.application test_wsgi::validated
</Location>
ErrorDocument 410 /app/environ
Redirect gone /gone
"""

# Each application is also run under wsgiref.validate.
both = pytest.mark.parametrize("mount", ["/app", "/v"])


def happened(client: Client) -> Any:
    return client.json("/app/happened")


@pytest.fixture(autouse=True)
def nothing_happened(httpd: Httpd) -> None:
    with Client(httpd.port()) as client:
        happened(client)


# -- the environ ----------------------------------------------------------------


@both
def test_environ(client: Client, mpm: str, mount: str) -> None:
    got = client.json(f"{mount}/environ/a%20b/?x=%20&y")
    expected = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": mount,
        "PATH_INFO": "/environ/a b/", "QUERY_STRING": "x=%20&y",
        "REQUEST_URI": f"{mount}/environ/a%20b/?x=%20&y",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(client.port),
        "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": f"127.0.0.1:{client.port}", "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_SCHEME": "http", "wsgi.url_scheme": "http",
        "wsgi.version": "<class 'tuple'>", "wsgi.run_once": False,
        "wsgi.multithread": mpm != "prefork", "wsgi.multiprocess": False,
        "wsgi.input_terminated": True,
    }
    assert {name: got.get(name) for name in expected} == expected
    assert "CONTENT_LENGTH" not in got and "CONTENT_TYPE" not in got
    if mount == "/app":
        assert got["wsgi.input"] == "<class 'mp_request'>"
        assert got["wsgi.file_wrapper"] == "<class 'type'>"
        assert got["FROM_CONFIG"] == "a value"


def test_many_processes(start_httpd: Any, mpm: str) -> None:
    httpd = start_httpd(CONFIG, workers=Workers(children=2, threads=4))
    with Client(httpd.port()) as client:
        got = client.json("/app/environ")
    assert got["wsgi.multiprocess"] is True
    assert got["wsgi.multithread"] is (mpm != "prefork")


def test_environ_is_latin1(raw: Connection) -> None:
    response = raw.request(b"/app/environ/%C3%A4\xff?q=\xe4", headers=[
        ("X-Bytes", b"\xe4\xff"), ("Content-Type", b"text/\xe9")])
    got = response.json()
    assert got["PATH_INFO"] == "/environ/\xc3\xa4\xff"
    assert got["QUERY_STRING"] == "q=\xe4"
    assert got["REQUEST_URI"] == "/app/environ/%C3%A4\xff?q=\xe4"
    assert got["HTTP_X_BYTES"] == "\xe4\xff"
    assert got["CONTENT_TYPE"] == "text/\xe9"


def test_headers_of_the_request(raw: Connection) -> None:
    got = raw.request("/app/environ", headers=[
        ("X-Two", "1"), ("x-two", "2"), ("X-Empty", ""),
        ("Authorization", "Basic YTpi"), ("Proxy", "http://evil"),
        ("X_Two", "3"), ("X.Two", "4"), ("Cookie", "a=b; c=d"),
    ]).json()
    assert got["HTTP_X_TWO"] == "1, 2"
    assert got["HTTP_X_EMPTY"] == ""
    assert got["HTTP_AUTHORIZATION"] == "Basic YTpi"
    assert got["HTTP_COOKIE"] == "a=b; c=d"
    assert "HTTP_PROXY" not in got
    assert not [name for name in got if "." in name[5:] and name[:5] == "HTTP_"]


def test_each_environ_is_its_own(client: Client) -> None:
    """Values of one request are not seen in that of another."""
    client.get("/app/keep/one?q=1", headers={"X-Number": "1"})
    client.get("/app/keep/two", headers={"X-Number": "2"})
    client.get("/app/hello?other", headers={"Cookie": "c"})
    kept = client.json("/app/keep/three")
    assert kept[-3:] == [["/keep/one", "q=1", "1"], ["/keep/two", "", "2"],
                         ["/keep/three", "", None]]
    assert "HTTP_COOKIE" not in client.json("/app/environ")


def test_hosts_by_turns(httpd: Httpd) -> None:
    def host(lines: str) -> Any:
        with Connection(httpd.port()) as raw:
            raw.send(f"GET /app/environ HTTP/1.0\r\n{lines}\r\n".encode())
            raw.read_head()
            return json.loads(raw.read_all()).get("HTTP_HOST")

    for _ in range(2):
        assert host("Host: one\r\n") == "one"
        assert host("Host: another:80\r\n") == "another:80"
        assert host("") is None
        assert host("Host: one\r\n") == "one"


def test_file_wrapper_is_not_for_others(client: Client) -> None:
    """build_wsgi_env() leaves it out also after an application has run."""
    assert "wsgi.file_wrapper" in client.json("/app/environ")
    assert "wsgi.file_wrapper" not in client.json("/app/built")
    assert "wsgi.file_wrapper" in client.json("/app/environ")


def test_functions_that_are_kept(client: Client) -> None:
    """start_response() and write() belong to their request."""
    ended = "this request has ended"
    assert client.json("/app/functions") == [[], []]
    assert client.json("/app/functions") == [[ended] * 2, [False]]
    client.get("/app/hello")
    assert client.json("/app/functions") == [[ended] * 4, [False] * 2]


def test_functions_between_requests(client: Client) -> None:
    client.get("/app/written")
    client.get("/app/hello")
    told = client.json("/app/taken_back")
    assert told in ([], ["write: this WSGI request has ended"])


def test_many_headers(client: Client) -> None:
    sent = {f"X-Number-{n}": str(n) for n in range(80)}
    got = client.json("/app/environ", headers=sent)
    for n in range(80):
        assert got[f"HTTP_X_NUMBER_{n}"] == str(n)


def test_error_document(client: Client) -> None:
    response = client.get("/gone?why")
    assert response.status_code == 200  # what the application says
    got = response.json()
    assert got["REDIRECT_STATUS"] == "410"
    assert got["REDIRECT_URL"] == "/gone"
    assert got["REDIRECT_QUERY_STRING"] == "why"
    assert got["REQUEST_URI"] == "/gone?why"
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == ("/app", "/environ")


# -- bodies of requests ------------------------------------------------------------


@both
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("how", ["read", "some", "lines", "readlines",
                                 "iterate"])
def test_body(client: Client, mount: str, how: str, chunked: bool) -> None:
    data = b"first\nsecond\n\nlast \xff"
    got = client.json(
        f"{mount}/body?how={how}", "POST",
        data=iter([data[:8], data[8:]]) if chunked else data,
        headers={"Content-Type": "a/b"})
    assert got[:2] == [None if chunked else str(len(data)), "a/b"]
    assert "".join(got[2]).encode("latin-1") == data
    if how in ("lines", "readlines", "iterate"):
        assert got[2] == ["first\n", "second\n", "\n", "last \xff"]


def test_no_body(client: Client) -> None:
    assert client.json("/app/body?how=read") == [None, None, [""]]


def test_expect_continue(raw: Connection) -> None:
    raw.send_request("/app/body?how=read", "POST", headers=[
        ("Expect", "100-continue"), ("Content-Length", "3")])
    assert raw.read_head().status == 100
    raw.send(b"abc")
    assert raw.read_response().json()[2] == ["abc"]


# -- responses ------------------------------------------------------------------


@both
def test_hello(client: Client, mount: str) -> None:
    response = client.get(f"{mount}/hello")
    assert (response.status_code, response.reason) == (200, "OK")
    assert response.headers["Content-Type"] == "text/plain"
    if mount == "/app":  # the validator makes an iterator of the list
        assert response.headers["Content-Length"] == "13"
    assert response.content == b"Hello World!\n"


@both
@pytest.mark.parametrize("status", [
    "200 Fine", "201 Created", "299 Own", "302 Found", "404 Nothing Here",
    "418 I'm a teapot", "500 My Own Error", "511 Network"])
def test_status(client: Client, mount: str, status: str) -> None:
    response = client.get(f"{mount}/status?status={status}&body=mine")
    assert f"{response.status_code} {response.reason}" == status
    assert response.text == "mine"  # no ErrorDocument


@both
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_body_in_response(raw: Connection, mount: str, status: str) -> None:
    target = f"{mount}/status?status={status.replace(' ', '%20')}&body=x"
    for _ in range(2):  # the connection is still in order
        response = raw.request(target)
        assert f"{response.status} {response.reason}" == status
        assert response.header("Transfer-Encoding") is None
    assert raw.request("/app/hello").body == b"Hello World!\n"


@both
def test_head(raw: Connection, mount: str) -> None:
    for path in ("hello", "length?length=3&items=abc", "lazy", "written",
                 "no_file"):
        response = raw.request(f"{mount}/{path}", "HEAD")
        assert response.status in (200, 202), path
        if path.startswith("length"):
            assert response.header("Content-Length") == "3"
    assert raw.request("/app/hello").body == b"Hello World!\n"


@both
def test_response_headers(raw: Connection, mount: str) -> None:
    response = raw.request(f"{mount}/headers")
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response.all("X-Empty") == [""]
    latin = response.header("X-Latin")
    assert latin is not None
    assert latin.encode("utf-8", "surrogateescape") == b"\xe4\xff"


@both
def test_written(client: Client, mount: str) -> None:
    assert client.text(f"{mount}/written") == "one two three"


@both
def test_generator(client: Client, mount: str) -> None:
    response = client.get(f"{mount}/lazy")
    assert (response.status_code, response.text) == (202, "lazy")


def place(env: Env, name: str) -> Path:
    made = env.directory(f"var/{name}")
    for old in made.iterdir():
        old.unlink()
    return made


@both
def test_streaming(httpd: Httpd, client: Client, env: Env, mount: str
                   ) -> None:
    """Each item is at the client before the next one is made."""
    files = place(env, "stream")
    with Connection(httpd.port()) as raw:
        raw.send_request(f"{mount}/stream?place={files}")
        (files / "0").touch()
        head = raw.read_head()
        assert head.header("Transfer-Encoding") == "chunked"
        for number in range(4):
            (files / str(number)).touch()
            item = b"item %d\n" % number
            assert raw.read_line() == b"%x" % len(item)
            assert raw.read_exactly(len(item) + 2) == item + b"\r\n"
        assert raw.read_line() == b"0"
        assert raw.read_line() == b""
    wait_until(lambda: happened(client) == ["stream closed"])


@both
def test_client_goes(httpd: Httpd, client: Client, mount: str) -> None:
    """An endless body ends when nobody takes it any more."""
    with Connection(httpd.port()) as leaving:
        leaving.send_request(f"{mount}/endless")
        assert leaving.read_head().status == 200
        leaving.abort()
    wait_until(lambda: happened(client) == ["endless closed"])


@both
def test_content_length(httpd: Httpd, client: Client, mount: str) -> None:
    with Connection(httpd.port()) as raw:
        exact = raw.request(f"{mount}/length?length=5&items=ab,,cde")
        assert (exact.header("Content-Length"), exact.body) == ("5", b"abcde")
        more = raw.request(f"{mount}/length?length=3&items=ab,cde,f")
        assert (more.header("Content-Length"), more.body) == ("3", b"abc")
        nothing = raw.request(f"{mount}/length?length=0&items=ab")
        assert (nothing.header("Content-Length"), nothing.body) == ("0", b"")
    assert happened(client).count("length closed") == 3


@both
@pytest.mark.parametrize("item", ["ab", "x" * 6000])
def test_content_length_not_reached(httpd: Httpd, client: Client,
                                    log: ErrorLog, mount: str, item: str
                                    ) -> None:
    """An error page, or a response that cannot be taken for whole."""
    with Connection(httpd.port()) as raw:
        raw.send_request(f"{mount}/length?length=12345&items={item}")
        head = raw.read_head()
        if head.status != 500:
            assert (head.status, head.header("Content-Length")) == (
                200, "12345")
            assert len(raw.read_all()) < 12345
    log.expect("bytes less than its Content-Length")
    assert happened(client) == ["length closed"]


@both
def test_start_response_again(client: Client, mount: str) -> None:
    response = client.get(f"{mount}/again")
    assert (response.status_code, response.reason) == (503, "Not Yet")
    assert "X-First" not in response.headers
    assert response.headers["X-Both"] == "2"
    assert response.headers.get("Content-Length", "5") == "5"
    assert response.text == "again"


@both
def test_exc_info_too_late(httpd: Httpd, log: ErrorLog, mount: str) -> None:
    with Connection(httpd.port()) as raw:
        raw.send_request(f"{mount}/too_late")
        assert raw.read_head().status == 200
        assert b"begun" in raw.read_all()
    log.expect("KeyError: 'too late'")


# -- files ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 5000, 300_000])
@both
def test_file(client: Client, env: Env, mount: str, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    path = env.write("files/data", data)
    assert client.get(f"{mount}/file?path={path}").content == data
    got = happened(client)
    assert got[-1] == "file closed"
    # not a byte went through Python
    assert ("read" in got) == (mount == "/v")


def test_part_of_a_file(client: Client, env: Env) -> None:
    data = bytes(number % 251 for number in range(200_000))
    path = env.write("files/data", data)
    part = client.get(f"/app/file?path={path}&offset=70000")
    assert part.content == data[70_000:]
    part = client.get(f"/app/file?path={path}&offset=100&length=50")
    assert part.content == data[100:150]
    assert part.headers["Content-Length"] == "50"
    assert client.get(f"/app/file?path={path}&offset=200000").content == b""
    assert client.get(f"/app/file?path={path}&offset=300000").content == b""
    assert "read" not in happened(client)


def test_file_too_short(httpd: Httpd, env: Env, client: Client,
                        log: ErrorLog) -> None:
    path = env.write("files/short", b"abc")
    with Connection(httpd.port()) as raw:
        response = raw.request(f"/app/file?path={path}&length=5")
        assert response.status == 500
    log.expect("2 bytes less than its Content-Length")
    assert happened(client) == ["file closed"]


def test_removed_file(client: Client, env: Env) -> None:
    """An open file is sent, whatever its name is meanwhile."""
    path = env.write("files/link", b"x" * 50_000)
    link = env.docroot / "files" / "other"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    assert client.get(f"/app/file?path={link}").content == b"x" * 50_000


@both
def test_no_real_file(client: Client, mount: str) -> None:
    assert client.get(f"{mount}/no_file").content == b"abc" * 5000


# -- what is wrong -----------------------------------------------------------------


@pytest.mark.parametrize("name, logged", [
    ("fails", "ZeroDivisionError: before anything"),
    ("fails_started", "ZeroDivisionError"),
    ("silent", "did not call start_response"),
    ("early", "sends data before it calls start_response"),
    ("item?type=none", "TypeError"),
    ("item?type=int", "TypeError"),
])
def test_error_before_the_headers(client: Client, log: ErrorLog, name: str,
                                  logged: str) -> None:
    response = client.get(f"/app/{name}")
    assert response.status_code == 500
    assert response.headers["Content-Type"].startswith("text/html")
    assert "X-Mine" not in response.headers
    log.expect(logged)
    if name == "fails_started":
        assert happened(client) == ["fails_started closed"]


@pytest.mark.parametrize("name", ["fails_sent", "fails_close"])
def test_error_after_the_headers(httpd: Httpd, client: Client, log: ErrorLog,
                                 name: str) -> None:
    with Connection(httpd.port()) as raw:
        raw.send_request(f"/app/{name}")
        assert raw.read_head().status == 200
        assert not raw.read_all().endswith(b"\r\n0\r\n\r\n")
    log.expect("ZeroDivisionError")
    if name == "fails_sent":
        assert happened(client) == ["fails_sent closed"]


def test_refused(client: Client) -> None:
    got = client.json("/app/refused")
    kinds = [text.partition(":")[0] if text else None for text in got]
    types, values = ["TypeError"], ["ValueError"]
    assert kinds == (types * 3 + values * 7 + types * 5 + values * 11
                     + types * 2)
    assert "hop-by-hop" in got[21]
    assert "'20 OK'" in got[4]


def test_lenient(raw: Connection) -> None:
    response = raw.request("/app/lenient")
    assert (response.status, response.reason) == (201, "Made")
    assert response.header("X-Str") == "s"
    assert response.header("X-Bytes") == "\udcff"
    for name, body in {"str": b"\xc3\xa4", "array": b"abc", "view": b"ab",
                       "subclass": b"sub"}.items():
        assert raw.request(f"/app/item?type={name}").body == body


def test_started_twice(client: Client) -> None:
    response = client.get("/app/twice")
    assert (response.status_code, response.text) == (201, "twice")
    assert "X-First" not in response.headers


def test_started_twice_too_late(httpd: Httpd, log: ErrorLog) -> None:
    with Connection(httpd.port()) as raw:
        raw.send_request("/app/sent_twice")
        assert raw.read_head().status == 200
        raw.read_all()
    log.expect("the headers have been sent")


@both
def test_errors_stream(client: Client, log: ErrorLog, mount: str) -> None:
    client.text(f"{mount}/errors")
    (first,) = log.expect("told by write$")
    (second,) = log.expect("told by writelines$")
    assert (first.module, first.level) == ("python", "error")
    assert second.request == first.request != ""


def test_server_return(client: Client) -> None:
    assert client.get("/app/server_return").status_code == 404


def test_nothing_is_left(client: Client) -> None:
    def ask(count: int) -> int:
        for path in itertools.islice(itertools.cycle(
                ["hello", "environ", "lazy", "written", "again", "headers",
                 "body?how=read", "length?length=2&items=ab"]), count):
            client.get(f"/app/{path}")
        happened(client)
        return int(client.json("/app/objects"))

    ask(80)
    before = ask(80)
    assert ask(800) <= before + 20
