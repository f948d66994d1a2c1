# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandlerTimeout: an exception in the handler, stacks in the log."""
from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from requests.auth import HTTPDigestAuth

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently

WORKERS = Workers(children=1)
LIMIT = 0.4
LINES = """
PythonAuthnProvider slow test_timeout::provider
PythonAuthnProvider slowdigest test_timeout::digest
PythonAuthzProvider slow test_timeout::member
PythonHandlerTimeout 0.4
<Location />
    SetHandler mod_python
    PythonHandler test_timeout
</Location>
<Location /other>
    PythonInterpreter other
    PythonHandler test_timeout::spin
</Location>
<Location /unlimited>
    PythonHandlerTimeout 0
    PythonHandler test_timeout::late
</Location>
<Location /filtered>
    PythonOutputFilter test_timeout SLOW
    AddOutputFilter SLOW .x
    SetOutputFilter SLOW
</Location>
"""
GUARDS = {
    "access": "PythonAccessHandler test_timeout::spin",
    "authen": "AuthType Basic\nAuthName x\nRequire valid-user\n"
              "PythonAuthenHandler test_timeout::spin",
    "authz": "AuthType Basic\nAuthName x\nRequire valid-user\n"
             "PythonAuthenHandler test_timeout::joe\n"
             "PythonAuthzHandler test_timeout::spin",
    "basic": "AuthType Basic\nAuthName x\nRequire valid-user\n"
             "AuthBasicProvider slow",
    "digest": "AuthType Digest\nAuthName x\nRequire valid-user\n"
              "AuthDigestProvider slowdigest",
    "provider": "Require slow joe",
    "not": "<RequireAll>\nRequire all granted\nRequire not slow joe\n"
           "</RequireAll>",
}


def configure(env: Env) -> str:
    env.write("secret.txt", "secret text\n")
    return LINES + "".join(
        f'<Location "/guard/{name}">\nSetHandler default-handler\n{lines}\n'
        "</Location>\n" for name, lines in GUARDS.items()
    ) + 'AliasMatch "^/guard/" "${DOCROOT}/secret.txt"\n'


def expect_timeout(log: ErrorLog, what: str) -> None:
    """The line, the stacks, the exception."""
    log.expect(rf"MP0370: {what}: runs longer than PythonHandlerTimeout 0\.4 "
               r"\(GET /.*\): HandlerTimeout is raised in thread 0x")
    log.expect(rf"{what}: Thread 0x\w+")
    log.expect(rf"MP0400: {what}: uncaught exception: .*HandlerTimeout")


@pytest.mark.parametrize("path,what", [
    ("/spin", "PythonHandler test_timeout"),
    ("/other", "PythonHandler test_timeout::spin"),
    ("/outer", "PythonHandler test_timeout"),
])
def test_exception(client: Client, log: ErrorLog, path: str,
                   what: str) -> None:
    before = time.monotonic()
    response = client.get(path)
    assert time.monotonic() - before > LIMIT
    assert path == "/outer" or response.status_code == 500
    expect_timeout(log, what)
    # its own frames are in the dump, and the traceback ends there
    log.expect(rf'{what}:   File "\S+test_timeout.py", line \d+, in _spin')


def test_the_next_handler_is_left_alone(client: Client,
                                        log: ErrorLog) -> None:
    assert client.get("/spin").status_code == 500
    expect_timeout(log, "PythonHandler test_timeout")
    for _ in range(20):
        assert client.json("/quick") == 1999000


def test_it_can_be_caught(client: Client, log: ErrorLog) -> None:
    assert client.json("/caught") == ["HandlerTimeout()", None]
    log.expect("MP0370")


def test_once(client: Client, log: ErrorLog) -> None:
    assert client.json("/stubborn") == "went on"
    log.expect("MP0370")
    log.expect("MP0371: PythonHandler test_timeout: still runs after ")


def test_blocked_in_c(client: Client, log: ErrorLog) -> None:
    before = time.monotonic()
    assert client.get("/blocked").status_code == 500
    assert time.monotonic() - before > 1.9
    expect_timeout(log, "PythonHandler test_timeout")
    log.expect(r"MP0371: .*waits or works in C code")


def test_no_exception_hits_a_handler_that_is_over(client: Client,
                                                  log: ErrorLog) -> None:
    """Handlers that end when their limit does: each ends well or with the
    exception, and the next one of the thread is not touched."""
    log.allow("MP0370|MP0400")

    def one(number: int) -> int:
        with Client(client.port) as mine:
            try:
                status = mine.get(f"/late?{LIMIT + (number - 8) * 0.0005}"
                                  ).status_code
            except requests.exceptions.ChunkedEncodingError:
                status = 500  # it came when the response had begun
        with Client(client.port) as mine:  # httpd may have closed that one
            assert mine.json("/quick") == 1999000
        return status

    assert set(concurrently(one, 16)) <= {200, 500}


def test_off(client: Client) -> None:
    assert client.json(f"/unlimited?{2 * LIMIT}") == "in time"


@pytest.mark.mpm("event", "worker")
def test_others_are_in_the_dump(client: Client, log: ErrorLog) -> None:
    """All threads of the interpreter, those that have no limit too."""
    def slow() -> None:
        with Client(client.port) as one:
            assert one.json("/unlimited?3") == "in time"

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(slow)
        assert client.get("/spin").status_code == 500
        other.result()
    expect_timeout(log, "PythonHandler test_timeout")
    log.expect(r"PythonHandler test_timeout:   File .* line \d+, in late")


def test_filter(client: Client, log: ErrorLog) -> None:
    assert client.get("/filtered").status_code == 500
    log.expect("MP0370: .*test_timeout: runs longer")
    log.expect("MP0400: PythonOutputFilter test_timeout: .*HandlerTimeout")


@pytest.mark.mpm("event")
def test_interpreters_of_their_own(
        make_httpd: Callable[..., Httpd]) -> None:
    """The exception and the stacks under another GIL than the main one."""
    server = make_httpd(workers=WORKERS)
    assert server.env.build is not None
    if int(server.env.build.python_version()[2:4]) < 13:
        pytest.skip("needs CPython 3.13")
    server.start(LINES + "PythonInterpreterOptions other instances=2\n")
    with Client(server.port()) as client:
        for _ in range(2):
            assert client.get("/other").status_code == 500
        assert client.json("/quick") == 1999000
    expect_timeout(server.log, "PythonHandler test_timeout::spin")


@pytest.mark.parametrize("name", GUARDS)
def test_access_is_denied(client: Client, log: ErrorLog, name: str) -> None:
    auth = (HTTPDigestAuth("joe", "x") if name == "digest"
            else ("joe", "x"))
    response = client.get(f"/guard/{name}", auth=auth)
    assert response.status_code == 500
    assert "secret" not in response.text
    log.expect("MP0370")
    log.expect("MP0400: .*HandlerTimeout")


def test_get_config(client: Client) -> None:
    assert client.json("/limit") == "0.4"
