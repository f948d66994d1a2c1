# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Connection objects, in connection handlers and in requests."""
from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import sanitizer
from harness.client import Client
from harness.conf import BY_PATH, EVAL, ONE
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tls import Authority
from harness.tools import concurrently, wait_until

PLACES = ["echo", "sized", "rest", "some", "big", "members",
          "declines test_connection::moves_on", "peek"]


def hosts(names: list[str], start: int) -> str:
    """A virtual host for each handler, on ports of their own."""
    return "".join(f"""
<VirtualHost 127.0.0.1:${{PORT{port}}}>
    ServerName {name.split()[0]}.example.org
    DocumentRoot "${{DOCROOT}}"
    PythonInterpreter main_interpreter
    PythonConnectionHandler test_connection::{name}
    RequestReadTimeout handshake=0 header=0 body=0
    {"Timeout 1" if name == "timeout" else ""}
</VirtualHost>
""" for port, name in enumerate(names, start))


# or the kernel waits for the client to speak first
HTTP = ("AcceptFilter http none\n" + BY_PATH.format(name="test_connection")
        + EVAL)
CONFIG = HTTP + hosts(PLACES, 1)

Connect = Callable[[str], Connection]


@pytest.fixture
def connect(httpd: Httpd) -> Any:
    """connect(name): a connection to the host of that handler."""
    made = []

    def to(name: str) -> Connection:
        names = [place.split()[0] for place in PLACES]
        one = Connection(httpd.port(1 + names.index(name)),
                         10.0 * sanitizer.slowdown())
        made.append(one)
        return one

    yield to
    for one in made:
        one.close()


@pytest.fixture
def other(start_httpd: Any) -> Any:
    """other(name): a connection to a server of the test's own."""
    made = []

    def to(name: str) -> tuple[Connection, Httpd]:
        server = start_httpd(HTTP + hosts([name], 1))
        one = Connection(server.port(1), 10.0 * sanitizer.slowdown())
        made.append(one)
        return one, server

    yield to
    for one in made:
        one.close()


# -- reading and writing ------------------------------------------------------

def test_echo(connect: Connect) -> None:
    conn = connect("echo")
    conn.send(b"one\ntwo\n")
    assert conn.read_exactly(12) == b"<one\n><two\n>"
    conn.send(b"\xff\x00\n")
    assert conn.read_exactly(5) == b"<\xff\x00\n>"
    conn.send(b"no newline")
    conn.half_close()
    assert conn.read_all() == b"<no newline>"


def test_every_byte(connect: Connect) -> None:
    conn = connect("sized")
    data = bytes(range(256)) * 300
    conn.send(b"read 5\nabcde")
    assert conn.read_line() == b"b'abcde'"
    conn.send(b"readline\n" + data[:10] + b"\n")
    assert conn.read_line().decode() == repr(data[:10] + b"\n")
    echo = connect("rest")
    echo.send(data)
    echo.half_close()
    assert echo.read_all().decode() == repr(data) + repr([None] * 4)


def test_slow_peer(connect: Connect) -> None:
    """One byte after the other, and others are served meanwhile."""
    slow = connect("echo")
    for byte in b"slow line\n":
        slow.send(b"%c" % byte)
        with connect("echo") as fast:
            fast.send(b"fast\n")
            assert fast.read_exactly(7) == b"<fast\n>"
    assert slow.read_exactly(12) == b"<slow line\n>"


def test_long_line(connect: Connect) -> None:
    conn = connect("echo")
    line = b"x" * 100_000 + b"\n"
    conn.send(line)
    assert conn.read_exactly(len(line) + 2) == b"<" + line + b">"


def test_line_that_comes_in_pieces(connect: Connect) -> None:
    conn = connect("echo")
    for part in (b"a", b"b", b"c\nd"):
        conn.send(part)
    assert conn.read_exactly(6) == b"<abc\n>"
    conn.send(b"\n")
    assert conn.read_exactly(4) == b"<d\n>"


def test_nothing_is_lost(connect: Connect) -> None:
    """All methods draw on one stream."""
    conn = connect("sized")
    conn.send(b"".join([b"readline 3\nabc", b"read 4\ndefg",
                        b"readline\nhi\n", b"readline 100\nshort\n",
                        b"readline 1\n\n", b"read 2\nxy", b"read 0\nzz"]))
    lines = [conn.read_line().decode() for _ in range(7)]
    assert lines == ["b'abc'", "b'defg'", r"b'hi\n'", r"b'short\n'",
                     r"b'\n'", "b'xy'", "b'zz'"]
    conn.send(b"read 1000\nonly this")
    assert conn.read_line() == b"b'only this'"
    conn.send(b"readline -1\nline\n")
    assert conn.read_line() == rb"b'line\n'"


