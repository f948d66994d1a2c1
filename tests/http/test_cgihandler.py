# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.cgihandler: scripts, beside the same ones run by
httpd's own CGI module."""
from __future__ import annotations

import json
from typing import Any

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently, wait_until

WORKERS = ONE

SAME = """
    SetEnv FROM_CONFIG "a value"
    <Directory "${DOCROOT}/scripts">
        %s
    </Directory>
    <Directory "${DOCROOT}/scripts/secret">
        AuthType Basic
        AuthName test
        AuthUserFile "${ROOT}/conf/passwords"
        Require valid-user
    </Directory>
"""
CONFIG = """
<Location "/-eval">
    SetHandler mod_python
    PythonHandler mptest::evaluate
</Location>
<LocationMatch "^/(left|prints)$">
    SetHandler mod_python
    PythonHandler test_cgihandler
</LocationMatch>
""" + SAME % """SetHandler mod_python
        PythonHandler mod_python.cgihandler
""" + "<VirtualHost *:${PORT1}>" + SAME % """Options +ExecCGI
        SetHandler cgi-script
        CGIPassAuth On
""" + "</VirtualHost>\n"

HEAD = 'print("Content-Type: text/plain; charset=utf-8\\n")\n'
SCRIPTS = {
    "hello": HEAD + 'print("Hello W\xf6rld!")',
    "environ": """
import json, os, sys
sys.stdin.read()
print("Content-Type: application/json")
print()
json.dump(dict(os.environ), sys.stdout)
""",
    "place": HEAD + """
import os, sys, helper
OF_A_SCRIPT = 1
print(repr([os.getcwd() == os.path.dirname(os.path.abspath(__file__)),
            os.path.basename(__file__), __name__, sys.argv,
            helper.value, open("beside.txt").read(),
            sys.modules["__main__"].OF_A_SCRIPT]))
""",
    "argv": HEAD + "import sys\nprint(sys.argv)",
    "packages": HEAD + """
import colorsys, inner_package.module
print(inner_package.module.value)
""",
    "read": HEAD + "import sys\nprint(repr(sys.stdin.read()))",
    "lines": HEAD + "import sys\nprint([line for line in sys.stdin])",
    "input": HEAD + "print(repr([input(), input()]))",
    "bytes": HEAD + "import sys\nprint(sys.stdin.buffer.read().hex())",
    "unread": HEAD + 'print("not read")',
    "upload": HEAD + """
import hashlib, sys
digest, size = hashlib.sha256(), 0
while data := sys.stdin.buffer.read(10_000):
    digest.update(data)
    size += len(data)
print(size, digest.hexdigest())
""",
    "binary": """
import sys
out = sys.stdout.buffer
out.write(b"Content-Type: application/octet-stream\\r\\n")
out.write(b"X-Split: be")
out.write(b"gin\\r\\n\\r\\n")
out.write(bytes(range(256)) * 4000)
""",
    "mixed": """
import sys
sys.stdout.write("Content-Type: text/plain\\n\\ntext ")
sys.stdout.flush()
sys.stdout.buffer.write(b"bytes ")
sys.stdout.buffer.flush()
print("text", end="")
""",
    "status": """
import os
number, _, reason = os.environ["QUERY_STRING"].partition("+")
print(f"Status: {number} {reason}".rstrip())
print("Content-Type: text/plain\\n\\nmine")
""",
    "headers": """
print("X-One: 1\\nSet-Cookie: a=1\\nset-cookie: b=2\\nX-Empty:")
print("Content-Type:text/x-other")
print("Content-Length: 3\\n\\nabc", end="")
""",
    "redirect": """
print("Location: http://www.example.test/elsewhere\\n")
""",
    "nothing": 'print("Content-Type: text/plain\\n")',
    "exit": HEAD + 'import sys\nprint("before")\nsys.exit()\nprint("never")',
    "exit_early": 'import sys\nprint("Content-Type: text/plain\\n")\nsys.exit(0)',
    "big": HEAD + 'print("line of text\\n" * 100_000)',
    "secret/user": HEAD + 'import os\nprint(os.environ["REMOTE_USER"], '
                          'os.environ["AUTH_TYPE"])',
    # not for a program of its own
    "fails": "1 / 0",
    "fails_late": HEAD + 'import sys\nprint("x" * 100_000)\n1 / 0',
    "fails_body": HEAD + 'print("dropped")\n1 / 0',
    "syntax": "def",
    "no_headers": 'print("just text")',
    "bad_header": 'print("no header\\n\\nbody")',
    "unfinished": 'print("Content-Type: text/plain")',
    "bad_status": 'print("Status: many\\n\\n")',
    "endless": 'print("X-Long: " + "x" * 70_000)',
    "gone": "import os\nos.chdir('/')\n" + HEAD + "import sys\n"
            "sys.path.append('/scripts/added')\n"
            "os.environ['QUERY_STRING'] = 'changed'\nprint('ok')",
    "threads": HEAD + """
import sys, threading
thread = threading.Thread(target=print, args=["printed by a thread"])
thread.start()
thread.join()
print("printed by the script")
""",
    "alone": HEAD + """
import os, time
name = os.environ["QUERY_STRING"]
with open(os.environ["TRACE"], "a") as file:
    for step in ("begin", "middle", "end"):
        file.write(f"{name} {step} {os.environ['QUERY_STRING']} "
                   f"{os.path.basename(os.getcwd())}\\n")
        file.flush()
        time.sleep(0.005)
print(name)
""",
    "other/alone": "exec(open('../alone.py').read())",
    "redirecting": HEAD + 'print("page")',
}


