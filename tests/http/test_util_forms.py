# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Forms of real requests: util.FieldStorage, apply_fs_data, redirect."""
from __future__ import annotations

import pytest

from harness import sanitizer
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.raw import Connection
from harness.tools import concurrently

WORKERS = ONE

CONFIG = """
SetHandler mod_python
PythonHandler test_util_forms
PythonDebug Off
<LocationMatch "^/(form|callbacks)$">
    PythonOption mod_python.form.max_fields 20
    PythonOption mod_python.form.max_body 50000000
    PythonOption mod_python.form.max_memory 100000
</LocationMatch>
<Location /unlimited>
    SetHandler mod_python
    PythonHandler test_util_forms::form
    PythonOption mod_python.form.max_fields 0
    PythonOption mod_python.form.max_body 0
    PythonOption mod_python.form.max_memory 0
</Location>
<Location /small>
    SetHandler mod_python
    PythonHandler test_util_forms::form
    LimitRequestBody 100
</Location>
<Location /wrong>
    SetHandler mod_python
    PythonHandler test_util_forms::form
    PythonOption mod_python.form.max_fields many
</Location>
"""

URLENCODED = "application/x-www-form-urlencoded"


def configure(env: Env) -> None:
    add_packages(env, "multipart")


def chunks(*pieces: bytes) -> object:
    """A body that requests sends chunked."""
    return iter(pieces)


def test_query(client: Client) -> None:
    assert client.json("/form?a=1&b=%C3%A4&a=&c+d=x;y") == [
        ["a", "1"], ["b", "ä"], ["a", ""], ["c d", "x;y"]]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_urlencoded(client: Client, method: str) -> None:
    for headers in ({"Content-Type": URLENCODED}, {}):
        assert client.json("/form?q=1", method, data=b"a=%FF&b=2",
                           headers=headers) == [
            ["q", "1"], ["a", "\udcff"], ["b", "2"]]


def test_chunked(client: Client) -> None:
    body = chunks(b"a=1&b", b"=2", b"&c=", b"3")
    assert client.json("/form", "POST", data=body, headers={
        "Content-Type": URLENCODED}) == [["a", "1"], ["b", "2"], ["c", "3"]]


def test_no_body_of_other_methods(client: Client) -> None:
    assert client.json("/form?q=1", "DELETE", data=b"a=1") == [["q", "1"]]
    assert client.json("/form", "POST") == []


def test_multipart(client: Client) -> None:
    data = bytes(range(256)) * 10
    got = client.json("/form?q=1", "POST", data={"text": "ä\r\nb"}, files={
        "file": ("nme.bin", data, "application/x-test")})
    assert got == [["q", "1"], ["text", "ä\r\nb"],
                   ["file", ["nme.bin", "application/x-test", data]]]


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + (
        b"--b--\r\n")


MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
BLOCKS = 3200  # of 64 kB: 200 MB
DISPOSITION = b"Content-Disposition: form-data; name="


def test_names_in_any_bytes(client: Client) -> None:
    body = multipart(DISPOSITION + b'"\xe4"; filename="\xff.txt"\r\n\r\nx',
                     DISPOSITION + "\"ü\"".encode() + b"\r\n\r\ny")
    assert client.json("/form", "POST", data=body, headers=MULTIPART) == [
        ["\udce4", ["\udcff.txt", "text/plain", b"x"]], ["ü", "y"]]


@pytest.mark.skipif(bool(sanitizer.wanted()),
                    reason="a sanitizer keeps freed memory")
def test_large_upload_goes_to_disk(client: Client, httpd: Httpd) -> None:
    client.json("/size", "POST", files={"file": ("a", b"x")})
    small = client.json("/size", "POST", files={"file": ("a", b"x")})
    block = b"x" * 65536

    def body() -> object:
        yield b"--b\r\n" + DISPOSITION + b"file; filename=big\r\n\r\n"
        for _ in range(BLOCKS):
            yield block
        yield b"\r\n--b--\r\n"

    length, on_disk, peak = client.json(
        "/size", "POST", data=body(), headers=MULTIPART, timeout=120)
    assert length == on_disk == BLOCKS * 65536
    assert peak - small[2] < 8 * 1024  # kB


def test_callbacks(client: Client) -> None:
    assert client.json("/callbacks", "POST", data={"text": "t"},
                       files={"file": ("n", b"data")}) == [
        ["n"], "t", b"data", "Collector"]


def test_consumed(client: Client) -> None:
    for options in ({"data": {"a": "1"}},
                    {"files": {"a": ("n", b"1")}}):
        assert client.json("/twice?q=1", "POST", **options) == [
            ["q", "a"], ["q"]]


def test_strict(client: Client) -> None:
    assert client.json("/strict", "POST", data=b"a=1&b") != ""
    assert client.json("/strict", "POST", data=b"a=1&b=2") == ""


# ---- refused ----

