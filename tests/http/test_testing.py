# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.testing: used as its documentation says."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.command import Command
from harness.conf import EVAL
from harness.servers import Servers
from mod_python import testing
from mod_python.testing import _constants

CONFIG = EVAL

HANDLER = """\
from mod_python import apache, Cookie, util

def handler(req):
    form = util.FieldStorage(req)
    if "wrong" in form:
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST)
    req.content_type = "text/plain"
    Cookie.add_cookie(req, "seen", "yes")
    req.log_error("note", apache.APLOG_WARNING)
    req.write("Hello " + form.getfirst("name", "you"))
    return apache.OK

def fails(req):
    1 / 0
"""

WITH_HTTPD = """
import pytest

def test_request(httpd_server):
    server = httpd_server("greet", path="src")
    answer = server.get("/?name=joe")
    assert (answer.status, answer.text) == (200, "Hello joe")
    assert answer.headers["Set-Cookie"] == "seen=yes"
    server.log.expect("note")
    assert server.post("/", "name=ann", headers={
        "Content-Type": "application/x-www-form-urlencoded"}).text == "Hello ann"

def test_configuration(httpd_server):
    server = httpd_server(config='''
        <Directory "${DOCROOT}">
            SetHandler mod_python
            PythonHandler page
        </Directory>''', mpm="prefork", processes=2)
    server.write("page.py", "def handler(req): req.write('page'); return 0")
    assert server.get("/x").body == b"page"
    server.restart()
    assert server.get("/x").body == b"page"

def test_expected_error(httpd_server):
    server = httpd_server("greet::fails", path="src")
    assert server.get("/").status == 500
    server.log.expect("MP0400")

def test_unexpected_error(httpd_server):
    server = httpd_server("greet::fails", path="src")
    assert server.get("/").status == 500

def test_wrong_configuration(httpd_server):
    with pytest.raises(AssertionError, match="PythonDebug"):
        httpd_server(config="PythonDebug Perhaps")
"""

WITHOUT_HTTPD = """
import sys
sys.path.insert(0, "src")
from mod_python import testing
testing.fake_apache()
from mod_python import apache
import greet
import pytest

def test_output():
    req = testing.FakeRequest(uri="/?name=joe")
    assert greet.handler(req) == apache.OK
    assert (req.output, req.content_type) == (b"Hello joe", "text/plain")
    assert req.headers_out["set-cookie"] == "seen=yes"
    assert req.log == [(apache.APLOG_WARNING, "note")]

def test_form():
    req = testing.FakeRequest("POST", body="name=ann", headers={
        "Content-Type": "application/x-www-form-urlencoded"})
    assert greet.handler(req) == apache.OK
    assert req.output == b"Hello ann"

def test_raised():
    with pytest.raises(apache.SERVER_RETURN) as caught:
        greet.handler(testing.FakeRequest(uri="/?wrong=1"))
    assert caught.value.args == (400,)
"""


@pytest.fixture
def project(servers: Servers) -> Iterator[Command]:
    """The project of a user: its handlers in src."""
    made = Command(servers.build())
    made.write("src/greet.py", HANDLER)
    made.write("conftest.py", 'pytest_plugins = ["mod_python.testing"]\n')
    yield made
    made.remove()


def outcomes(project: Command, text: str) -> dict[str, str]:
    """Runs pytest there: test -> passed, failed or error."""
    project.write("test_user.py", text)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-rA", "-p", "no:cacheprovider",
         "--rootdir", ".", "-c", "/dev/null", "test_user.py"],
        cwd=project.work, env=project.environ, capture_output=True,
        text=True, timeout=120)
    found = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR"):
            name = rest.partition("::")[2].split(" ")[0]
            found[name] = word.lower()
    assert found, done.stdout + done.stderr
    return found


def test_with_httpd(project: Command) -> None:
    assert outcomes(project, WITH_HTTPD) == {
        "test_request": "passed",
        "test_configuration": "passed",
        "test_expected_error": "passed",
        "test_unexpected_error": "error",  # at its end
        "test_wrong_configuration": "passed",
    }
    assert not list(Path(project.environ["TMPDIR"]).glob("mod_python-test-*"))


def test_without_httpd(project: Command) -> None:
    assert set(outcomes(project, WITHOUT_HTTPD).values()) == {"passed"}


def test_every_module_can_be_imported(project: Command) -> None:
    """Those that need httpd, too."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", """
from mod_python import testing
testing.fake_apache()
from mod_python import (apache, Cookie, Session, cache, cgihandler, psp,
                        publisher, testhandler, util, wsgi)
assert apache.HTTP_NOT_FOUND == 404
"""], cwd=project.work, env=project.environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_constants_are_those_of_httpd(client: Client) -> None:
    wanted = {**_constants.TEXTS, **_constants.NUMBERS}
    real = client.eval("{name: value for name, value in vars(apache).items()"
                       " if name.isupper() and isinstance(value, (int, str))"
                       " and name != 'TYPE_CHECKING'}")
    for name in list(real):
        if name.startswith("MODULE_MAGIC_"):  # of the very httpd
            del real[name]
    assert wanted == real


def test_fakes_have_what_requests_have(client: Client) -> None:
    """No handler passes its test with what there is not."""
    only_in_tests = {"output", "log", "redirected", "handlers", "end"}
    request: Any = testing.FakeRequest()
    names = {name for name in dir(request) if not name.startswith("_")}
    real = set(client.eval("dir(req)"))
    assert names - only_in_tests - real == set()
    tables = {name for name in dir(testing.FakeTable) if not name.startswith("_")}
    assert tables - set(client.eval("dir(req.headers_in)")) == set()
