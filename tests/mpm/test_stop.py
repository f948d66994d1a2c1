# Licensed under the Apache License, Version 2.0; see LICENSE.
"""httpd stops, whatever Python is doing, and without a crash."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import requests

from harness.client import Client
from harness.conf import ONE
from harness.httpd import Httpd
from harness.tools import wait_until

MakeHttpd = Callable[..., Httpd]
CONFIG = """
<Location />
    SetHandler mod_python
    PythonHandler test_stop
</Location>
<Location /threads/sub>
    PythonInterpreter sub
</Location>
"""
OWN_GIL = """
PythonInterpreterOptions own gil=own
<Location /threads/own>
    PythonInterpreter own
</Location>
"""


def start(make_httpd: MakeHttpd, config: str = CONFIG) -> Httpd:
    server = make_httpd(workers=ONE)
    server.start(config)
    return server


def test_a_handler_that_computes_for_ever(make_httpd: MakeHttpd) -> None:
    """As with a handler in C: prefork ends in the middle of it, with threads
    httpd kills the process after nine seconds."""
    server = start(make_httpd)
    server.log.allow("AH00045|AH00046|AH00052")

    def ask() -> None:
        with (Client(server.port(), timeout=60) as client,
              pytest.raises(requests.RequestException)):
            client.get("/endless")

    client = threading.Thread(target=ask)
    client.start()
    server.log.expect("end: endless has begun")
    server.stop(patience=30)
    client.join()


def test_threads_of_all_kinds(make_httpd: MakeHttpd) -> None:
    """Daemons or not, busy or not, of executors, in every interpreter: nobody
    waits for them, and what is to be done at the end is done."""
    server = make_httpd(workers=ONE)
    assert server.env.build is not None
    names = ["localhost", "sub"]
    config = CONFIG
    if server.env.build.has_python(3, 13):
        names.append("own")
        config += OWN_GIL
    server.start(config)
    with Client(server.port()) as client:
        for name in names:
            client.json("/threads" if name == "localhost"
                        else f"/threads/{name}")
    server.log.allow("AH00045")  # a busy machine
    server.stop()
    for name in names:
        for what in ("cleanup", "atexit"):
            assert len(server.log.expect(f"end: {what} of {name}")) == 1


def test_an_end_that_hangs(make_httpd: MakeHttpd) -> None:
    """It has five seconds, also when httpd does not kill the process."""
    server = start(make_httpd)
    server.log.allow("AH00045|AH00046|AH00052")
    with Client(server.port()) as client:
        client.json("/hangs")
        client.session.close()
    [child] = server.children()
    began = time.monotonic()
    server.graceful()
    wait_until(lambda: child not in server.children(), 30)
    server.log.expect("MP0337")
    assert time.monotonic() - began > 4.5
    assert not server.log.records("end: never")
