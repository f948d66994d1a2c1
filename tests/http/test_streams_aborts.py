# SPDX-License-Identifier: Apache-2.0
"""Clients that go away, in each state of a request and of its connection:
the code that serves them learns of it, no thread stays behind, and other
requests are served, also on the same connection of HTTP/2."""
from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from harness import sanitizer
from harness.channel import TLS_HOST, Channel, add_tls, connect
from harness.client import Client
from harness.http2 import Http2
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import wait_until

configure = add_tls
CONFIG = TLS_HOST + """\
Timeout 10
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_streams_aborts
</Directory>
PythonOutputFilter test_streams_aborts::outputs OUTPUTS
PythonInputFilter test_streams_aborts::inputs INPUTS
<Location "/filtered">
    SetOutputFilter OUTPUTS
</Location>
<Location "/upload/filtered">
    SetInputFilter INPUTS
</Location>
<Location "/status">
    SetHandler server-status
</Location>
"""

LENGTH = [("Content-Length", "100000")]
LATE = "Write failed, client closed connection."
LOST = r"Client read error \(Timeout\?\)"


@pytest.fixture(autouse=True)
def nobody_stays(client: Client) -> Iterator[None]:
    """After each test all workers are idle but the one that tells."""
    def idle() -> bool:
        text = client.text("/status?auto")
        busy = re.search(r"BusyWorkers: (\d+)", text)
        return busy is not None and int(busy[1]) == 1

    yield
    wait_until(idle, 10.0 * sanitizer.slowdown(), "workers are idle")
    assert client.text("/ping?1") == "pong 1"


# -- in the middle of a request -----------------------------------------------------

UPLOADS = ["upload", "lines", "upload/filtered"]
DOWNLOADS = ["download", "compute", "filtered"]


def begin_upload(channel: Channel, path: str) -> int:
    """Sends the first of a body; what comes back is the stream, if any."""
    peer = channel.peer
    if isinstance(peer, Http2):
        number = peer.send_request(path, "POST", LENGTH, end=False)
        peer.send(number, b"some data\n")
        return number
    peer.send_request(path, "POST", LENGTH)
    peer.send(b"some data\n")
    return 0


def begin_download(channel: Channel, path: str) -> int:
    """Waits for the first bytes of an answer."""
    peer = channel.peer
    if isinstance(peer, Http2):
        number = peer.send_request(path)
        assert peer.read_some(number)
        return number
    peer.send_request(path)
    assert peer.read_head().status == 200
    assert peer.read_some()
    return 0


@pytest.mark.parametrize("kind", ["http", "https", "h2"])
@pytest.mark.parametrize("path", UPLOADS)
def test_upload(httpd: Httpd, log: ErrorLog, path: str, kind: str) -> None:
    channel = connect(httpd, kind)
    begin_upload(channel, f"/{path}")
    log.wait(f"/{path}: begun")
    channel.peer.abort()
    expect_lost_upload(log, path)


def expect_lost_upload(log: ErrorLog, path: str) -> None:
    log.wait(f"/{path}: gone: {LOST}", timeout=15)
    log.expect(f"MP0400: PythonHandler .*{LOST}")
    if path == "upload/filtered":
        log.expect(f"/{path}: filter: {LOST}")
        log.expect(f"MP0400: PythonInputFilter .*{LOST}")


@pytest.mark.parametrize("kind", ["http", "https", "h2"])
@pytest.mark.parametrize("path", DOWNLOADS)
def test_download(httpd: Httpd, log: ErrorLog, path: str, kind: str) -> None:
    channel = connect(httpd, kind)
    begin_download(channel, f"/{path}")
    channel.peer.abort()
    log.wait(f"/{path}: gone: {LATE}", timeout=15)


@pytest.mark.parametrize("kind", ["http", "https", "h2"])
def test_conversation(httpd: Httpd, log: ErrorLog, kind: str) -> None:
    channel = connect(httpd, kind)
    begin_upload(channel, "/converse")
    log.wait("/converse: begun")
    channel.peer.abort()
    log.expect(f"/converse: gone: ({LOST}|{LATE})", timeout=15)
    log.allow("MP0400")


# -- one stream of several -----------------------------------------------------------


def check_next(channel: Channel) -> None:
    for number in range(2):
        assert channel.in_step(f"/ping?{number}", b"pong %d" % number)


@pytest.mark.parametrize("path", UPLOADS)
def test_stream_of_an_upload(httpd: Httpd, log: ErrorLog, path: str) -> None:
    with connect(httpd, "h2") as channel:
        number = begin_upload(channel, f"/{path}")
        log.wait(f"/{path}: begun")
        assert isinstance(channel.peer, Http2)
        channel.peer.reset(number)
        expect_lost_upload(log, path)
        check_next(channel)


@pytest.mark.parametrize("path", DOWNLOADS)
def test_stream_of_a_download(httpd: Httpd, log: ErrorLog, path: str) -> None:
    with connect(httpd, "h2") as channel:
        number = begin_download(channel, f"/{path}")
        assert isinstance(channel.peer, Http2)
        channel.peer.reset(number)
        log.wait(f"/{path}: gone: {LATE}", timeout=15)
        check_next(channel)


# -- between requests ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["http", "https", "h2"])
def test_idle_connection(httpd: Httpd, kind: str) -> None:
    channel = connect(httpd, kind)
    check_next(channel)
    channel.peer.abort()


@pytest.mark.parametrize("kind", ["http", "https"])
@pytest.mark.parametrize("sent", [
    b"", b"GET /pi", b"GET /ping?1 HTTP/1.1\r\nHost: loc",
    b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"])
def test_half_a_request(httpd: Httpd, kind: str, sent: bytes) -> None:
    """No handler ever hears of it."""
    channel = connect(httpd, kind)
    assert isinstance(channel.peer, Connection)
    channel.peer.send(sent)
    channel.peer.abort()


@pytest.mark.parametrize("kind", ["http", "https"])
def test_nobody_waits_for_the_answer(httpd: Httpd, kind: str) -> None:
    """Many requests in one piece, and nobody to read the answers."""
    channel = connect(httpd, kind)
    assert isinstance(channel.peer, Connection)
    channel.peer.send(b"GET /ping?1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    channel.peer.abort()
