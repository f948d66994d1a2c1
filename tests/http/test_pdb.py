# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonEnablePdb: handlers under the debugger, on httpd's own terminal."""
from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import accepts, wait_until

pytestmark = pytest.mark.mpm("prefork")
WORKERS = ONE

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_pdb
    PythonEnablePdb On
</Directory>
"""


def test_ignored_with_children(client: Client) -> None:
    assert client.text("/x") == "answer 1"


def test_end_of_input_is_an_error(make_httpd: Callable[..., Httpd]) -> None:
    """The harness gives httpd no input at all."""
    server = make_httpd()
    server.start(CONFIG, one_process=True)
    server.stderr.allow("test_pdb.py|-> |Pdb")
    with Client(server.port()) as client:
        assert client.get("/x").status_code == 500
    server.log.expect("MP0400: PythonHandler test_pdb: .*BdbQuit")


def test_commands(make_httpd: Callable[..., Httpd], log: ErrorLog) -> None:
    del log  # of another server
    server = make_httpd()
    path = server.env.write_config(CONFIG)
    process = subprocess.Popen(
        [server.env.installation.httpd, "-d", str(server.env.root), "-f",
         str(path), "-X"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env=server.env.httpd_environ({}))
    assert process.stdin is not None
    assert process.stdout is not None
    output: list[str] = []
    reader = threading.Thread(target=output.extend, args=[process.stdout])
    reader.start()
    try:
        wait_until(lambda: accepts(server.port()), 10.0)
        # two requests: change a variable and go on; quit
        process.stdin.write("next\nnext\nnumber = 22\ncontinue\nquit\n")
        process.stdin.flush()
        with Client(server.port()) as client:
            assert client.text("/x") == "answer 22"
            assert client.get("/x").status_code == 500
        server.log.expect("MP0400: PythonHandler test_pdb: .*BdbQuit")
    finally:
        process.terminate()
        process.stdin.close()
        process.wait(10)
        reader.join(10)
        process.stdout.close()
    shown = "".join(output)
    assert "(Pdb)" in shown
    assert "number = 1" in shown
