# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The command mod_python: each test runs it as a user does."""
from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest

from harness import proc
from harness.command import Command
from harness.servers import Servers
from harness.tools import free_port, wait_until

HELLO = """\
from mod_python import apache
import helper

def handler(req):
    req.content_type = "text/plain"
    req.write(helper.TEXT + req.uri)
    return apache.OK

def second(req):
    print("to the log")
    req.write("second")
    return apache.OK
"""
WSGI = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode(), b"|", environ["PATH_INFO"].encode()]
"""


@pytest.fixture
def command(servers: Servers) -> Iterator[Command]:
    made = Command(servers.build())
    made.write("hello.py", HELLO)
    made.write("helper.py", 'TEXT = "one"\n')
    made.write("site.py", WSGI)
    yield made
    made.remove()


# -- serve ------------------------------------------------------------------------


def test_handler(command: Command) -> None:
    with command.serve("hello") as server:
        assert server.get("a%20b") == "one/a b"
        line = server.wait("request", uri="/a b", status=200)
        assert (line["method"], line["bytes"]) == ("GET", 7)
        pid = server.wait("ready")["pid"]
        assert server.end() == 130
    assert not proc.session(pid)
    assert not list((command.directory / "tmp").glob("*/*"))


@pytest.mark.parametrize("target, path, body", [
    ("hello.py", "", "one/"),
    ("hello::second", "", "second"),
    ("./hello.py::second", "", "second"),
    ("site:application", "x", "|/x"),
])
def test_targets(command: Command, target: str, path: str, body: str) -> None:
    with command.serve(target) as server:
        assert server.get(path) == body


def test_package(command: Command) -> None:
    command.write("shop/__init__.py", "")
    command.write("shop/web.py", WSGI)
    with command.serve("shop.web:application", "--mount",
                       "/h=hello", "--static", "/files=.") as server:
        assert server.get("b") == "|/b"
        assert server.get("h/b") == "one/h/b"
        assert server.get("files/helper.py") == 'TEXT = "one"\n'


def test_mounted_application(command: Command) -> None:
    with command.serve("hello", "--mount", "/w=site:application") as server:
        assert server.get("w/b") == "/w|/b"
        assert server.get("wb") == "one/wb"


def test_folder(command: Command) -> None:
    command.write("pages/index.psp", "<%= 6 * 7 %>!")
    command.write("pages/plain.txt", "plain")
    command.write("pages/shop.py", "def order(number):\n    return 'n' + number\n")
    with command.serve("pages") as server:
        assert server.get() == "42!"
        assert server.get("plain.txt") == "plain"
        assert server.get("shop/order?number=7") == "n7"
        with pytest.raises(HTTPError, match="404"):
            server.get("shop/nothing")


def test_edited_files_are_live_at_once(command: Command) -> None:
    """Also when they were looked at a moment ago, and the same size."""
    with command.serve("hello") as server:
        for text in ("two", "six", "ten"):
            command.write("helper.py", f'TEXT = "{text}"\n')
            assert server.get() == text + "/"
        command.write("hello.py", HELLO.replace("req.uri", "'.'"))
        assert server.get() == "ten."


def test_modules_of_packages_are_live_after_a_restart(command: Command) -> None:
    command.write("shop/__init__.py", "")
    command.write("shop/names.py", "NAME = 'one'\n")
    command.write("shop/web.py", "from shop import names\n" + WSGI.replace(
        'environ["SCRIPT_NAME"]', "names.NAME"))
    with command.serve("shop.web:application") as server:
        assert server.get() == "one|/"
        command.write("shop/names.py", "NAME = 'second'\n")
        wait_until(lambda: server.get() == "second|/", 20)


def test_without_reload(command: Command) -> None:
    with command.serve("hello", "--no-reload") as server:
        assert server.get() == "one/"
        command.write("helper.py", 'TEXT = "two"\n')
        assert server.get() == "one/"


def test_errors_appear_as_they_happen(command: Command) -> None:
    with command.serve("hello::second") as server:
        server.get()
        server.wait("log", message="to the log")
        command.write("helper.py", "1/0\n")
        with pytest.raises(HTTPError, match="500"):
            server.get()
        server.wait("request", status=500)
        told = [event["message"] for event in server.events
                if event["event"] == "log"]
        assert any(text.startswith("MP0400: ") for text in told)
        assert any(text.endswith("ZeroDivisionError: division by zero")
                   for text in told)


def test_debug_shows_tracebacks(command: Command) -> None:
    command.write("hello.py", "def handler(req):\n    1/0\n")
    with command.serve("hello", "--debug") as server:
        with pytest.raises(HTTPError) as caught:
            server.get()
        assert "ZeroDivisionError" in caught.value.read().decode()
        caught.value.close()


def test_tls(command: Command) -> None:
    with command.serve("hello", "--tls") as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(
            cafile=next(command.directory.glob("tmp/*/*/server.crt")))
        assert server.get(context=context) == "one/"


@pytest.mark.parametrize("name", ["prefork", "worker"])
def test_processes(command: Command, name: str) -> None:
    with command.serve("hello", "--mpm", name, "--processes", "3",
                       "--threads", "2") as server:
        pid = server.wait("ready")["pid"]
        wait_until(lambda: len(proc.children(pid)) == 3)
        assert server.get() == "one/"


def test_first_answer_comes_soon(command: Command) -> None:
    """0.3 s on a quiet machine. What does not depend on others is the work:
    that of the command, httpd and the child, from start to end."""
    def work() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    figures = []
    for _ in range(5):
        before = work()
        with command.serve("hello") as server:
            server.get()
        figures.append(work() - before)
    assert min(figures) < 0.4, figures


def test_a_terminal_is_told_in_colour(command: Command) -> None:
    """Banner and request line, as a person sees them; Ctrl-C ends it."""
    port = str(free_port())
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mod_python", "serve", "hello",
         "--port", port], cwd=command.work, env=command.environ,
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while b"Ctrl-C stops" not in seen:
            seen += os.read(terminal, 1000)
        with socket.create_connection(("127.0.0.1", int(port)), 10) as client:
            client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            assert client.recv(1000)
        while b"GET /x" not in seen or b" B\r\n" not in seen:
            seen += os.read(terminal, 1000)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        os.close(terminal)
    text = seen.decode()
    assert f"\033[36mhttp://127.0.0.1:{port}/\033[0m" in text
    assert re.search(r"\033\[32m200\033\[0m GET /x  \d+\.\d ms  5 B", text)


# -- what is wrong is told in one line ----------------------------------------------


@pytest.mark.parametrize("arguments, line", [
    (["no.such:name:x y"], r"MP0710: .*No module named 'no'.*"),
    (["nix.py"], "MP0702: nix.py does not exist: .*"),
    (["a b"], "MP0701: 'a b' is no target: .*"),
    (["hello::nothing"], "MP0710: .*hello.py has no nothing; mend that .*"),
    (["site"], "MP0710: .*for the WSGI application in it write .*application.*"),
    (["broken"], r"MP0710: .*SyntaxError: .*\(broken.py, line 1\); mend .*"),
    (["hello", "--mount", "x=y"], "MP0701: --mount x=y: write --mount URL=.*"),
    (["hello", "--static", "/x=nix"], "MP0702: nix is not a directory: .*"),
    (["hello", "--host", "192.0.2.1"], "MP0703: cannot listen on 192.0.2.1: .*"),
])
def test_serve_refuses(command: Command, arguments: list[str], line: str) -> None:
    command.write("broken.py", "def\n")
    done = command.run("serve", "--port", str(free_port()), *arguments)
    assert done.rc == 1
    assert re.fullmatch("mod_python: " + line, done.err.splitlines()[-1])
    assert done.out == ""  # no banner


def test_port_in_use(command: Command) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = command.run("serve", "hello", "--port", port)
        assert done.rc == 1
        assert f"MP0703: port {port} is held by" in done.err
        assert f"(pid {os.getpid()})" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="children are another user's for root")
def test_unreadable_target(command: Command) -> None:
    command.write("hello.py", HELLO).chmod(0o600)
    done = command.run("serve", "hello", "--port", "0")
    assert done.rc == 1
    assert re.search("MP0707: .* cannot read .*hello.py: move it", done.err)


# -- servers that run ---------------------------------------------------------------


def test_status_reload_logs_stop(command: Command) -> None:
    assert command.run("status") == (1, "no server runs\n", "")
    with command.serve("hello::second") as server:
        server.get()
        server.wait("log", message="to the log")
        (row,) = json.loads(command.run("status", "--json").out)
        assert (row["url"], row["targets"]) == (server.url, ["hello::second"])
        assert row["pid"] == server.wait("ready")["pid"]
        assert server.url in command.run("status").out
        assert "to the log" in command.run("logs").out
        old = {one.pid for one in proc.children(row["pid"])}
        assert command.run("reload").rc == 0
        wait_until(lambda: old.isdisjoint(
            one.pid for one in proc.children(row["pid"])), 20)
        assert server.get() == "second"
        assert command.run("stop").rc == 0
        assert server.process.wait(20) == 0
    done = command.run("stop")
    assert (done.rc, done.err[:18]) == (1, "mod_python: MP0714")


def test_several_servers(command: Command) -> None:
    with command.serve("hello") as one, command.serve("site:application") as two:
        port = two.url.rsplit(":", 1)[1].rstrip("/")
        assert one.url
        assert "MP0715: several servers run" in command.run("stop").err
        assert command.run("stop", "--port", port).rc == 0
        assert two.process.wait(20) == 0
        assert one.get() == "one/"


def test_a_site_of_its_own(command: Command) -> None:
    """create, genconfig, start, status, restart, logs, stop."""
    site = command.work / "site dir"
    port = free_port()
    done = command.run(
        "create", str(site), "--pythonhandler", "hello", "--listen",
        f"127.0.0.1:{port}", "--pythonpath", str(command.work),
        "--pythonoption", "greeting hello")
    assert done.rc == 0, done.err
    again = command.run("create", str(site), "--pythonhandler", "hello")
    assert again.rc == 1
    assert "MP0712" in again.err
    conf = site / "conf"
    assert command.run("genconfig", str(conf / "httpd_conf.py")).out == (
        conf / "httpd.conf").read_text()
    assert command.run("status", str(site)).rc == 1
    done = command.run("start", str(conf / "httpd.conf"))
    assert done.rc == 0, done.err
    try:
        wait_until(lambda: command.run("status", str(site)).rc == 0)
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"one/x")
        assert command.run("restart", str(site)).rc == 0
        wait_until(lambda: "Doing graceful restart" in command.run(
            "logs", str(site)).out)
    finally:
        assert command.run("stop", str(site)).rc == 0
        wait_until(lambda: command.run("status", str(site)).rc == 1, 20)


def test_wrong_configuration(command: Command) -> None:
    command.write("httpd.conf", "\n")
    done = command.run("start", "httpd.conf")
    assert done.rc == 1
    assert re.fullmatch("mod_python: MP0709: httpd refuses .*No MPM loaded.*\n",
                        done.err)


# -- what is printed ----------------------------------------------------------------


def test_doctor(command: Command) -> None:
    done = command.run("doctor", "hello", "--port", str(free_port()), "--json")
    checks = {row["name"]: row for row in json.loads(done.out)}
    assert checks.pop("uploads")["name"]  # depends on what is installed
    assert all(row["ok"] for row in checks.values()), done.out
    assert set(checks) == {"httpd", "mpm", "python", "module", "user", "auth",
                           "port", "target"}


def test_doctor_finds_what_is_wrong(command: Command) -> None:
    command.write("broken.py", "import nothing_of_this_name\n")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = command.run("doctor", "broken", "--port",
                           str(other.getsockname()[1]))
    assert done.rc == 1
    bad = [line for line in done.out.splitlines() if line.startswith("FAIL")]
    assert any("MP0703: port" in line for line in bad)
    assert any("MP0710: broken" in line and "nothing_of_this_name" in line
               for line in bad)


def test_doctor_without_httpd(command: Command) -> None:
    done = command.run("doctor", "--httpd", "/nowhere/httpd")
    assert done.rc == 1
    assert "FAIL httpd    /nowhere/httpd cannot be run: install httpd" in done.out


@pytest.mark.parametrize("target", ["hello", "site:application", "."])
def test_production_configuration(command: Command, target: str) -> None:
    """What `config` prints is what httpd takes."""
    site = command.run("config", target, "--root", ".", "--server-name", "a.test",
                       "--log", str(command.directory / "site.log"))
    assert site.rc == 0, site.err
    lines = command.run("serve", "hello", "--print-config").out.splitlines()
    base = [line for line in lines if line.startswith(
        ("LoadModule", "User", "Group")) and "python_module" not in line]
    file = command.write("whole.conf", "\n".join(
        [f'ServerRoot "{command.directory}"', "ServerName a.test",
         "Listen 127.0.0.1:80", "ErrorLog whole.log", *base, site.out]))
    done = subprocess.run(
        [httpd_of(command), "-t", "-f", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def httpd_of(command: Command) -> str:
    found: str = json.loads(command.run("version", "--json").out)["httpd_path"]
    return found


def test_module_config(command: Command) -> None:
    out = command.run("module-config").out
    assert re.match(r'LoadModule python_module "?/.*/mod_python\.so"?\n', out)


def test_help(command: Command) -> None:
    done = command.run("--help")
    assert done.rc == 0
    for word in ("Develop:", "  serve ", "Run:", "  logs "):
        assert word in done.out
    assert command.run().rc == 2
    done = command.run("serve", "--help")
    assert "how:" in done.out and "module::object" not in done.err


def test_completion(command: Command) -> None:
    script = command.run("completion", "bash").out
    done = subprocess.run(
        ["bash", "-c", script + """
COMP_WORDS=(mod_python serve --po); COMP_CWORD=2; _mod_python
echo "${COMPREPLY[@]}"
COMP_WORDS=(mod_python st); COMP_CWORD=1; _mod_python
echo "${COMPREPLY[@]}"
"""], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("--port\nstart stop status\n", "")
    assert "bashcompinit" in command.run("completion", "zsh").out
    assert "-l port" in command.run("completion", "fish").out
