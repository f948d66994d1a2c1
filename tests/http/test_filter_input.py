# SPDX-License-Identifier: Apache-2.0
"""Python input filters, read by Python and by httpd's own handlers."""
from __future__ import annotations

import json
from typing import Any

import pytest

from harness.client import Client
from harness.codec import decode
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import wait_until

FILTERS = """upper once triples by_line swallows silent closes disables
disables_later passes members appends raises raises_later returns returns_ok
catches""".split()

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_filter_input
</Directory>
PythonInputFilter test_filter_input
PythonInputFilter test_filter_input::upper PLAIN
<LocationMatch "/default$">
    SetInputFilter test_filter_input
</LocationMatch>
<LocationMatch "/two$">
    # the last one sees the data first
    SetInputFilter F-swallows;F-triples
</LocationMatch>
<LocationMatch "/debug$">
    PythonDebug On
</LocationMatch>
<LocationMatch "/nohandler$">
    SetInputFilter onlyhere
</LocationMatch>
<Location "/somewhere">
    PythonInputFilter test_filter_input::upper onlyhere
</Location>
<Location "/echo.cgi">
    SetHandler cgi-script
    Options +ExecCGI
</Location>
""" + "".join(f"""\
PythonInputFilter test_filter_input::{name} F-{name}
<LocationMatch "/{name}(/debug)?$">
    SetInputFilter F-{name}
</LocationMatch>
""" for name in FILTERS)

ECHO = """\
#!/bin/sh
echo "Content-Type: text/plain"
echo
[ "${CONTENT_LENGTH:-0}" = 0 ] || head -c "$CONTENT_LENGTH" 2>/dev/null
"""

CHUNKED = [("Transfer-Encoding", "chunked")]


def configure(env: Env) -> None:
    env.cgi("echo.cgi", ECHO)


def value(raw: Connection) -> Any:
    response = raw.read_response()
    assert response.status == 200, response
    return json.loads(response.body, object_hook=decode)


# -- data ------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "expected"), [
    ("upper", b"BODY 1\nBODY 2"), ("once", b"BODY 1\nBODY 2"),
    ("default", b"body 1\nbody 2"),
    ("triples", b"bobobodydydy 1 1 1\nb\nb\nbododody y y 222"),
    ("by_line", b"7:body 1\n6:body 2"), ("swallows", b"12"), ("silent", b""),
    ("closes", b"that's all"), ("disables", b"Dbody 1\nbody 2"),
    ("disables_later", b"BOdy 1\nbody 2"), ("passes", b"BOdy 1\nbody 2"),
    ("appends", b"body 1\nbody 2|end"), ("returns_ok", b"BODY 1\nBODY 2"),
    ("two", b"111222")])
@pytest.mark.parametrize("chunked", [False, True])
def test_data(raw: Connection, path: str, expected: bytes, chunked: bool
              ) -> None:
    body = b"body 1\nbody 2"
    raw.send_request(f"/read/{path}", "POST", CHUNKED if chunked else [],
                     None if chunked else body)
    if chunked:
        raw.send_chunk(body)
        raw.send_chunk(b"")
    assert value(raw) == expected


def test_much_data(client: Client) -> None:
    body = b"0123456789" * 100_000
    assert client.json("/read/upper", "POST", data=body) == body
    assert client.json("/read/triples", "POST", data=body[:100_000]) == (
        b"".join(body[i:i + 2] * 3 for i in range(0, 10, 2)) * 10_000)


def test_no_body(client: Client) -> None:
    for name in ("upper", "once", "silent", "triples"):
        assert client.json(f"/read/{name}") == b""
    assert client.json("/read/appends") == b"|end"


def test_reader_gets_what_it_asks_for(client: Client) -> None:
    """More than that is kept for the next read."""
    assert client.json("/sizes/triples", "POST", data=b"abcd") == [
        b"ababa", b"bcdcd", b"cd"]


def test_lines(client: Client) -> None:
    assert client.json("/lines/by_line", "POST", data=b"a\nbc\nd") == [
        b"2:a\n", b"3:bc\n", b"1:d"]


def test_nothing_for_a_long_time(raw: Connection) -> None:
    """A filter that keeps everything back is called until the end."""
    raw.send_request("/read/swallows", "POST", CHUNKED)
    for _ in range(50):
        raw.send_chunk(b"abc")
    raw.send_chunk(b"4")
    raw.send_chunk(b"")
    assert value(raw) == b"4"


def test_rest_of_a_closed_body(raw: Connection) -> None:
    """What the filter did not want is not the next request."""
    raw.send_request("/read/closes", "POST",
                     body=b"GET /evil HTTP/1.1\r\n\r\n" * 5000)
    assert value(raw) == b"that's all"
    assert raw.closed()


def test_members(client: Client) -> None:
    seen = client.json("/read/members", "POST", data=b"x").decode()
    assert eval(seen) == ["f-members", 1, "test_filter_input::members", 0,
                          "/read/members", "PythonHandler", "localhost"]


def test_other_handlers(client: Client) -> None:
    """httpd's own: the CGI script gets the filtered body."""
    assert client.post("/echo.cgi/upper", b"body").text == "BODY"
    assert client.post("/echo.cgi/swallows", b"a1b2").text == "12"