def test_until_the_peer_closes(connect: Connect) -> None:
    conn = connect("rest")
    data = b"data\n" * 50_000
    conn.send(data)
    conn.half_close()
    got = conn.read_all().decode()
    assert got == repr(data) + repr([None] * 4)


def test_what_is_there(connect: Connect) -> None:
    conn = connect("some")
    assert conn.read_line() == b"ready"
    conn.send(b"abc")
    assert conn.read_all() == b"b'abc'"


def test_peer_that_sends_nothing(connect: Connect) -> None:
    conn = connect("some")
    assert conn.read_line() == b"ready"
    conn.half_close()
    assert conn.read_all() == b"None"


def test_much_is_written(connect: Connect) -> None:
    assert connect("big").read_all() == b"x" * 5_000_000 + b"y\n"


def test_many_at_once(httpd: Httpd) -> None:
    def work(n: int) -> None:
        with Connection(httpd.port(1)) as conn:
            for i in range(20):
                conn.send(b"%d %d\n" % (n, i))
                assert conn.read_exactly(
                    len(b"%d %d\n" % (n, i)) + 2) == b"<%d %d\n>" % (n, i)

    concurrently(work, 8)


def test_duplex(other: Any) -> None:
    conn, _ = other("duplex")
    ticks = got = 0
    for i in range(30):
        conn.send(b"%d\n" % i)
        while True:
            line = conn.read_line()
            if line == b"got %d" % i:
                got += 1
                break
            assert line == b"tick %d" % ticks
            ticks += 1
    while ticks < 5:
        assert conn.read_line() == b"tick %d" % ticks
        ticks += 1
    conn.send(b"stop\n")
    assert conn.read_all().endswith(b"bye\n")
    assert got == 30


def test_a_thread_is_left_behind(other: Any) -> None:
    conn, server = other("left_behind")
    conn.send(b"go\n")
    assert conn.read_all() == b""
    record = server.log.expect("left_behind: ")[0]
    assert re.search("None|ReferenceError|OSError|TimeoutError", record.text)
    with Client(server.port()) as client:
        assert client.json("/about")[0] == "127.0.0.1"


