# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A server is used in every way for long: nothing crashes, nothing grows."""
from __future__ import annotations

import base64
import hashlib
import json

import pytest

from harness import load, sanitizer
from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.scale import scaled
from harness.tools import wait_until

# The allocator goes on spreading for the first million or two.
REQUESTS = scaled(3000, 4_000_000)
WORKERS = Workers(children=2, threads=25)
NAME = "test_long_soak"

# Of the memory at half time: what the second half may add.
GROWTH = 0.02

FILE = bytes(range(256)) * 40
BOUNDARY = "limit"
UPLOAD = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n'
          f'\r\njoe\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; '
          'name="file"; filename="f.bin"\r\nContent-Type: '
          "application/octet-stream\r\n\r\n").encode() + FILE + (
              f"\r\n--{BOUNDARY}--\r\n").encode()
LINES = b"first line\nthe second\nand the last" * 20


def answer(value: object) -> bytes:
    return json.dumps(value).encode()


def login(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def chunked(path: str, data: bytes) -> bytes:
    head = load.request(path, "POST", Transfer_Encoding="chunked")
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)


R = load.request
FORM = "application/x-www-form-urlencoded"
ASKS = [
    load.Ask("plain", R("/plain"), body=b"Hello World!", weight=60),
    load.Ask("static", R("/static.txt"), body=b"static\n", weight=30),
    load.Ask("phases", R("/phases"), body=b"8", weight=40),
    load.Ask("streamed", R("/streamed"), body=b"x" * 10_000),
    load.Ask("large", R("/large"), body=b"y" * 1_000_000, weight=1),
    load.Ask("head", R("/missing"), 404),
    load.Ask("upload", R("/upload", "POST", UPLOAD, Content_Type=(
        f"multipart/form-data; boundary={BOUNDARY}")),
        body=answer(["joe", hashlib.md5(FILE).hexdigest()])),
    load.Ask("form", R("/form", "POST", b"a=1&a=3&b=4&a=2",
                       Content_Type=FORM), body=answer(["1", "2", "3"])),
    load.Ask("query", R("/form?a=1&a=2"), body=answer(["1", "2"])),
    load.Ask("body", R("/body", "POST", LINES), body=answer(len(LINES)),
             weight=15),
    load.Ask("chunked", chunked("/body", LINES), body=answer(len(LINES))),
    load.Ask("session", R("/session"), body=b"true"),
    load.Ask("cookies", R("/cookies", Cookie="a=x; b=y; c"), body=b"2"),
    load.Ask("page", R("/page"), body=b"0,1,2, f"),
    load.Ask("file", R("/file")),
    load.Ask("redirected", R("/redirected"), body=b"Hello World!"),
    load.Ask("not found", R("/not_found"), 404),
    load.Ask("added", R("/added"), body=b"Hello World!"),
    load.Ask("wsgi", R("/wsgi/x", "POST", b"12345"), body=b"wsgi 5",
             weight=20),
    load.Ask("output filter", R("/static.upper"), body=b"STATIC UPPER\n",
             weight=20),
    load.Ask("input filter", R("/swapped", "POST", b"Some Lines\nMore\n"),
             body=answer("sOME lINES\nmORE\n"), weight=15),
    load.Ask("own login", R("/guarded/x", Authorization=login(
        "joe", "secret")), body=b"guarded\n"),
    load.Ask("no login", R("/guarded/x"), 401),
    load.Ask("provider", R("/provided/x", Authorization=login(
        "ann", "secret")), body=b"provided\n"),
    load.Ask("refused", R("/provided/x", Authorization=login(
        "ann", "wrong")), 401, weight=1),
    load.Ask("ssi", R("/page.shtml"), body=b"Hello World! 7\n"),
    load.Ask("quick", R("/quick"), 410),
    load.Ask("abort at once", R("/large"), abort=0, weight=2),
    load.Ask("abort later", R("/large"), abort=30_000, weight=2),
    load.Ask("abort upload", R("/upload", "POST", UPLOAD, Content_Type=(
        f"multipart/form-data; boundary={BOUNDARY}"))[:-500], abort=0,
        weight=2),
]
# what writes tracebacks into the log, seldom: the log is read by the test
ERRORS = [load.Ask("fails", R("/fails"), 500, weight=1)]


