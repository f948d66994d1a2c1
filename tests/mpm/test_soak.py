# Licensed under the Apache License, Version 2.0; see LICENSE.
"""10,000 mixed requests through two threads and two virtual hosts: nobody
meets foreign thread locals, nothing is left behind."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.load import Line, request
from harness.tools import wait_until

WORKERS = Workers(children=1, threads=2, max_children=1)
HOSTS = ("one.test", "two.test")
PATHS = ("plain", "cycle", "body", "cleanup", "fails", "added", "static.txt")
FEW = 1000


def configure(env: Env) -> str:
    env.write("static.txt", "static\n")
    return "".join(f"""
<VirtualHost 127.0.0.1:${{PORT{number}}}>
    ServerName {host}
    DocumentRoot ${{DOCROOT}}
    PythonFixupHandler test_soak
    PythonLogHandler test_soak
    <LocationMatch "^/(?!static)">
        SetHandler mod_python
        PythonHandler test_soak
    </LocationMatch>
</VirtualHost>""" for number, host in enumerate(HOSTS, 1))


def ask(line: Line, host: str, path: str) -> None:
    if path == "body":
        status, body = line.ask(request("/body", "POST", b"0123456789\n" * 50))
        assert b"\r\nX-Length: 550\r\n" in line.head
    else:
        status, body = line.ask(request(f"/{path}"))
    if path == "fails":
        assert status == 404
    elif path == "static.txt":
        assert body == b"static\n"
    else:
        assert body == f"{host} True".encode()


def run(httpd: Httpd, count: int) -> None:
    """count mixed requests from two clients, one for each host. A connection
    now and then is closed, as clients do, or by event when all its threads
    are busy; a dead child would be noticed."""
    def one(number: int) -> None:
        line = Line(httpd.port(number + 1))
        for step in range(count // 2):
            ask(line, HOSTS[number], PATHS[step % len(PATHS)])
        line.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(2)))


def states(httpd: Httpd) -> list[list[object]]:
    with Client(httpd.port(1)) as one, Client(httpd.port(2)) as two:
        return [one.json("/state"), two.json("/state")]


@pytest.mark.mpm("worker", "event")
def test_mixed_requests(httpd: Httpd) -> None:
    run(httpd, 4 * FEW)  # caches fill, code is specialised
    before = states(httpd)
    objects = [one[0] for one in before]
    run(httpd, 10 * FEW)

    def settled() -> list[list[object]] | None:
        """Connections that linger keep their objects for a moment, on
        either side of the comparison."""
        now = states(httpd)
        more = [name for seen, known in zip(now, objects, strict=True)
                for name, count in seen[0].items()
                if count > known.get(name, 0)]
        return None if more else now

    after = wait_until(settled, 15)  # more than KeepAliveTimeout
    for early, late in zip(before, after, strict=True):
        # thread locals and such; one kind of request of all has 1400
        assert abs(late[1] - early[1]) < 20
        # memory blocks that are no objects of the collector. Caches of the
        # interpreter fill up ever more slowly; a leak in one kind of request
        # of all would add 1400
        assert late[2] - early[2] < 2 * FEW
