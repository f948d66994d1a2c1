# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Several interpreters with a GIL each behind one name."""
from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently, wait_until

SIZE = 3
WORKERS = Workers(children=1, threads=8, max_children=1)
THREADED = pytest.mark.mpm("event", "worker")
POOL = """
PythonInterpreter pool
SetHandler mod_python
PythonHandler test_pools
"""


def configure(env: Env) -> str:
    assert env.build is not None
    env.build.needs_python(3, 13, "interpreters with a GIL of their own")
    env.write("reloaded.py", "value = 1\n")
    return f"""
PythonInterpreterOptions pool gil=own instances={SIZE}
PythonInterpreterOptions lazy instances=2
PythonInterpreterOptions single gil=own
PythonImport test_pools::at_start pool
<Location />
    {POOL}
</Location>
<Location /redirected>
    PythonFixupHandler test_pools
    PythonLogHandler test_pools
</Location>
<Location /target>
    PythonFixupHandler test_pools
    PythonOutputFilter test_pools FOLLOW
    SetOutputFilter FOLLOW
</Location>
<Location /where/lazy>
    PythonInterpreter lazy
</Location>
<Location /where/single>
    PythonInterpreter single
</Location>
<Location /where/main>
    PythonInterpreter main_interpreter
</Location>
<Directory ${{DOCROOT}}>
    {POOL}
</Directory>
<VirtualHost 127.0.0.1:${{PORT1}}>
    ServerName pool
    PythonConnectionHandler test_pools
</VirtualHost>
"""


def busy(port: int, until: float, expression: str) -> Any:
    with Client(port, timeout=30) as client:
        return client.json("/busy", "POST",
                           data=json.dumps([until, 0, expression]))


def in_each(httpd: Httpd, expression: str, size: int = SIZE) -> list[Any]:
    """The values of an expression, each from another instance. Instances
    that compute are not given to others; a machine that is too busy to have
    all requests under way at the same time gets more of it."""
    port = httpd.port()
    for duration in (0.3, 1, 3, 8):
        until = time.monotonic() + duration
        with ThreadPoolExecutor(size) as pool:
            found = {answer[0]: answer for answer in pool.map(
                busy, [port] * size, [until] * size, [expression] * size)}
        if len(found) == size:
            return [found[number][2] for number in sorted(found)]
    raise AssertionError(f"always in the same instances: {found}")


# -- names and numbers ------------------------------------------------------------


def test_names(client: Client) -> None:
    for name, size in (("lazy", 2), ("single", 1)):
        own, of_apache, instance = client.json(f"/where/{name}")
        assert (own, of_apache) == (name, name)
        assert instance == [0, size]
    assert client.json("/where/main")[2] == [0, 1]
    own, of_apache, (number, size) = client.json("/where")
    assert (own, of_apache, size) == ("pool", "pool", SIZE)
    assert number in range(SIZE)


@THREADED
def test_apart(httpd: Httpd) -> None:
    """Each has its own modules; a busy one is not given to anybody."""
    first = in_each(httpd, "(id(sys.modules), id(time), count())")
    assert len({modules for modules, _, _ in first}) == SIZE
    assert len({module for _, module, _ in first}) == SIZE
    second = in_each(httpd, "(id(sys.modules), id(time), count())")
    for one, two in zip(first, second, strict=True):
        assert one[:2] == two[:2]
        assert two[2] > one[2]


@THREADED
def test_import_in_each(httpd: Httpd) -> None:
    assert in_each(httpd, "imported") == [["pool"]] * SIZE


@THREADED
def test_settings_in_each(httpd: Httpd) -> None:
    assert in_each(httpd, "sys.argv") == [["mod_python"]] * SIZE
    assert in_each(httpd, "sys.getswitchinterval()") == [0.005] * SIZE


# -- a request stays where it is --------------------------------------------------


@THREADED
def test_a_request_stays(httpd: Httpd, log: ErrorLog) -> None:
    """Its phases, the request it is redirected to, filters, cleanups."""
    def ask(number: int) -> None:
        with Client(httpd.port()) as client:
            assert client.text("/redirected") == "body"

    concurrently(ask, 60)
    def parts() -> list[dict[str, int]]:
        return [json.loads(record.text.partition("parts: ")[2])
                for record in log.records() if "parts: " in record.text]

    wait_until(lambda: len(parts()) == 60)  # cleanups follow the response
    seen = parts()
    assert all(set(one) == {"fixup /redirected", "fixup /target", "handler",
                            "log", "filter", "cleanup"} for one in seen)
    assert all(len(set(one.values())) == 1 for one in seen), seen
    assert len({one["cleanup"] for one in seen}) == SIZE


@THREADED
def test_a_connection_stays(httpd: Httpd) -> None:
    def talk(number: int) -> None:
        with Connection(httpd.port(1), 20) as raw:
            for line in range(20):
                raw.send(b"%d\n" % line)
                assert raw.read_line() == b"1 %d" % line

    concurrently(talk, 12, 4)


# -- what a handler may do --------------------------------------------------------


@THREADED
def test_standard_library(httpd: Httpd) -> None:
    """For the first time, in all of them at once."""
    assert in_each(httpd, "library()") == [[
        [[1, "x"]], True, "0.3", False, {"a": [1.5]}, 3,
        "2020-01-01T00:00:00+00:00", "2d711642", 2, True]] * SIZE


def test_default_session(client: Client) -> None:
    """One instance cannot see what another has in memory."""
    kind, count = client.json("/session")
    assert (kind, count) == ("DbmSession", 1)
    assert [client.json("/session") for _ in range(4)] == [
        ["DbmSession", number] for number in range(2, 6)]


def test_exceptions(client: Client, log: ErrorLog) -> None:
    assert client.get("/fails").status_code == 500
    log.expect("MP0400")
    log.expect("LookupError: in a pool")
    assert client.json("/deep") == "RecursionError"


@THREADED
def test_reload_in_each(httpd: Httpd, env: Env) -> None:
    value = f"apache.import_module({f'{env.docroot}/reloaded.py'!r}).value"
    assert in_each(httpd, value) == [1] * SIZE
    env.write("reloaded.py", "value = 2222\n")
    # files are looked at once a second
    wait_until(lambda: in_each(httpd, value) == [2222] * SIZE, 20)


@THREADED
def test_exit_of_each(httpd: Httpd, log: ErrorLog) -> None:
    in_each(httpd, "exits()")
    httpd.restart()
    for number in range(SIZE):
        for text in ("cleanup", "atexit"):
            assert len(log.expect(f"exit: {text} of {number}")) == 1