def configure(env: Env) -> str:
    add_packages(env, "multipart")
    env.write("static.txt", "static\n")
    env.write("static.upper", "static upper\n")
    env.write("page.shtml", '<!--#include virtual="/plain" --> '
              '<!--#python eval="3 + 4" -->\n')
    env.write("guarded/x", "guarded\n")
    env.write("provided/x", "provided\n")
    handlers = "\n".join(
        f"Python{phase}Handler {NAME}" for phase in
        ("PostReadRequest", "Trans", "MapToStorage", "HeaderParser",
         "Access", "Type", "Fixup", "Log", "Cleanup"))
    return f"""
LogLevel error
PythonAuthnProvider people {NAME}::check_password
PythonAuthzProvider member {NAME}::check_user
PythonQuickHandler {NAME}::quick
{handlers}
PythonOption mod_python.file_session.enable_fast_cleanup 1
PythonOption mod_python.session.database_directory ${{ROOT}}/var
<LocationMatch "^/(?!static|guarded|provided|page.shtml|wsgi)">
    SetHandler mod_python
    PythonHandler {NAME}
</LocationMatch>
<Location /wsgi>
    SetHandler mod_python
    PythonHandler mod_python.wsgi
    PythonOption mod_python.wsgi.application {NAME}::application
</Location>
<Location /guarded>
    AuthType Basic
    AuthName x
    PythonAuthenHandler {NAME}
    PythonAuthzHandler {NAME}
    Require valid-user
</Location>
<Location /provided>
    AuthType Basic
    AuthName x
    AuthBasicProvider people
    Require member ann
</Location>
<Location /static.upper>
    PythonOutputFilter {NAME}::upper UPPER
    SetOutputFilter UPPER
</Location>
<Location /swapped>
    PythonInputFilter {NAME}::reverse_input SWAP
    SetInputFilter SWAP
</Location>
<Directory ${{DOCROOT}}>
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
"""


def states(httpd: Httpd) -> dict[int, list[object]]:
    """What is alive in each child."""
    found: dict[int, list[object]] = {}

    def all_seen() -> bool:
        with Client(httpd.port()) as client:
            pid, *rest = client.json("/state")
        found[pid] = rest
        return set(found) >= set(httpd.children())

    wait_until(all_seen, 60)
    return found


def memory(httpd: Httpd) -> dict[int, int]:
    return {pid: httpd.rss(pid) for pid in httpd.children()}


def use(httpd: Httpd, count: int, seed: int) -> int:
    """count requests; answers that were not right fail the test."""
    result = load.run_processes(httpd.port(), ASKS, count, threads=20,
                                seed=seed)
    few = load.run(httpd.port(), ERRORS, max(count // 500, 1), threads=1)
    assert result.failed == [] and few.failed == []
    return result.done + few.done


@pytest.mark.mpm("event")
def test_soak(httpd: Httpd, log: ErrorLog) -> None:
    log.allow(r"MP0400: PythonHandler test_long_soak: .*on purpose"
              r"|AH01617: user ann")
    steps = 10
    done = 0
    sizes: list[dict[int, int]] = []
    alive: list[dict[int, list[object]]] = []
    for step in range(steps):
        done += use(httpd, REQUESTS // steps, step)
        sizes.append(memory(httpd))
        alive.append(states(httpd))
        print(f"{done} requests: " + ", ".join(
            f"child {pid} {size // 1024} kB, "
            f"{httpd.private(pid) // 1024} of its own"
            for pid, size in sizes[-1].items()), flush=True)
    half, last = sizes[steps // 2 - 1], sizes[-1]
    assert half.keys() == last.keys()
    for pid, size in half.items():
        growth = last[pid] / size - 1
        before, after = alive[steps // 2 - 1][pid], alive[-1][pid]
        print(f"child {pid}: second half {growth:+.2%}, objects of the "
              f"module {before[0]} -> {after[0]}, of the collector "
              f"{before[1]} -> {after[1]}, blocks {before[2]} -> {after[2]}")
        # a few connections are kept; one kind of request of all in the second
        # half is more than a thousandth of it
        assert after[1] - before[1] < 500 + REQUESTS // 2000
        if REQUESTS >= 2_000_000 and not sanitizer.wanted():
            assert growth < GROWTH
