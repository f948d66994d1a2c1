# SPDX-License-Identifier: Apache-2.0
"""Writing the response: data, when it leaves, clients that go, files."""
from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection, IncompleteError
from harness.tools import wait_until

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_write
    PythonLogHandler test_request_write
</Directory>
<LocationMatch "/debug$">
    PythonDebug On
</LocationMatch>
<LocationMatch "/sendfile$">
    EnableSendfile On
    EnableMMAP Off
</LocationMatch>
""" + EVAL

BYTES = bytes(range(256))
LARGE = b"".join(b"%07d\n" % number for number in range(200_000))
FOUR_GIGABYTES = 1 << 32
GONE = "Write failed, client closed connection."


def configure(env: Env) -> None:
    env.write("small", b"0123456789")
    env.write("large", LARGE)
    env.write("empty", b"")
    with env.write("huge", b"").open("r+b") as file:  # mostly a hole
        file.seek(FOUR_GIGABYTES)
        file.write(LARGE)
    directory = env.write("\u00e4", b"umlaut").parent
    os.symlink("small", directory / "link")
    os.mkfifo(directory / "fifo")


def literal(client: Client, expression: str) -> bytes:
    response = client.get("/literal?" + quote(expression))
    assert response.status_code == 200, response.text
    return response.content


# -- data -------------------------------------------------------------------


@pytest.mark.parametrize(("expression", "expected"), [
    ("bytes(range(256))", BYTES),
    ("bytearray(b'a\\0b')", b"a\0b"),
    ("memoryview(b'abcdef')[1:3]", b"bc"),
    ("__import__('array').array('H', [1, 256])", b"\1\0\0\1"),
    ("__import__('mmap').mmap(-1, 3)", b"\0\0\0"),
    ("'\\u00e4\\u20ac\\U0001f40d'", "\u00e4\u20ac\U0001f40d".encode()),
    ("'a\\0b'", b"a\0b"),
    ("'\\udc80\\udcff'", b"\x80\xff"),
    ("type('S', (str,), {})('sub')", b"sub"),
    ("type('B', (bytes,), {})(b'sub')", b"sub"),
    ("''", b""), ("b''", b"")])
def test_data(client: Client, expression: str, expected: bytes) -> None:
    assert literal(client, expression) == expected


@pytest.mark.parametrize("argument", [
    "None", "1", "1.5", "['a']", "memoryview(b'abcdef')[::2]", "object()"])
def test_wrong_data(client: Client, argument: str) -> None:
    assert client.eval(f"raised(req.write, {argument})").startswith(
        ("TypeError: ", "BufferError: "))


def test_lone_surrogate(client: Client) -> None:
    assert client.eval("raised(req.write, '\\ud800')").startswith(
        "UnicodeEncodeError: ")


@pytest.mark.parametrize("call", [
    "req.write()", "req.write('a', 0, 1)", "req.write('a', data='b')",
    "req.write('a', x=1)", "req.write(flush=1)", "req.flush(1)"])
def test_wrong_arguments(client: Client, call: str) -> None:
    assert client.eval(f"raised(lambda: {call})").startswith("TypeError: ")


def test_flush_argument(client: Client) -> None:
    assert client.text("/arguments") == "abcdef"
    # whose truth cannot be told
    assert client.eval(
        "raised(req.write, 'x', type('T', (), {'__bool__': "
        "lambda s: 1 // 0})())").startswith("ZeroDivisionError")


@pytest.mark.parametrize("flush", [0, 1])
def test_ten_thousand_writes(client: Client, flush: int) -> None:
    expected = b"".join(b"%04d\n" % i for i in range(10_000))
    assert client.get(f"/tiny?{flush}").content == expected


@pytest.mark.parametrize("size", [1, 8000, 8192, 8193, 65536, 65537, 100_000,
                                  3_000_000])
def test_sizes(client: Client, size: int) -> None:
    assert client.get(f"/length?{size}").content == b"x" * size


@pytest.mark.parametrize("arguments", ["1000,500,0", "5000,100,0",
                                       "9000,50,0", "70000,20,0",
                                       "9000,20,1", "70000,5,1"])
def test_pieces(client: Client, arguments: str) -> None:
    size, count, _ = map(int, arguments.split(","))
    assert client.get("/pieces?" + arguments).content == b"".join(
        b"%c" % (97 + i % 26) * size for i in range(count))


# -- when it leaves ----------------------------------------------------------


@pytest.mark.parametrize("size", [1, 65536])
def test_unflushed_response_has_a_length(raw: Connection, size: int) -> None:
    for _ in range(2):
        response = raw.request(f"/length?{size}")
        assert response.header("Content-Length") == str(size)
        assert response.header("Transfer-Encoding") is None


def test_much_data_is_not_held_back(raw: Connection) -> None:
    response = raw.request("/pieces?1000,500,0")
    assert response.header("Transfer-Encoding") == "chunked"
    assert len(response.body) == 500_000


def test_empty_data_does_not_send_the_headers(client: Client) -> None:
    response = client.get("/late_header")
    assert (response.headers["X-Late"], response.text) == ("1", "body")


def test_flush_sends_the_headers(raw: Connection) -> None:
    raw.send_request("/headers_first", "POST",
                     [("Transfer-Encoding", "chunked")])
    response = raw.read_head()
    assert response.status == 200
    assert response.header("Content-Type") == "text/x-test"
    raw.send_chunk(b"abc")
    raw.send_chunk(b"")
    assert raw.read_exactly(13) == b"3\r\nabc\r\n0\r\n\r\n"


def test_conversation(raw: Connection) -> None:
    """Output arrives while the handler waits for more input."""
    raw.send_request("/converse", "POST", [("Transfer-Encoding", "chunked")])
    for number in range(5):
        raw.send_chunk(b"line %d\n" % number)
        if number == 0:
            assert raw.read_head().status == 200
        assert raw.read_exactly(12) == b"7\r\nLINE %d\n\r\n" % number
    raw.send_chunk(b"")
    assert raw.read_exactly(5) == b"0\r\n\r\n"


def test_flush_sends_what_was_held_back(raw: Connection) -> None:
    raw.send_request("/flushed_later", "POST", [("Content-Length", "1")])
    assert raw.read_head().status == 200
    assert raw.read_exactly(13) == b"8\r\none two \r\n"
    raw.send(b"3")
    assert raw.read_exactly(11) == b"1\r\n3\r\n0\r\n\r\n"


def test_head(raw: Connection) -> None:
    response = raw.request("/length?1234", "HEAD")
    assert response.header("Content-Length") == "1234"
    raw.request("/pieces?9000,20,1", "HEAD")
    # no byte of a body may follow
    assert raw.request("/length?3").body == b"xxx"


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body(raw: Connection, status: int) -> None:
    response = raw.request(f"/status?{status}")
    assert response.status == status
    assert raw.request("/length?3").body == b"xxx"


def test_status_with_a_body(client: Client) -> None:
    response = client.get("/status?404")
    assert response.status_code == 404
    assert response.text == "body of no use" + "x" * 100_000


def test_http_1_0(raw: Connection) -> None:
    response = raw.request("/pieces?9000,20,1", version="HTTP/1.0")
    assert response.header("Transfer-Encoding") is None
    assert len(response.body) == 180_000
    assert raw.closed()


def test_threads_take_turns(client: Client) -> None:
    lines = client.get("/threads").content.splitlines()
    assert sorted(lines) == sorted(letter * 99 for letter in
                                   [b"a", b"b", b"c", b"d"]
                                   for _ in range(200))


# -- clients that go -----------------------------------------------------------


@pytest.mark.parametrize("flush", [0, 1])
def test_client_goes_away(raw: Connection, client: Client, log: ErrorLog,
                          flush: int) -> None:
    raw.send_request(f"/until_gone?{flush}")
    assert raw.read_head().status == 200
    raw.abort()
    wait_until(lambda: any(record.text == f"still gone: {GONE}"
                           for record in log.records()))
    texts = [(record.level, record.text) for record in log.records()]
    assert ("notice", f"gone: {GONE}") in texts
    # no error, no page; the next one is served
    assert client.get("/length?1").text == "x"


# -- errors after output ---------------------------------------------------------


def test_error_before_output_left(client: Client, log: ErrorLog) -> None:
    """What was only gathered does not show."""
    response = client.get("/broken?10,0,0")
    assert response.status_code == 500
    assert "xxx" not in response.text
    log.expect("MP0400.*LookupError: on purpose")
    response = client.get("/returns_error")
    assert response.status_code == 404
    assert "never seen" not in response.text


def test_error_in_a_chunked_response(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/broken?10,1,0")
    with pytest.raises(IncompleteError):
        raw.read_response()
    log.expect("MP0400")


def test_error_in_a_response_with_a_length(raw: Connection, log: ErrorLog
                                           ) -> None:
    raw.send_request("/broken?10,1,20")
    with pytest.raises(IncompleteError):
        raw.read_response()
    log.expect("MP0400")


def test_status_returned_after_output(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/broken_later")
    with pytest.raises(IncompleteError):
        raw.read_response()


def test_debug_page(client: Client, log: ErrorLog) -> None:
    response = client.get("/broken/debug?10,0,0")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert "LookupError: on purpose" in response.text
    assert "xxx" not in response.text
    log.expect("MP0400")


def test_debug_page_with_announced_length(client: Client, log: ErrorLog
                                          ) -> None:
    response = client.get("/broken/debug?10,0,4")
    assert response.status_code == 500
    assert "LookupError: on purpose" in response.text
    log.expect("MP0400")


def test_debug_after_output(client: Client, log: ErrorLog) -> None:
    response = client.get("/broken/debug?10,1,0")
    assert response.status_code == 200
    assert response.text.startswith("x" * 10 + "<pre>")
    assert "LookupError: on purpose" in response.text
    log.expect("MP0400")


def test_output_after_the_end(client: Client, log: ErrorLog) -> None:
    assert client.text("/after") == "body"
    wait_until(lambda: any(record.text.startswith("late: ")
                           for record in log.records()))
    texts = [record.text for record in log.records()
             if record.text.startswith(("late: ", "log: "))]
    assert texts == [f"{phase}: RuntimeError: the response has been sent, "
                     "nothing can be added"
                     for phase in ("log", "log", "log", "late")]


# -- files ---------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "expected"), [
    ("here/'small'", b"0123456789|10"),
    ("str(here/'small')", b"0123456789|10"),
    ("os.fsencode(here/'small')", b"0123456789|10"),
    ("here/'link'", b"0123456789|10"),
    ("here/'\\u00e4'", b"umlaut|6"),
    ("here/'small', 3", b"3456789|7"),
    ("here/'small', 3, 4", b"3456|4"),
    ("here/'small', 8, 100", b"89|2"),
    ("here/'small', 10", b"|0"),
    ("here/'small', 0, 0", b"|0"),
    ("here/'small', 5, -1", b"56789|5"),
    ("here/'small', 5, -7", b"56789|5"),
    ("here/'small', 5, None", b"56789|5"),
    ("here/'empty'", b"|0"),
    ("here/'large', 1599992", b"0199999\n|8"),
    ("here/'large', 8, 65536", LARGE[8:65544] + b"|65536"),
    ("here/'large'", LARGE + b"|1600000"),
    # beyond what 32 bits hold
    ("here/'huge', 2**32 + 8, 6", LARGE[8:14] + b"|6"),
    ("here/'huge', 2**32 - 3, 5", b"\0\0\0" + LARGE[:2] + b"|5"),
    ("here/'huge', 2**32 - 50000, 100000",
     bytes(50_000) + LARGE[:50_000] + b"|100000"),
    ("here/'huge', 2**32", LARGE + b"|1600000"),
    ("here/'huge', 2**32 + 1599992, 2**40", b"0199999\n|8")])
@pytest.mark.parametrize("how", ["", "/sendfile"])
def test_file(client: Client, how: str, arguments: str, expected: bytes
              ) -> None:
    response = client.get(f"/file{how}?" + quote(arguments))
    assert response.content == expected


@pytest.mark.parametrize(("arguments", "expected", "errno"), [
    ("here/'missing'", "FileNotFoundError", 2),
    ("here", "IsADirectoryError", 21),
    ("here/'fifo'", "OSError", 22),
    ("'/dev/null'", "OSError", 22),
    ("''", "FileNotFoundError", 2),
    ("here/'small'/'x'", "NotADirectoryError", 20),
    ("here/'small', 11", "ValueError", None),
    ("here/'small', -1", "ValueError", None),
    ("here/'empty', 1", "ValueError", None),
    ("'a\\0b'", "ValueError", None),
    ("1", "TypeError", None),
    ("here/'small', '1'", "TypeError", None),
    ("here/'small', 0, 1.5", "TypeError", None)])
def test_file_errors(client: Client, arguments: str, expected: str,
                     errno: int | None) -> None:
    name, text, number = client.json("/file_error?" + quote(arguments))
    assert (name, number) == (expected, errno)
    if errno == 2 and "missing" in arguments:
        assert text.endswith("/missing'")


def test_small_file_has_a_length(raw: Connection) -> None:
    response = raw.request("/file?here/'small'")
    assert response.header("Content-Length") == "13"


def test_files_between_writes(client: Client) -> None:
    assert client.get("/mixed").content == (
        b"<00000|" + LARGE[3:100_003] + b"|" + LARGE + b"|5,100000,1600000>")


def test_files_do_not_stay_open(client: Client) -> None:
    body, _, most = client.get("/many_files").content.rpartition(b"|")
    assert body == LARGE[:40_000] * 50
    assert int(most) < 10


def test_file_changes_after_it_was_sent(client: Client) -> None:
    assert client.get("/replaced").content == b"a" * 10_000 + b"b" * 10_000


def test_head_of_a_file(raw: Connection) -> None:
    raw.request("/file?here/'large'", "HEAD")
    assert raw.request("/length?3").body == b"xxx"
