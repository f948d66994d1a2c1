# SPDX-License-Identifier: Apache-2.0
"""Reading the request body in every way, and what can go wrong."""
from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest

from harness.client import Client
from harness.codec import decode
from harness.conf import EVAL
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import wait_until

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_read
    PythonLogHandler test_request_read
</Directory>
<LocationMatch "/limited$">
    LimitRequestBody 10
    ErrorDocument 413 /errordoc
</LocationMatch>
RequestReadTimeout body=2
""" + EVAL

BYTES = bytes(range(256))


ANNOUNCED = [("Transfer-Encoding", "chunked")]
LOST = ["OSError", "Client read error (Timeout?)"]


def chunked(raw: Connection, target: str, pieces: list[bytes],
            end: bytes = b"0\r\n\r\n") -> Any:
    raw.send_request(target, "POST", ANNOUNCED)
    for piece in pieces:
        raw.send_chunk(piece)
    raw.send(end)
    return value(raw)


def value(raw: Connection) -> Any:
    response = raw.read_response()
    assert response.status == 200, response
    return json.loads(response.body, object_hook=decode)


# -- whole bodies ------------------------------------------------------------


@pytest.mark.parametrize("body", [
    b"", b"x", BYTES, b"\n", b"\r\n\0", BYTES * 300, b"a" * 8000,
    b"a" * 8001], ids=len)
def test_read_all(client: Client, body: bytes) -> None:
    assert client.json("/read", "POST", data=body) == body


def test_no_body(client: Client, raw: Connection) -> None:
    assert client.json("/read") == b""
    raw.send_request("/read", "POST", [("Content-Length", "0")])
    assert value(raw) == b""


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "XYZ"])
def test_body_with_any_method(client: Client, method: str) -> None:
    assert client.json("/read", method, data=b"body") == b"body"


def test_read_in_portions(client: Client) -> None:
    body = b"abcdefghij"
    assert client.json("/sizes?3", "POST", data=body) == [
        b"abc", b"def", b"ghi", b"j", b""]
    assert client.json("/sizes?10,1", "POST", data=body) == [body, b""]
    assert client.json("/sizes?1000000,1", "POST", data=body) == [body, b""]
    assert client.json("/sizes?2,-1", "POST", data=body) == [
        b"ab", b"cdefghij", b""]


def test_read_nothing(client: Client) -> None:
    assert client.eval("[req.read(0), req.readline(0), req.read(2)]",
                       method="POST", data=b"xyz") == [b"", b"", b"xy"]


@pytest.mark.parametrize("call", [
    "req.read('1')", "req.read(1.0)", "req.read(True)", "req.read(1, 2)",
    "req.readline('')", "req.readlines([])", "req.readinto(b'abc')",
    "req.readinto('')", "req.readinto()"])
def test_wrong_arguments(client: Client, call: str) -> None:
    assert client.eval(f"raised(lambda: {call})").startswith("TypeError: ")


def test_none_means_all(client: Client) -> None:
    assert client.eval(
        "[req.readline(None), req.readlines(None), req.read(None)]",
        method="POST", data=b"a\nb\nc") == [b"a\n", [b"b\n", b"c"], b""]


def test_size_may_be_an_int_subclass(client: Client) -> None:
    assert client.eval("req.read(__import__('signal').SIGINT)",
                       method="POST", data=b"abc") == b"ab"


def test_size_out_of_range(client: Client) -> None:
    assert client.eval("raised(req.read, 10**30)").startswith("OverflowError")


def test_large_request_for_a_small_body(client: Client) -> None:
    """Memory follows what is there, not what is asked for."""
    assert client.eval("req.read(2**62)", method="POST", data=b"ab") == b"ab"


# -- lines -------------------------------------------------------------------

LINES = [b"one\n", b"\n", b"three\r\n", b"x" * 20000 + b"\n", BYTES[11:]]


def test_iteration(client: Client) -> None:
    body = b"".join(LINES)
    assert client.json("/lines", "POST", data=body) == LINES
    assert client.json("/lines") == []


def test_readline_with_limit(client: Client) -> None:
    assert client.json("/readline?3", "POST", data=b"abcdef\nx\nyz") == [
        b"abc", b"def", b"\n", b"x\n", b"yz"]
    assert client.json("/readline?-1", "POST", data=b"ab\nc") == [b"ab\n",
                                                                 b"c"]


@pytest.mark.parametrize(("hint", "expected"), [
    ("-1", [[b"aa\n", b"bb\n", b"c"]]), ("0", [[b"aa\n", b"bb\n", b"c"]]),
    ("", [[b"aa\n", b"bb\n", b"c"]]), ("1", [[b"aa\n"], [b"bb\n"], [b"c"]]),
    ("4", [[b"aa\n", b"bb\n"], [b"c"]])])
def test_readlines(client: Client, hint: str, expected: object) -> None:
    assert client.json("/readlines?" + hint, "POST",
                       data=b"aa\nbb\nc") == expected


def test_readinto(client: Client) -> None:
    assert client.json("/into?4", "POST", data=b"abcdefghij") == [
        b"abcd", b"efgh", b"ij"]


def test_all_ways_share_one_stream(client: Client) -> None:
    body = b"01234567rest\nline\nmorelast\nend\nof it"
    expected = [b"567", b"rest\n", b"line\n", b"01234", b"more",
                [b"last\n"], b"end\nof it", b"", b"", [], [], 0]
    assert client.json("/mixture", "POST", data=body) == expected


def test_line_in_small_chunks(raw: Connection) -> None:
    body = [b"l", b"i", b"ne\nx", b"\n", b"y" * 9000, b"z" * 9000, b"\nend"]
    assert chunked(raw, "/lines", body) == [
        b"line\n", b"x\n", b"y" * 9000 + b"z" * 9000 + b"\n", b"end"]


# -- chunks, continuation, sizes ----------------------------------------------


def test_chunked(raw: Connection) -> None:
    pieces = [b"a", BYTES, b"\r\n0\r\n\r\n", b"z" * 100_000]
    assert chunked(raw, "/read", pieces) == b"".join(pieces)
    assert chunked(raw, "/read", []) == b""
    assert chunked(raw, "/sizes?3", [b"ab", b"cd"]) == [b"abc", b"d", b""]


def test_chunk_extensions_and_trailers(raw: Connection) -> None:
    raw.send_request("/read", "POST", ANNOUNCED)
    raw.send(b"3;x=y\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert value(raw) == b"abc"
    assert raw.request("/read").status == 200


def test_data_is_seen_as_it_comes(raw: Connection) -> None:
    """read(n) waits for n bytes, not for the end of the body."""
    raw.send_request("/sizes?4,5", "POST", ANNOUNCED)
    raw.send_chunk(b"abcdef")
    raw.send_chunk(b"ghi")
    raw.send_chunk(b"")
    assert value(raw) == [b"abcd", b"efghi", b""]


def test_continue_at_first_read(raw: Connection) -> None:
    raw.send_request("/read", "POST", [("Expect", "100-continue"),
                                       ("Content-Length", "4")])
    assert raw.read_head().status == 100
    raw.send(b"body")
    assert value(raw) == b"body"


def test_no_continue_without_a_read(raw: Connection) -> None:
    raw.send_request("/never", "POST", [("Expect", "100-continue"),
                                        ("Content-Length", "4")])
    response = raw.read_response()
    assert (response.status, response.interim) == (403, [])


def test_body_nobody_reads(raw: Connection) -> None:
    """The next request on the connection begins where it should."""
    raw.send_request("/ignore", "POST", body=b"GET /x HTTP/1.1\r\n" * 1000)
    assert value(raw) == "POST"
    assert raw.request("/read", "POST", body=b"y").status == 200


def test_large_body(client: Client) -> None:
    body = random.Random(1).randbytes(20_000_000)
    expected = [len(body), hashlib.sha256(body).hexdigest(), len(body), 0]
    assert client.json("/digest", "POST", data=body) == expected


def test_large_chunked_body(client: Client) -> None:
    block = BYTES * 400
    count = 100
    expected = [count * len(block),
                hashlib.sha256(block * count).hexdigest(),
                count * len(block), 0]
    assert client.json("/digest", "POST",
                       data=(block for _ in range(count))) == expected


def test_members(client: Client) -> None:
    assert client.json("/lengths", "POST", data=b"0123456789") == [
        [0, 0], [4, 6], [8, 2], [10, 0], 0]


# -- the rest of a body --------------------------------------------------------


def test_discard(client: Client) -> None:
    assert client.json("/discard", "POST", data=b"0123456789") == [
        b"012", 0, b"", 0]
    assert client.json("/discard") == [b"", 0, b"", 0]


def test_later_phases_never_wait(client: Client, log: ErrorLog) -> None:
    assert client.json("/after", "POST", data=b"0123456789") == 0
    wait_until(lambda: any("late: b" in record.text
                           for record in log.records()))
    texts = [record.text for record in log.records()
             if record.text.startswith(("late: ", "log: "))]
    assert len(texts) == 2
    assert texts[0].startswith("log: b") and texts[1].startswith("late: b")


def test_redirect_goes_on_with_the_body(client: Client) -> None:
    assert client.json("/redirect", "POST", data=b"headtail and more") == [
        "head", b"ta", b"il and more", 17]


# -- what can go wrong ---------------------------------------------------------


def test_two_threads(raw: Connection) -> None:
    raw.send_request("/threads", "POST", ANNOUNCED)
    raw.send_chunk(b"a")
    raw.send_chunk(b"bcd")
    # one of them waits for this, the other has failed or reads the end
    raw.send_chunk(b"")
    assert value(raw) in (["RuntimeError", "b'bcd'"], ["b''", "b'bcd'"])


def test_client_sends_too_little(raw: Connection) -> None:
    raw.send_request("/outcome", "POST", [("Content-Length", "10")])
    raw.send(b"abc")
    raw.half_close()
    assert value(raw) == [LOST, LOST]


def test_client_is_too_slow(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/outcome", "POST", [("Content-Length", "10")])
    raw.send(b"abc")
    assert value(raw) == [LOST, LOST]


def test_client_goes_away(raw: Connection, client: Client,
                          log: ErrorLog) -> None:
    raw.send_request("/refused", "POST", [("Content-Length", "10")])
    raw.send(b"abc")
    raw.abort()
    log.expect("MP0400")
    log.expect(r"OSError: Client read error \(Timeout\?\)")
    assert client.text("/read")


def test_body_over_the_limit(client: Client) -> None:
    refused = [["SERVER_RETURN", "413"], ["SERVER_RETURN", "413"]]
    assert client.json("/outcome/limited", "POST", data=b"x" * 11) == refused
    assert client.json("/outcome/limited", "POST",
                       data=b"x" * 10) == [{"$bytes": "x" * 10}["$bytes"]
                                           .encode(), b""]


def test_refusal_reaches_the_client(client: Client) -> None:
    response = client.post("/refused/limited", b"x" * 11)
    assert response.status_code == 413
    assert response.text == '[413, ""]'


def test_chunks_over_the_limit(raw: Connection) -> None:
    raw.send_request("/refused/limited", "POST", ANNOUNCED)
    raw.send_chunk(b"12345678")
    raw.send_chunk(b"12345678")
    raw.send_chunk(b"")
    assert raw.read_response().status == 413


@pytest.mark.parametrize("data", [
    b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n",
    b"-1\r\n\r\n", b"fffffffffffffffff\r\n"])
def test_malformed_chunks(raw: Connection, data: bytes) -> None:
    raw.send_request("/refused", "POST", ANNOUNCED)
    raw.send(data)
    response = raw.read_response()
    assert response.status in (400, 413)
    assert raw.closed()


def test_chunks_break_off(raw: Connection) -> None:
    raw.send_request("/outcome", "POST", ANNOUNCED)
    raw.send(b"5\r\nab")
    raw.half_close()
    assert value(raw) == [LOST, LOST]
