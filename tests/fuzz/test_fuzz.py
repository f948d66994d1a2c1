# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hostile input. make fuzz runs it at length with sanitizers; the seeds are
numbers, so each finding can be had again, and becomes a test where the thing
that it is about is tested."""
from __future__ import annotations

import json
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import load
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.scale import scaled

INPUTS = scaled(400, 200_000)
BATCH = 200
WORKERS = Workers(children=2, threads=8)
HANDLER = "test_fuzz"


def configure(env: Env) -> str:
    add_packages(env, "multipart")
    (env.var / "hundred").write_bytes(b"0123456789" * 10)
    env.write("static/hundred.txt", b"0123456789" * 10)
    return f"""
LogLevel error core:emerg http:emerg
RequestReadTimeout header=0 body=0
LimitRequestLine 16000
<Location />
    SetHandler mod_python
    PythonHandler {HANDLER}::anything
</Location>
<Location /static>
    SetHandler default-handler
</Location>
<Location /guarded>
    AuthType Basic
    AuthName x
    PythonAuthenHandler {HANDLER}
    Require valid-user
</Location>
<Location /rounds>
    PythonHandler {HANDLER}
</Location>
"""


def batches() -> list[int]:
    return list(range(0, INPUTS, BATCH))


@pytest.mark.mpm("event")
@pytest.mark.parametrize("kind", ["urlencoded", "multipart", "cookies",
                                  "pages", "tables", "sendfile"])
def test_inside(httpd: Httpd, kind: str) -> None:
    """Inputs that a handler makes for parsers, tables and sendfile()."""
    def one(seed: int) -> tuple[int, list[str]]:
        line = load.Line(httpd.port(), timeout=600)
        status, body = line.ask(load.request(
            f"/rounds/{kind}?{seed},{BATCH}"))
        line.close()
        assert status == 200, body[-300:]
        report = body
        if kind == "sendfile":
            sent, _, report = body.rpartition(b"\n")
        done, size, wrong, _ = json.loads(report)
        if kind == "sendfile" and size != len(sent):
            wrong.append(f"{seed}: {size} bytes reported, {len(sent)} sent")
        return done, wrong

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, batches()))
    wrong = [text for _, some in results for text in some]
    print(f"{kind}: {sum(done for done, _ in results)} inputs, "
          f"{len(wrong)} findings")
    assert wrong == []


# -- raw requests ---------------------------------------------------------

REQUESTS = [
    b"GET /any?a=b HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; c=d\r\n\r\n",
    b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    b"application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2",
    b"POST /lines HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked"
    b"\r\nTrailer: X\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    b"multipart/form-data; boundary=B\r\nContent-Length: 62\r\n\r\n"
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n',
    b"GET /guarded HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
    b"am9lOnNlY3JldA==\r\n\r\n",
    b"GET /file HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-9,20-\r\n"
    b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://localhost:80/any/%2e%2E/x%00 HTTP/1.0\r\n\r\n",
    b"GET /static/hundred.txt HTTP/1.1\r\nHost: localhost\r\n"
    b"Range: bytes=-5\r\n\r\n",
]
TOKENS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"%", b"%00",
          b"%2f", b"%zz", b"?", b"#", b"//", b"/../", b"\xff", b"\xc3\xbc",
          b"HTTP/1.1", b"HTTP/0.9", b"HTTP/9.9", b"Content-Length: 99999\r\n",
          b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
          b"Transfer-Encoding: gzip, chunked\r\n", b"Expect: 100-continue\r\n",
          b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"Host: \r\n",
          b"Host: a:b:c\r\n", b"Cookie: " + b"a=b; " * 300 + b"\r\n",
          b"X" * 9000, b"ffffffffffffffff\r\n", b"-1\r\n", b"\x80" * 20]


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(REQUESTS))
    for _ in range(rng.choice((0, 1, 1, 2, 4, 12))):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[place:place] = rng.choice(TOKENS)
        elif kind == 1:
            del data[place:place + rng.choice((1, 3, 30))]
        elif kind == 2 and place < len(data):
            data[place] = rng.randrange(256)
        elif kind == 3:
            data += rng.choice(REQUESTS)  # pipelined
        else:
            data[place:place] = rng.randbytes(rng.randrange(12))
    return bytes(data)


def send(port: int, data: bytes) -> str:
    """'' when the server answers or closes, as it should."""
    try:
        with load.connect(port, 30) as made:
            made.sendall(data)
            made.shutdown(socket.SHUT_WR)
            answer = b""
            while more := made.recv(65536):
                answer += more
    except ConnectionError:
        return ""  # it need not read what is no request
    except TimeoutError:
        return "no answer and no end"
    line = data.lstrip(b"\r\n").partition(b"\n")[0]
    # HTTP/0.9 has no status line
    if (answer and not answer.startswith(b"HTTP/1.")
            and re.search(rb" HTTP/1\.\d\s*$", line)):
        return f"{answer[:60]!r}"
    return ""


@pytest.mark.mpm("event")
def test_raw_requests(httpd: Httpd, log: ErrorLog) -> None:
    """Whatever a client sends, the server answers or closes."""
    def batch(seed: int) -> list[str]:
        found = []
        for number in range(seed, seed + BATCH):
            data = mutated(random.Random(f"raw {number}"))
            wrong = send(httpd.port(), data)
            if wrong:
                found.append(f"{number}: {wrong} {data!r}")
        return found

    log.allow(r"MP060\d: form refused|AH\d{5}")
    with ThreadPoolExecutor(6) as pool:
        wrong = [one for some in pool.map(batch, batches()) for one in some]
    print(f"raw requests: {INPUTS} inputs, {len(wrong)} findings")
    assert wrong == []


NUMBERS = ["0", "1", "9", "99", "100", "101", "-1", "", "a", "00", "5000000",
           "9223372036854775807", "9223372036854775808", "1" * 40, " 5", "\xff"]


def ranges(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(("bytes", "bytes=", "octets=0-1", "=", "", "bytes=,",
                           "bytes=0-1" * 50, "bytes=" + "0-1," * 250))
    return "bytes=" + rng.choice((",", ", ", " ,,")).join(
        f"{rng.choice(NUMBERS)}-{rng.choice(NUMBERS)}"
        for _ in range(rng.choice((1, 1, 1, 2, 3, 20))))


@pytest.mark.mpm("event")
def test_ranges(httpd: Httpd, log: ErrorLog) -> None:
    """Parts of what sendfile() sends, and of a static file."""
    def batch(seed: int) -> list[str]:
        found = []
        line = load.Line(httpd.port())
        for number in range(seed, seed + BATCH):
            rng = random.Random(f"ranges {number}")
            text = ranges(rng)
            path = rng.choice(("/file", "/static/hundred.txt"))
            try:
                status, body = line.ask(load.request(path, Range=text))
            except (OSError, EOFError, load.ClosedError) as error:
                found.append(f"{number}: {text!r}: {error!r}")
                line.close()
                continue
            right = {200: len(body) == 100, 206: len(body) > 0,
                     416: True, 400: True}
            if not right.get(status, False):
                found.append(f"{number}: {text!r}: {status} {len(body)}")
        line.close()
        return found

    log.allow(r"AH\d{5}")
    with ThreadPoolExecutor(4) as pool:
        wrong = [one for some in pool.map(batch, batches()) for one in some]
    print(f"ranges: {INPUTS} inputs, {len(wrong)} findings")
    assert wrong == []