def configure(env: Env) -> str:
    for name, text in SCRIPTS.items():
        env.cgi(f"scripts/{name}.py", "#!/usr/bin/python3\n" + text + "\n")
    env.write("scripts/helper.py", "value = 'first'\n")
    env.write("scripts/beside.txt", "found")
    env.write("scripts/inner_package/__init__.py", "")
    env.write("scripts/inner_package/module.py", "value = 'inner'\n")
    env.write(str(env.root / "conf" / "passwords"),
              "joe:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n")  # test
    return f'SetEnv TRACE "{env.var}/trace"\n'


def left(client: Client) -> Any:
    return client.json("/left?own")


def script(name: str) -> str:
    path, question, query = name.partition("?")
    return f"/scripts/{path}.py{question}{query}"


# -- as httpd's own CGI ---------------------------------------------------------------

# (httpd's resets the connection of a program that leaves a body unread)
BODY = b"first\nsecond \xc3\xa4\r\nlast"


@pytest.mark.parametrize("name, method, body", [
    ("hello", "GET", None), ("hello", "HEAD", None), ("place", "GET", None),
    ("packages", "GET", None), ("read", "POST", BODY), ("read", "GET", None),
    ("lines", "POST", BODY), ("input", "POST", b"one\ntwo\n"),
    ("bytes", "PUT", b"\0\xff\r\n"), ("upload", "POST", b"\1\2" * 100_000),
    ("binary", "GET", None), ("mixed", "GET", None),
    ("status?404+Not+here", "GET", None),
    ("status?200", "GET", None), ("status?201+Made", "GET", None),
    ("status?503", "GET", None), ("headers", "GET", None),
    ("redirect", "GET", None), ("nothing", "GET", None),
    ("exit", "GET", None), ("exit_early", "GET", None), ("big", "GET", None),
])
def test_as_mod_cgi(httpd: Httpd, name: str, method: str, body: bytes | None
                    ) -> None:
    answers = []
    for n in (0, 1):
        with Connection(httpd.port(n)) as raw:
            response = raw.request(script(name), method,
                                   [("Content-Type", "a/b")], body)
        headers = sorted(
            (key.lower(), value) for key, value in response.headers
            if key.lower() not in ("date", "content-length", "keep-alive",
                                   "connection", "transfer-encoding"))
        if name == "redirect":  # the others get a page of httpd
            headers = [one for one in headers if one[0] != "content-type"]
            response.body = b""
        if name == "place":  # sys.argv of a program has its name in it
            response.body = response.body[:10]
        answers.append((response.status, response.reason, headers,
                        response.body))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("target", [
    "/scripts/environ.py", "/scripts/environ.py/a%20b/%C3%A4?x=1&y=%20",
    "/scripts/environ.py?a+b"])
def test_environ_as_mod_cgi(httpd: Httpd, target: str) -> None:
    both = []
    for n in (0, 1):
        with Connection(httpd.port(n)) as raw:
            both.append(json.loads(raw.request(target, "POST", [
                ("X-Two", "1"), ("X-Two", "2"), ("Content-Type", "a/b"),
                ("Proxy", "no"), ("Authorization", "Basic YTpi"),
                ("Cookie", "a=b")], b"abc", host="www.example.test:80").body))
    ours, theirs = both
    # the process's own; what would take a sub-request to find out
    for name in ("REMOTE_PORT", "PATH", "LC_CTYPE", "PATH_TRANSLATED"):
        theirs.pop(name, None)
    assert {name: ours.get(name) for name in theirs} == theirs
    assert ours["FROM_CONFIG"] == "a value" and "HTTP_PROXY" not in ours


