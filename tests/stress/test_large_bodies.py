# SPDX-License-Identifier: Apache-2.0
"""Whole bodies of more than 4 GB: no byte is lost, no number too small."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import sanitizer
from harness.conf import BY_PATH, ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.scale import scaled

WORKERS = ONE
CONFIG = BY_PATH.format(name="test_large_bodies") + """\
PythonOutputFilter test_large_bodies::identity OUT
PythonInputFilter test_large_bodies::identity IN
<Location "/sparse">
    SetHandler none
</Location>
<LocationMatch "/filtered$">
    SetOutputFilter OUT
    SetInputFilter IN
</LocationMatch>
Alias "/sparse/filtered" "${DOCROOT}/sparse"
LimitRequestBody 0
"""

PIECE = bytes(range(256)) * 256
PIECES = scaled(200, (5 << 30) // len(PIECE))
SIZE = PIECES * len(PIECE)
MAY_GROW = 8_000_000


def configure(env: Env) -> None:
    with env.write("sparse", b"").open("r+b") as file:
        file.truncate(SIZE - len(PIECE))
        file.seek(0, 2)
        file.write(PIECE)


@pytest.fixture
def memory(httpd: Httpd, raw: Connection) -> Iterator[None]:
    """The child is no larger after the test than before it."""
    raw.request("/upload", "POST", body=PIECE)
    [child] = httpd.children()
    before = httpd.rss(child)
    yield
    if not sanitizer.wanted():
        assert httpd.rss(child) < before + MAY_GROW


def receive(raw: Connection) -> int:
    """The size of a body that comes until the server closes; its end must be
    PIECE."""
    assert raw.read_head().status == 200
    size = 0
    end = b""
    while data := raw.read_some():
        size += len(data)
        end = (end + data)[-len(PIECE):]
    assert end == PIECE
    return size


@pytest.mark.parametrize("path", ["/upload", "/upload/filtered"])
def test_upload(raw: Connection, memory: object, path: str) -> None:
    raw.send_request(path, "POST", [("Content-Length", str(SIZE))])
    for _ in range(PIECES):
        raw.send(PIECE)
    assert raw.read_response().json() == [SIZE, 0, SIZE]


@pytest.mark.parametrize("path", ["/download?", "/download/filtered?"])
def test_download(raw: Connection, memory: object, path: str) -> None:
    raw.send_request(f"{path}{PIECES}", version="HTTP/1.0")
    assert receive(raw) == SIZE


@pytest.mark.parametrize("path", ["/file", "/file/filtered",
                                  "/sparse/filtered"])
def test_file(raw: Connection, log: ErrorLog, memory: object, path: str
              ) -> None:
    raw.send_request(path, version="HTTP/1.0")
    assert receive(raw) == SIZE
    if path.startswith("/file"):
        log.wait(f"sent: {SIZE}")
