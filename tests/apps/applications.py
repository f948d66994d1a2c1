# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What the tests of applications share: packages, sites, a reference server."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from harness.client import Client
from harness.conf import owner
from harness.env import Env

HERE = Path(__file__).resolve().parent
# Where the applications are installed, set by tests/apps/run.
PACKAGES = Path(os.environ.get("MP_APPS", ""))

# Headers and bodies of requests that send a form.
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
MULTIPART = (("Content-Type", "multipart/form-data; boundary=xyz"),)
UPLOAD = (b"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
          b"--xyz\r\nContent-Disposition: form-data; name=\"f\"; "
          b"filename=\"x.bin\"\r\nContent-Type: a/b\r\n\r\n"
          + bytes(range(256)) * 300 + b"\r\n--xyz--\r\n")


def wsgi(module: str) -> str:
    """Configuration: all requests go to the WSGI application of a module."""
    return f"""
SetHandler mod_python
PythonHandler mod_python.wsgi
PythonOption mod_python.wsgi.application {module}
"""


def install(env: Env, *sites: str) -> None:
    """Makes the applications and these modules of sites/ importable."""
    for name in sites:
        env.write(str(env.handlers / name), (HERE / "sites" / name).read_bytes())
    env.environ["PYTHONPATH"] = os.pathsep.join(
        [str(env.handlers), str(PACKAGES)])


def command(env: Env, *arguments: str | Path, **environ: str) -> str:
    """Runs a command of the application: python with these arguments."""
    path = os.pathsep.join([str(env.handlers), str(PACKAGES)])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=env.root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        env={**os.environ, "PYTHONPATH": path, **environ})
    assert done.returncode == 0, done.stdout
    return done.stdout


def give_away(directory: Path) -> None:
    """Lets httpd's children write there."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, *owner())


@contextmanager
def reference(env: Env, application: str) -> Iterator[int]:
    """The port of a wsgiref.simple_server with application (module:name) in a
    process of its own."""
    path = os.pathsep.join([str(HERE.parent), str(env.handlers),
                            str(PACKAGES)])
    with subprocess.Popen(
            [sys.executable, "-m", "harness.reference", application],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": path}) as process:
        assert process.stdin is not None and process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


def hidden(page: requests.Response, name: str) -> str:
    """The value of a hidden field of a form."""
    for tag in re.findall(r"<input[^>]*>", page.text, re.DOTALL):
        if re.search(rf"""name=["']{re.escape(name)}["']""", tag):
            found = re.search(r"""value=["']([^"']*)["']""", tag)
            if found:
                return found[1]
    raise AssertionError(f"no field {name} in\n{page.text}")


def page(client: Client, path: str, text: str, status: int = 200
         ) -> requests.Response:
    """A page that must have this status and text in it."""
    response = client.get(path)
    response.encoding = "utf-8"  # also where nothing says so
    assert response.status_code == status, response.text
    assert text in response.text, response.text
    return response