def test_over_tls(make_httpd: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = make_httpd(modules=["ssl"])
    files = authority.issue("localhost")
    server.start(f"""
        AcceptFilter http none
        <VirtualHost 127.0.0.1:${{PORT1}}>
            ServerName localhost
            SSLEngine On
            SSLCertificateFile "{files.cert}"
            SSLCertificateKeyFile "{files.key}"
            PythonConnectionHandler test_connection::sized
        </VirtualHost>
    """)
    context = authority.context()
    with Connection(server.port(1), tls=context) as conn:
        conn.send(b"readline 3\nabcread 4\ndefgreadline\nhi\n")
        assert [conn.read_line() for _ in range(3)] == [
            b"b'abc'", b"b'defg'", rb"b'hi\n'"]
        line = b"x" * 100_000 + b"\n"
        conn.send(b"readline\n" + line)
        assert conn.read_line().decode() == repr(line)
        # without this it may be an end or an error, as the two threads fall
        assert isinstance(conn.socket, ssl.SSLSocket)
        conn.socket.unwrap()


# -- results and errors -------------------------------------------------------

def test_members(connect: Connect, httpd: Httpd) -> None:
    conn = connect("members")
    local = conn.socket.getsockname()
    conn.send(b"go\n")
    got = json.loads(conn.read_line())
    assert got.pop("id") >= 0
    assert got == {
        "type": "<class 'mp_conn'>", "server": "members.example.org",
        "local": ["127.0.0.1", httpd.port(6)], "client": list(local),
        "client_ip": "127.0.0.1", "local_ip": "127.0.0.1",
        "hosts": [None, None, None], "numbers": [0, 0, 0, 0], "notes": 0,
        "interpreter": "main_interpreter", "request": "None",
        "hlist": "{'handler': 'test_connection::members', 'directory': None,"
                 " 'is_location': 0, 'silent': 0}",
        "same": True, "capsule": "PyCapsule"}


def test_several_handlers(connect: Connect) -> None:
    conn = connect("declines")
    first, second, after, directory = json.loads(conn.read_line())
    assert "'test_connection::declines'" in first
    assert (second, after, directory) == ("test_connection::moves_on", None,
                                          None)
    assert conn.closed()


def test_http_after_a_line_of_our_own(connect: Connect) -> None:
    """The handler takes one line and declines; HTTP reads what follows."""
    conn = connect("peek")
    conn.send(b"PROXY something\r\n")
    got = conn.request("/about").json()
    assert got[6] == "PROXY something\r\n"
    assert conn.request("/about").json()[3] == 1


def test_exception(other: Any) -> None:
    conn, server = other("broken")
    assert conn.read_all() == b"half"
    server.log.expect("ZeroDivisionError: on purpose")
    server.log.expect(r"Traceback|File |broken")


def test_peer_is_gone(other: Any) -> None:
    conn, server = other("errors")
    assert conn.read_line() == b"ready"
    conn.abort()
    record = server.log.expect("errors: ")[0]
    assert record.text in (
        "errors: OSError: Connection read error",
        "errors: OSError: Write failed, client closed connection.")


def test_peer_does_not_read(other: Any) -> None:
    conn, server = other("errors")
    assert conn.read_line() == b"ready"
    conn.half_close()
    conn.read_exactly(1000)
    conn.abort()
    record = server.log.expect("errors: ")[0]
    assert record.text == \
        "errors: OSError: Write failed, client closed connection."


def test_timeout(other: Any) -> None:
    conn, _ = other("timeout")
    assert conn.read_all() == b"TimeoutError: Connection read error"


# -- in requests --------------------------------------------------------------

def test_in_a_request(client: Client) -> None:
    assert client.json("/about") == ["127.0.0.1", "127.0.0.1", None, 0, True,
                                     "localhost", None]
    assert client.json("/about")[3] == 1


def test_attributes(client: Client) -> None:
    response = client.get("/attributes")
    assert response.headers["Connection"] == "close"
    got = response.json()
    before = got.pop(5)
    assert before in (0, 2)
    assert got == [["AttributeError"], ["TypeError"], "AttributeError",
                   "TypeError", "OverflowError", 1, "TypeError", True, True]


def test_arguments(client: Client) -> None:
    assert client.json("/arguments") == [
        "TypeError", "TypeError", "TypeError", "TypeError", "TypeError",
        "UnicodeEncodeError", "TypeError"]


def test_deprecated_names(client: Client, log: ErrorLog) -> None:
    log.allow("MP0200")
    for _ in range(3):
        assert client.json("/deprecated") == [
            [True, True], ["DeprecationWarning"] * 2, "DeprecationWarning"]
    # once in a process, and one connection has one process
    assert len(log.records("MP0200")) == 1


def test_below_http(raw: Connection) -> None:
    raw.send_request("/raw", headers=[("Upgrade", "own"),
                                      ("Connection", "Upgrade")])
    head = raw.read_head()
    assert (head.status, head.header("Upgrade")) == (101, "own")
    raw.send(b"abc\n")
    assert raw.read_line() == b"ABC"
    raw.send(b"def\nquit\nmore")
    assert raw.read_all() == b"DEF\nbye\n"


def test_order_of_request_and_connection(raw: Connection) -> None:
    raw.send_request("/both")
    assert raw.read_all() == b"one two three four"


def test_question_before_the_answer(raw: Connection) -> None:
    raw.send_request("/asks")
    assert raw.read_exactly(11) == b"your name? "
    raw.send(b"joe\n")
    assert raw.read_all() == b"hello joe\n"


def test_after_its_end(start_httpd: Any) -> None:
    port = start_httpd(HTTP, workers=ONE).port()
    with Client(port) as client:
        client.json("/keep")
        assert client.json("/look") == "same"
        client.json("/keep")

    def ended() -> bool:
        """httpd may notice the close a moment after the next connection."""
        with Client(port) as client:
            got = client.json("/look")
        assert got in (["RuntimeError"] * 3, ["ReferenceError"] * 10)
        return len(got) == 10

    wait_until(ended)


@pytest.mark.mpm("worker", "event")
def test_of_another_request(start_httpd: Any) -> None:
    """httpd uses a connection as it likes while others serve it."""
    port = start_httpd(HTTP, workers=ONE).port()
    with Client(port) as one, Client(port) as two:
        one.json("/keep")
        assert two.json("/look") == ["RuntimeError"] * 3
        assert one.json("/look") == "same"


def test_many_that_somebody_keeps(start_httpd: Any) -> None:
    """They end in other threads than the one that used them."""
    server = start_httpd(HTTP)

    def work(n: int) -> None:
        for _ in range(10):
            with Client(server.port()) as client:
                client.json("/keep" if n % 2 else "/about")
                client.json("/look" if n % 3 else "/keep")

    concurrently(work, 12)
