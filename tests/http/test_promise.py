# SPDX-License-Identifier: Apache-2.0
"""req.write() promises to flush within some milliseconds: a handler that then
sleeps or waits streams, one that returns sends one piece."""
from __future__ import annotations

import re
import shutil
import subprocess
import time

import pytest

from harness import sanitizer
from harness.channel import TLS_HOST, add_tls
from harness.client import Client
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently, wait_until

MODULES = ["deflate"]
configure = add_tls

CONFIG = TLS_HOST + """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_promise
</Directory>
<Location "/list">
    PythonHandler test_promise::first test_promise::second
</Location>
<Location "/sleep/other">
    PythonInterpreter another_one
</Location>
<Location "/sleep/deflated">
    SetOutputFilter DEFLATE
</Location>
<Location "/sleep/filtered">
    PythonOutputFilter test_promise::_upper UPPER
    SetOutputFilter UPPER
</Location>
"""

# Lines come 0.2 s apart. Without the flusher the first would come with the
# last one, or each with the next.
SOON = 0.02 * sanitizer.slowdown()
TRIES = 5  # on a machine that has other things to do too


def delays(command: list[str]) -> list[float]:
    """How long after it was written each line is here."""
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            found.append(time.monotonic() - float(line.split()[1]))
    assert run.returncode == 0, command
    return found


def curl(url: str, *options: str) -> list[str]:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    return ["curl", "-sSNk", "--max-time", "20", *options, url]


def check_streams(command: list[str], lines: int = 3,
                  soon: float = SOON) -> None:
    for _ in range(TRIES):
        found = delays(command)
        assert len(found) == lines
        if max(found) < soon:
            return
    pytest.fail(f"lines come late: {found}")


WAYS = ["sleep", "sql", "selecting", "event_loop", "thread"]


@pytest.mark.parametrize("way", WAYS)
def test_streams_while_it(httpd: Httpd, way: str) -> None:
    check_streams(curl(httpd.url(f"/{way}")))


def test_streams_while_it_computes(httpd: Httpd) -> None:
    """The flusher has to fight for the interpreter, and for a processor."""
    check_streams(curl(httpd.url("/computes")), soon=0.18)


@pytest.mark.parametrize("kind", ["other", "deflated", "filtered"])
def test_streams_through(httpd: Httpd, kind: str) -> None:
    check_streams(curl(httpd.url(f"/sleep/{kind}"), "--compressed"))


def test_streams_over_tls(httpd: Httpd) -> None:
    check_streams(curl(httpd.env.url("/sleep", 1).replace("http:", "https:"),
                       "--http1.1"))


@pytest.mark.mpm("event", "worker")
def test_streams_over_http2(httpd: Httpd) -> None:
    check_streams(curl(httpd.env.url("/sleep", 1).replace("http:", "https:"),
                       "--http2"))


def test_the_next_handler_of_the_list_waits(httpd: Httpd) -> None:
    check_streams(curl(httpd.url("/list")), lines=2)


def test_streams_under_load(httpd: Httpd) -> None:
    """Other requests come and go all the time."""
    with subprocess.Popen(curl(httpd.url("/sleep")),
                          stdout=subprocess.DEVNULL) as other:
        def load(_: int) -> None:
            with Client(httpd.port()) as client:
                while other.poll() is None:
                    assert client.text("/short") == "short\n"

        concurrently(load, 3, threads=3)
    check_streams(curl(httpd.url("/sleep")))


def test_a_short_answer_is_one_piece(raw: Connection) -> None:
    """The end of the response keeps the promise. A tick may come between."""
    plain = 0
    for _ in range(200):
        response = raw.request("/short")
        assert response.body == b"short\n"
        plain += response.header("Content-Length") == "6"
    assert plain > 150


def test_a_question_comes_before_its_answer_is_read(raw: Connection) -> None:
    raw.send_request("/reads", "POST", [("Transfer-Encoding", "chunked")])
    for number in range(3):
        if number == 0:
            assert raw.read_head().status == 200
        size = int(raw.read_line(), 16)
        assert raw.read_exactly(size + 2).startswith(b"%d " % number)
        raw.send_chunk(b"answer\n")
    raw.send_chunk(b"")
    assert raw.read_exactly(5) == b"0\r\n\r\n"


def test_a_filter_takes_what_comes_after_it(client: Client) -> None:
    assert client.text("/adds_filter") == "before\nAFTER\n"


def test_a_client_that_leaves(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/until_gone")
    assert raw.read_head().status == 200
    raw.abort()
    log.expect("the client has left")


def test_a_client_that_does_not_read(httpd: Httpd, client: Client,
                                     log: ErrorLog) -> None:
    """The flusher waits for no client: others are served meanwhile."""
    with Connection(httpd.port()) as slow:
        slow.send_request("/until_gone")
        for _ in range(50):
            assert client.text("/short") == "short\n"
        slow.abort()
    wait_until(lambda: re.search("the client has left", log.text()),
               20 * sanitizer.slowdown())
    log.expect("the client has left")


@pytest.mark.parametrize("step", [1, 3, 7])
def test_all_of_it_arrives(httpd: Httpd, step: int) -> None:
    wanted = "".join(f"{n:04}\n" for n in range(20))

    def one(_: int) -> None:
        with Client(httpd.port()) as client:
            for _ in range(10):
                assert client.text(f"/hammer?{step}") == wanted

    concurrently(one, 6, threads=6)


def test_restarts(httpd: Httpd) -> None:
    """The thread ends with its child, and is there again in the next one."""
    check_streams(curl(httpd.url("/sleep")))
    httpd.graceful()
    check_streams(curl(httpd.url("/sleep")))
    httpd.restart()
    check_streams(curl(httpd.url("/sleep")))