def test_user(client: Client) -> None:
    assert client.get("/scripts/secret/user.py").status_code == 401
    assert client.get("/scripts/secret/user.py", auth=("joe", "test")
                      ).text == "joe Basic\n"


def test_unread(raw: Connection) -> None:
    """The connection is in order, whatever of the body was read."""
    for _ in range(2):
        assert raw.request(script("unread"), "POST", body=b"abc" * 10_000
                           ).body == b"not read\n"


def test_chunked(client: Client) -> None:
    assert client.text(script("read"), "POST",
                       data=iter([b"a\xc3", b"\xa4\nb"])) == "'a\xe4\\nb'\n"


# -- what a script finds and leaves --------------------------------------------------


def test_place(client: Client) -> None:
    assert client.text(script("place")) == repr(
        [True, "place.py", "__main__", [], "first", "found", 1]) + "\n"
    assert client.text(script("argv")) == "[]\n"


def test_nothing_is_left(client: Client) -> None:
    client.text(script("gone"))  # sys.path keeps what it adds, once
    before = left(client)
    for name in ("place", "packages", "gone", "exit", "environ?x"):
        client.text(script(name))
        after = left(client)
        # the standard library stays
        after["modules"] = [name for name in after["modules"]
                            if name != "colorsys"]
        assert after == {**before, "modules": []}, name
    assert before["environ"] == "_Environ" and before["query"] is None


def test_modules_are_forgotten(client: Client, env: Env) -> None:
    """An edited module is read by the next run."""
    assert "'first'" in client.text(script("place"))
    env.write("scripts/helper.py", "value = 'edited by now'\n")
    assert "'edited by now'" in client.text(script("place"))
    env.write("scripts/helper.py", "value = 'first'\n")


def test_edited_script(client: Client, env: Env) -> None:
    for text in ("one", "two"):
        env.cgi("scripts/edited.py", HEAD + f"print({text!r})")
        assert client.text(script("edited")) == f"{text}\n"


def test_one_at_a_time(client: Client, httpd: Httpd, env: Env, mpm: str
                       ) -> None:
    """Each has the process's directory and the environment for itself, and
    its own output beside that of other handlers."""
    trace = env.var / "trace"
    trace.unlink(missing_ok=True)

    def ask(number: int) -> str:
        directory = "other/" if number % 2 else ""
        with Client(httpd.port(), 30) as asking:
            if number % 4 == 3:
                return str(asking.json("/prints"))  # to the log alone
            return asking.text(script(f"{directory}alone?{number}")).strip()

    httpd.log.allow("printed by a handler")
    answers = concurrently(ask, 24)
    assert answers == ["a handler" if n % 4 == 3 else str(n) for n in range(24)]
    lines = [line.split() for line in trace.read_text().splitlines()]
    assert len(lines) == 18 * 3
    for first in range(0, len(lines), 3):
        number = lines[first][0]
        place = "other" if int(number) % 2 else "scripts"
        assert lines[first:first + 3] == [
            [number, step, number, place]
            for step in ("begin", "middle", "end")]
    httpd.log.expect("printed by a handler", 6)


def test_threads_of_a_script(client: Client, log: ErrorLog) -> None:
    """Only the script's own thread writes the response."""
    assert client.text(script("threads")) == "printed by the script\n"
    log.expect("printed by a thread")


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize("name, logged", [
    ("fails", "ZeroDivisionError"), ("fails_body", "ZeroDivisionError"),
    ("syntax", "SyntaxError"), ("no_headers", "ended within its headers"),
    ("unfinished", "ended within its headers"),
    ("bad_header", "not a header: 'no header'"),
    ("bad_status", "not a status: 'many'"), ("endless", "do not end"),
])
def test_error(client: Client, log: ErrorLog, name: str, logged: str) -> None:
    before = left(client)
    response = client.get(script(name))
    assert response.status_code == 500
    assert "dropped" not in response.text and "just text" not in response.text
    (line, *_) = log.expect("MP0400")
    assert logged in log.text(), line
    assert f"{name}.py" in log.text()
    assert left(client) == before


def test_error_after_output(httpd: Httpd, log: ErrorLog) -> None:
    with Connection(httpd.port()) as raw:
        raw.send_request(script("fails_late"))
        assert raw.read_head().status == 200
        assert not raw.read_all().endswith(b"\r\n0\r\n\r\n")
    log.expect("ZeroDivisionError")


@pytest.mark.parametrize("path", ["/scripts/none.py", "/scripts/",
                                  "/scripts/none/none.py"])
def test_no_script(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_works_after_all(client: Client) -> None:
    """The errors before have not kept the lock."""
    wait_until(lambda: client.get(script("hello")).text == "Hello W\xf6rld!\n")