@pytest.mark.parametrize(("options", "status", "code"), [
    ({"data": b"{}", "headers": {"Content-Type": "application/json"}},
     415, "MP0607"),
    ({"data": b"x", "headers": MULTIPART}, 400, "MP0606"),
    ({"data": multipart(b"X: y\r\n\r\nz"), "headers": MULTIPART},
     400, "MP0606"),
    ({"data": multipart(DISPOSITION + b"a\r\nX: " + b"x" * 20000
                        + b"\r\n\r\nz"), "headers": MULTIPART},
     400, "MP0606"),
    ({"data": b"x", "headers": {
        "Content-Type": "multipart/form-data; boundary=" + "b" * 201}},
     400, "MP0605"),
    ({"data": b"x", "headers": {"Content-Type": "multipart/mixed"}},
     400, "MP0605"),
    ({"data": b"a=1&" * 21}, 400, "MP0602"),
    ({"data": b"a=" + b"x" * 100_000}, 413, "MP0603"),
    ({"data": b"a=" + b"x" * 50_000_000}, 413, "MP0604"),
    ({"data": multipart(DISPOSITION + b"a\r\n\r\n" + b"x" * 100_000),
      "headers": MULTIPART}, 413, "MP0603"),
    ({"data": multipart(*[DISPOSITION + b"a\r\n\r\n"] * 21),
      "headers": MULTIPART}, 400, "MP0602"),
])
def test_refused(client: Client, log: ErrorLog, options: dict[str, object],
                 status: int, code: str) -> None:
    assert client.post("/form", **options).status_code == status
    assert len(log.expect(code)) == 1
    assert len(log.records("MP0")) == 1
    assert client.json("/form?a=1") == [["a", "1"]]


def test_endless_chunked_body(client: Client, raw: Connection,
                              log: ErrorLog) -> None:
    raw.send_request("/form", "POST", [("Transfer-Encoding", "chunked"),
                                       ("Content-Type", URLENCODED)])
    raw.send_chunk(b"a=")
    try:
        for _ in range(200):
            raw.send_chunk(b"x" * 10_000)
    except OSError:
        pass  # it closes before it was sent all
    assert raw.read_response().status == 413
    log.expect("MP0603")


def test_without_limits(client: Client) -> None:
    assert len(client.json("/unlimited", "POST", data=b"a=1&" * 5000)) == 5000


def test_limits_of_httpd(client: Client, log: ErrorLog) -> None:
    assert client.post("/small", data=b"a=" + b"x" * 200).status_code == 413
    log.allow("AH01587")
    log.allow("AH01588")
    assert client.post("/small", data=iter([b"a=", b"x" * 200])
                       ).status_code == 413


def test_malformed_chunks(raw: Connection) -> None:
    raw.send_request("/form", "POST", [("Transfer-Encoding", "chunked"),
                                       ("Content-Type", URLENCODED)])
    raw.send(b"zz\r\nxxxx\r\n")
    assert raw.read_response().status == 400


def test_client_goes_away(httpd: Httpd, client: Client, log: ErrorLog
                          ) -> None:
    log.allow("Client read error")
    for number in range(10):
        with Connection(httpd.port()) as connection:
            connection.send_request("/form", "POST", [
                ("Content-Length", "1000"), *MULTIPART.items()])
            connection.send(multipart(DISPOSITION + b"a; filename=x\r\n\r\n"
                                      + b"x" * number * 10)[:-7])
            connection.abort()
    log.expect("Client read error", count=1)
    assert client.json("/form?a=1") == [["a", "1"]]


def test_invalid_limit(client: Client, log: ErrorLog) -> None:
    assert client.get("/wrong").status_code == 500
    [record] = log.expect("MP0600")
    assert "mod_python.form.max_fields" in record.text


def test_many_at_once(httpd: Httpd) -> None:
    def post(number: int) -> None:
        data = b"%d" % number * 1000
        with Client(httpd.port()) as client:
            assert client.json("/form", "POST", data={"n": number}, files={
                "f": ("x", data)}) == [["n", str(number)],
                                       ["f", ["x", "text/plain", data]]]

    concurrently(post, 60)


# ---- the rest of util ----

def test_apply_fs_data(client: Client) -> None:
    assert client.json("/apply?a=1&x=2&req=3") == ["1", "none", ["x"], True]
    assert client.json("/apply?a=1&b=2&a=3") == [["1", "3"], "2", [], True]


def test_redirect(client: Client) -> None:
    response = client.get("/redirect")
    assert response.status_code == 302
    assert response.headers["Location"] == '/there?a=1&b="2"'
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert 'href="/there?a=1&amp;b=&quot;2&quot;"' in response.text
    assert client.get("/redirect?permanent").status_code == 301
    response = client.get("/redirect_text")
    assert (response.status_code, response.text) == (302, "gone")
    assert response.headers["Content-Type"] == "text/plain"


def test_redirect_and_output(client: Client) -> None:
    assert client.text("/redirect_late") == (
        "sent Cannot redirect after headers have already been sent.")
    response = client.get("/redirect_after_text")
    assert (response.status_code, response.text) == (302, "queued text")
    response = client.get("/bad_redirect")
    assert "line break" in response.text
    assert "X-Evil" not in response.headers


def test_low_level_names(client: Client) -> None:
    assert client.json("/low_level") == [
        {"a": ["1", "2"]}, [[b"a", b"\xff"]]]
