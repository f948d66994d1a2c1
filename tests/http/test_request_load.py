# SPDX-License-Identifier: Apache-2.0
"""Reading, writing and filtering for many clients at the same time, some of
which leave early."""
from __future__ import annotations

import hashlib
import json
import random

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently

# enough that event need not close connections that are kept alive
WORKERS = Workers(children=1, threads=64)

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_load
</Directory>
PythonInputFilter test_request_load::rotate IN
PythonOutputFilter test_request_load::rotate OUT
<LocationMatch "/(in|both)$">
    SetInputFilter IN
</LocationMatch>
<LocationMatch "/(out|both)$">
    SetOutputFilter OUT
</LocationMatch>
"""

BLOCK = b"0123456789abcdef" * 500
DATA = b"file\n" * 30_000


def configure(env: Env) -> None:
    env.write("data", DATA)


def talk(port: int, number: int) -> None:
    """One client: requests of all kinds on its connections."""
    chance = random.Random(number)
    with Client(port) as client:
        for _ in range(15):
            what = chance.randrange(7)
            size = chance.randrange(1, 40)
            body = chance.randbytes(size * 1000) + b"\n"
            if what == 0:
                assert json.loads(client.post("/upload", body).text) == (
                    hashlib.sha256(body).hexdigest())
            elif what == 1:
                assert client.get(f"/download?{size}").content == BLOCK * size
            elif what == 2:
                assert client.get(f"/download/out?{size}").content == (
                    BLOCK * size).swapcase()
            elif what == 3:
                assert client.post("/echo/both", body).content == body
            elif what == 4:
                assert client.get("/filed/out").content == (
                    DATA.swapcase() + b"END")
            elif what == 5:
                assert client.get("/redirect").content == BLOCK * 3
            else:
                leave_early(port, chance)


def leave_early(port: int, chance: random.Random) -> None:
    with Connection(port) as raw:
        path = chance.choice(["/download?500", "/download/out?500", "/filed",
                              "/echo/both", "/upload/in"])
        raw.send_request(path, "POST", [("Content-Length", "100000")])
        raw.send(b"x" * chance.randrange(10_000))
        if chance.random() < 0.5 and "?" in path:
            raw.read_some()
        raw.abort()


def test_many_clients(client: Client, log: ErrorLog) -> None:
    concurrently(lambda number: talk(client.port, number), 8)
    # the handlers whose clients left do not catch it
    log.allow("MP0400.*OSError: Client read error")
    assert client.get("/download?1").content == BLOCK