# -- registered for a request ------------------------------------------------------


@pytest.mark.parametrize(("names", "expected"), [
    ("local", b"{body}"), ("other", b"BODY"), ("plain", b"BODY")])
def test_registered(client: Client, names: str, expected: bytes) -> None:
    assert client.json(f"/registered?{names}", "POST",
                       data=b"body") == expected


def test_unknown_names(client: Client) -> None:
    assert client.json("/unknown")[:3] == [
        "there is no input filter 'nothing'",
        "there is no input filter 'mod_python.in'",
        "there is no input filter 'out'"]


# -- errors ------------------------------------------------------------------------


def test_exception(client: Client, log: ErrorLog) -> None:
    failure = ["OSError", "Client read error (Timeout?)"]
    assert client.json("/fails/raises", "POST", data=b"body") == [failure,
                                                                  failure]
    log.expect("MP0400: PythonInputFilter test_filter_input::raises")


def test_exception_after_data(client: Client, log: ErrorLog) -> None:
    failure = ["OSError", "Client read error (Timeout?)"]
    assert client.json("/fails/raises_later", "POST",
                       data=b"!body") == [failure, failure]
    log.expect("MP0400: PythonInputFilter test_filter_input::raises_later")


def test_exception_nobody_catches(client: Client, log: ErrorLog) -> None:
    response = client.post("/uncaught/raises", b"body")
    assert response.status_code == 500
    assert "text of the filter" not in response.text
    log.expect("MP0400: PythonInputFilter")
    log.expect("MP0400: PythonHandler .*OSError")


def test_debug_shows_the_error_of_the_reader(client: Client, log: ErrorLog
                                             ) -> None:
    response = client.post("/uncaught/raises/debug", b"body")
    assert response.status_code == 500
    assert "Client read error" in response.text
    log.expect("MP0400: PythonInputFilter")
    log.expect("MP0400: PythonHandler")


@pytest.mark.parametrize("status", [403, 413, 418])
def test_server_return(client: Client, log: ErrorLog, status: int) -> None:
    assert client.json(f"/fails/returns?{status}", "POST", data=b"body") == [
        ["SERVER_RETURN", str(status)]] * 2
    log.expect("MP0340")
    response = client.post(f"/uncaught/returns?{status}", b"body")
    assert response.status_code == status
    log.expect("MP0340")


@pytest.mark.parametrize(("path", "status"), [
    ("raises", 500), ("returns?403", 403), ("returns?418", 418)])
def test_errors_for_other_readers(client: Client, log: ErrorLog, path: str,
                                  status: int) -> None:
    response = client.post("/echo.cgi/" + path, b"body")
    assert response.status_code == status
    assert "body" not in response.text.replace("<body>", "").replace(
        "</body>", "")
    log.expect("MP0400|MP0340")
    log.allow("Error reading request entity data")


def test_body_nobody_reads(client: Client, log: ErrorLog) -> None:
    """httpd drops it through the filter; the response stays."""
    response = client.get("/unknown/raises")
    assert response.status_code == 200
    log.allow("MP0400")


def test_no_handler(client: Client, log: ErrorLog) -> None:
    assert client.json("/fails/nohandler", "POST", data=b"body")[0][0] == (
        "OSError")
    log.expect("MP0343")


def test_lost_client(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/read/catches", "POST", [("Content-Length", "10")])
    raw.send(b"abc")
    raw.half_close()
    assert value(raw) == b"abc(lost)"
    wait_until(lambda: any(record.text.startswith("filter: Client read error")
                           for record in log.records()))


def test_lost_client_uncaught(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/fails/upper", "POST", [("Content-Length", "10")])
    raw.half_close()
    assert value(raw)[0] == ["OSError", "Client read error (Timeout?)"]
    log.expect("MP0400.*OSError: Client read error")
