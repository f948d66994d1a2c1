# Licensed under the Apache License, Version 2.0; see LICENSE.
"""An extension module that does not load in every interpreter: msgpack's,
made by Cython as many are, loads in one interpreter of a process."""
from __future__ import annotations

import subprocess

import pytest

from harness.build import python_to_embed
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

PACKAGE = "msgpack>=1.1,<2"
WORKERS = ONE


def install(env: Env) -> None:
    done = subprocess.run(
        [python_to_embed(), "-m", "pip", "install", "--quiet", "--no-deps",
         "--only-binary", ":all:", "--timeout", "15", "--retries", "1",
         "--target", str(env.root / "packages"), PACKAGE],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{PACKAGE} cannot be installed: "
                    f"{done.stderr.strip().splitlines()[-1]}")


def configure(env: Env) -> str:
    install(env)
    locations = "".join(f"""
<Location /packs/{name}>
    PythonInterpreter {name}
</Location>""" for name in ("one", "two", "own"))
    assert env.build is not None
    own = env.build.has_python(3, 13)
    return f"""
{"" if own else "#"}PythonInterpreterOptions own gil=own
<Location />
    SetHandler mod_python
    PythonHandler test_refusing
    PythonPath "sys.path + ['${{ROOT}}/packages']"
</Location>
<Location /packs/main>
    PythonInterpreter main_interpreter
</Location>
{locations}"""


def refused(client: Client, log: ErrorLog, name: str) -> None:
    mark = log.mark()
    assert client.get(f"/packs/{name}").status_code == 500
    log.expect("MP0400", since=mark)
    [line] = log.expect("MP0402", since=mark)
    assert "msgpack._cmsgpack" in line.text
    assert "use `PythonInterpreter main_interpreter`" in line.text


def test_a_second_interpreter(client: Client, log: ErrorLog,
                              httpd: Httpd) -> None:
    httpd.restart()
    assert client.json("/packs/one") == [1, "x"]
    refused(client, log, "two")
    refused(client, log, "two")
    assert client.json("/packs/one") == [1, "x"]


def test_a_gil_of_its_own(client: Client, log: ErrorLog, httpd: Httpd,
                          env: Env) -> None:
    assert env.build is not None
    env.build.needs_python(3, 13, "interpreters with a GIL of their own")
    httpd.restart()
    refused(client, log, "own")
    assert client.json("/packs/main") == [1, "x"]
    refused(client, log, "own")
