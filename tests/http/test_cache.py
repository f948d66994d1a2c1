# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.cache used by the handlers of a running httpd."""
from __future__ import annotations

import os
import re

import pytest

from harness.client import Client
from harness.conf import BY_PATH, ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently, wait_until

WORKERS = ONE  # a cache belongs to an interpreter

CONFIG = BY_PATH.format(name="test_cache") + """\
<Location "/static">
    SetHandler None
</Location>
"""


@pytest.fixture(autouse=True)
def forget(httpd: Httpd) -> None:
    # prefork's one process is not to wait for this connection
    with Client(httpd.port()) as client:
        client.text("/forget")


def test_functions(client: Client) -> None:
    assert client.json("/function?a") == ["a 1", 1]
    assert client.json("/function?a") == ["a 1", 1]
    for number, name in enumerate("bcd"):
        assert client.json(f"/function?{name}")[1] == min(number + 2, 3)
    assert client.json("/function?a")[0] == "a 2"  # it was dropped
    assert client.json("/function?d")[0] == "d 1"


def test_one_builder(httpd: Httpd) -> None:
    """Threads wait for the one that builds what they all want."""
    def get(number: int) -> list[object]:
        with Client(httpd.port()) as client:
            result: list[object] = client.json(f"/function?{'xy'[number % 2]}")
            return result

    assert {value for value, _ in map(tuple, concurrently(get, 24))} == {
        "x 1", "y 1"}


def test_files(env: Env, client: Client) -> None:
    env.write("file.txt", "\u00e4 one")
    assert client.json("/file?file.txt") == "\u00e4 one"
    env.write("file.txt", "two")
    assert client.json("/file?file.txt") == "two"
    file = env.write("file.txt", "owt")  # the same size
    os.utime(file, (5, 5))
    assert client.json("/file?file.txt") == "owt"


def test_missing_file(env: Env, client: Client, log: ErrorLog) -> None:
    assert client.get("/file?none").status_code == 500
    log.expect("FileNotFoundError")
    env.write("none", "there")
    assert client.json("/file?none") == "there"


def test_modules(env: Env, client: Client, log: ErrorLog) -> None:
    env.write("part.py", "x = 1\n")
    assert client.json("/module?part.py") == [
        "part", f"{env.docroot}/part.py", 1]
    env.write("part.py", "x = = 1\n")
    assert client.get("/module?part.py").status_code == 500
    log.expect("SyntaxError")
    env.write("part.py", "x = 'good'\n")
    assert client.json("/module?part.py")[2] == "good"


@pytest.fixture
def other(start_httpd: object) -> Httpd:
    """An httpd that serves files and counts who asks."""
    server: Httpd = start_httpd(  # type: ignore[operator]
        '<LocationMatch "/fresh">\nHeader set Cache-Control max-age=60\n'
        "</LocationMatch>\n", python=False)
    return server


def asked(server: Httpd) -> list[int]:
    """The status of each request so far."""
    text = (server.env.root / "logs" / "access.log").read_text()
    return [int(one) for one in re.findall(r'HTTP/1\.1" (\d+)', text)]


def test_http(client: Client, other: Httpd) -> None:
    other.env.write("a.txt", "one")
    other.env.write("fresh.txt", "fresh")
    url = other.url("/a.txt")
    body, headers = client.json("/http?" + url)
    assert body == b"one"
    assert headers["content-type"] == "text/plain"
    assert client.json("/http?" + url)[0] == b"one"
    wait_until(lambda: asked(other) == [200, 304])  # logged after it was sent
    other.env.write("a.txt", "and two")
    assert client.json("/http?" + url)[0] == b"and two"
    wait_until(lambda: asked(other) == [200, 304, 200])  # logged after it was sent
    for _ in range(3):
        assert client.json("/http?" + other.url("/fresh.txt"))[0] == b"fresh"
    wait_until(lambda: asked(other) == [200, 304, 200, 200])  # logged after it was sent


def test_http_errors(client: Client, other: Httpd, log: ErrorLog) -> None:
    assert client.get("/http?" + other.url("/none")).status_code == 500
    log.expect("HTTP Error 404")
    assert client.get("/http?file:///etc/passwd").status_code == 500
    log.expect("ValueError: not the URL of an HTTP resource")
    assert client.get(
        f"/http?http://127.0.0.1:{other.env.port(9)}/").status_code == 500
    log.expect("Connection refused")
    other.env.write("none", "now there")
    assert client.json("/http?" + other.url("/none"))[0] == b"now there"


def test_modules_over_http(client: Client, other: Httpd) -> None:
    other.env.write("m.py", "x = [1]\n")
    assert client.json("/http_module?" + other.url("/m.py")) == [1]
