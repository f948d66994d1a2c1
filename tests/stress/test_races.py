# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Many at the same moment: first requests, new interpreters, edited files,
threads of handlers."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import load
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.scale import scaled

CLIENTS = 50
CHILD = Workers(children=1, threads=CLIENTS, max_children=1)
FRESH = scaled(2, 50)
EDITS = scaled(10, 200)
LINES = """
<Location />
    SetHandler mod_python
    PythonHandler test_races
</Location>
""" + "".join(f"""
<Location /whole/{number}>
    PythonInterpreter sub{number}
</Location>""" for number in range(10))

MODULE = """
import time
first = {number}
time.sleep(0.005)

def handler(req):
    from mod_python import apache
    req.content_type = "text/plain"
    req.write(f"{{first}} {{last}}", 0)
    return apache.OK

last = {number}
"""


def configure(env: Env) -> str:
    env.write("edited/edited.py", MODULE.format(number=0))
    return """
<Location /threads>
    SetHandler mod_python
    PythonHandler test_races
</Location>
<Directory ${DOCROOT}/edited>
    SetHandler mod_python
    PythonHandler edited
</Directory>
"""


def at_once(port: int, paths: list[str]) -> list[tuple[int, bytes]]:
    """All requests leave at the same moment."""
    barrier = threading.Barrier(len(paths))

    def one(path: str) -> tuple[int, bytes]:
        line = load.Line(port, keep=1)
        barrier.wait()
        return line.ask(load.request(path))

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(one, paths))


@pytest.mark.mpm("event", "worker")
@pytest.mark.parametrize("interpreters", [1, 10])
def test_first_requests(start_httpd: Callable[..., Httpd],
                        interpreters: int) -> None:
    """A child's first requests all come at once: each module is imported once
    in each interpreter, each interpreter is made once, and nobody sees half
    of a module."""
    server = start_httpd(LINES, workers=CHILD)
    imported = server.env.var / "imported"
    paths = [f"/whole/{number % interpreters}" if interpreters > 1
             else "/whole" for number in range(CLIENTS)]
    for _ in range(FRESH):
        imported.unlink(missing_ok=True)
        assert at_once(server.port(), paths) == [(200, b"true")] * CLIENTS
        names = imported.read_text().split()
        assert len(names) == len(set(names)) == interpreters
        server.log.allow("AH00046|AH00045|AH00052")
        server.restart()


def test_edits_under_load(httpd: Httpd, env: Env) -> None:
    """Each answer comes from one version of the file, old or new."""
    done = threading.Event()
    wrong: list[str] = []
    seen: set[bytes] = set()

    def ask() -> None:
        line = load.Line(httpd.port())
        while not done.is_set():
            try:
                status, body = line.ask(load.request("/edited/x"))
            except (OSError, EOFError, load.ClosedError) as error:
                wrong.append(repr(error))
                line.close()
                continue
            first, _, last = body.partition(b" ")
            if status != 200 or first != last:
                wrong.append(f"{status} {body!r}")
            seen.add(body)
        line.close()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask) for _ in range(4)]
        try:
            for number in range(1, EDITS + 1):
                # in one step, as editors and deployments do
                new = env.write("edited/new", MODULE.format(number=number))
                new.replace(env.docroot / "edited" / "edited.py")
                time.sleep(0.3)  # the edits are what is counted
            deadline = time.monotonic() + 20
            last = f"{EDITS} {EDITS}".encode()
            while last not in seen and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            done.set()
        for one in running:
            one.result()
    assert wrong == []
    # it was reloaded on the way, too
    assert last in seen and len(seen) > EDITS // 10


def test_threads_of_handlers(httpd: Httpd) -> None:
    asks = [load.Ask("joined", load.request("/threads"),
                     body=b"[0, 1, 2, 3, 4]"),
            load.Ask("left", load.request("/threads?leave"),
                     body=b'"left"')]
    result = load.run(httpd.port(), asks, scaled(100, 10_000), threads=4)
    assert result.failed == []
