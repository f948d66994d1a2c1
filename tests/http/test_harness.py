# SPDX-License-Identifier: Apache-2.0
"""The harness itself: its checks fail when they must.

No mod_python here; httpd's own modules provoke what is needed.
"""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fix_httpd import StartHttpd
from harness import proc, sanitizer
from harness.build import SOURCE
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd, StartError
from harness.log import ErrorLog
from harness.raw import Connection, IncompleteError
from harness.tls import Authority
from harness.tools import DeadlineError, concurrently, wait_until

PYTHON = False
CONFIG = """\
ScriptAlias /cgi "${DOCROOT}/cgi-bin/"
<Directory "${DOCROOT}/cgi-bin">
    Options +ExecCGI
</Directory>
<Location "/broken">
    # a script that is not there: an error in the log
    SetHandler cgi-script
    Options +ExecCGI
</Location>
<Location "/status">
    SetHandler server-status
</Location>
"""


def configure(env: Env) -> None:
    env.write("index.html", "index\n")
    env.cgi("cgi-bin/env", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'"
                           "\nprintf '%s' \"$QUERY_STRING\"\n")
    env.cgi("cgi-bin/noise", "#!/bin/sh\necho 'some noise' >&2\n"
                             "printf 'Content-Type: text/plain\\n\\nx'\n")
    env.cgi("cgi-bin/slow", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\na'"
                            "\nsleep 0.5\necho b\n")


# -- what works ---------------------------------------------------------


def test_static_and_cgi(client: Client) -> None:
    assert client.text("/") == "index\n"
    assert client.text("/cgi/env?a=b") == "a=b"


def test_concurrent_requests(httpd: Httpd) -> None:
    def fetch(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(f"/index.html?{number}")

    assert concurrently(fetch, 50) == ["index\n"] * 50


def test_raw_keep_alive_and_pipelining(raw: Connection) -> None:
    raw.send_request("/index.html")
    raw.send_request("/index.html", method="HEAD")
    raw.send_request("/none")
    assert raw.read_response().body == b"index\n"
    head = raw.read_response("HEAD")
    assert (head.header("content-length"), head.body) == ("6", b"")
    assert raw.read_response().status == 404


def test_raw_chunked_response(raw: Connection) -> None:
    response = raw.request("/cgi/slow")
    assert response.header("Transfer-Encoding") == "chunked"
    assert (response.body, response.chunks) == (b"ab\n", [b"a", b"b\n"])


def test_raw_half_close_and_abort(httpd: Httpd) -> None:
    with Connection(httpd.port()) as raw:
        raw.send_request("/index.html")
        raw.half_close()
        assert raw.read_response().status == 200
        assert raw.closed()
    with Connection(httpd.port()) as raw:
        raw.send(b"GET / HT")
        raw.abort()


def test_incomplete_response_is_an_error(raw: Connection) -> None:
    raw.send(b"GET / HTTP/1.0\r\n\r\n")
    raw.read_response()
    with pytest.raises(IncompleteError):
        raw.read_line()


def test_stop_and_start(httpd: Httpd, client: Client) -> None:
    old = set(httpd.children())
    httpd.stop()
    assert not httpd.running
    httpd.start()
    assert not old & set(httpd.children())
    assert client.text("/") == "index\n"


def test_restart_and_graceful(httpd: Httpd, client: Client) -> None:
    for restart in (httpd.restart, httpd.graceful):
        client.close()
        pid, old = httpd.pid, set(httpd.children())
        restart()
        assert httpd.pid == pid
        assert set(httpd.children()) - old
        assert client.text("/") == "index\n"


def test_old_child_ends_after_graceful(httpd: Httpd) -> None:
    """A child that finishes its last request is no dead one."""
    with Connection(httpd.port()) as raw:
        raw.send_request("/cgi/slow")
        raw.read_head()
        old = set(httpd.children())
        httpd.graceful()
        httpd.begin_test()
        assert raw.read_all() == b"1\r\na\r\n2\r\nb\n\r\n0\r\n\r\n"
    wait_until(lambda: not old & set(httpd.children()))
    assert httpd.problems() == []


def test_further_server(start_httpd: StartHttpd, httpd: Httpd) -> None:
    other = start_httpd('Redirect "/x" "http://127.0.0.1:${PORT1}/"\n',
                        python=False, workers=ONE)
    assert other.pid != httpd.pid
    assert len(other.children()) == 1
    for n in (0, 1):
        with Client(other.port(n)) as client:
            assert client.get("/x").status_code == 302


def test_tls(make_httpd: StartHttpd, tmp_path: Path) -> None:
    server = make_httpd(python=False, modules=["ssl"])
    authority = Authority(tmp_path)
    site, joe = authority.issue("localhost"), authority.issue("joe")
    server.env.write("index.html", "index\n")
    server.start(f"""
        SSLEngine On
        SSLCertificateFile {site.cert}
        SSLCertificateKeyFile {site.key}
        SSLCACertificateFile {authority.own.cert}
        SSLVerifyClient optional
        Header set X-Client "%{{SSL_CLIENT_S_DN_CN}}s"
        """)
    with Client(server.port(), scheme="https",
                verify=str(authority.own.cert)) as client:
        assert client.text("/index.html") == "index\n"
        with client.raw(tls=authority.context(joe)) as raw:
            assert raw.request("/index.html").header("X-Client") == "joe"


def test_one_process(start_httpd: StartHttpd) -> None:
    server = start_httpd(python=False, one_process=True)
    assert server.children() == [server.pid]
    with Client(server.port()) as client:
        assert client.get("/none").status_code == 404


def test_start_of_a_process(start_httpd: StartHttpd) -> None:
    before = time.time()
    server = start_httpd(python=False)
    for one in proc.children(server.pid):
        assert before - 0.02 < proc.started(one) < time.time()
    logged, = server.log.records("resuming normal operations")
    assert before < logged.when < time.time()


def test_process_facts(httpd: Httpd) -> None:
    child = wait_until(httpd.children)[0]
    assert httpd.rss(child) > httpd.private(child) > 0
    assert 0 in httpd.fds(child)
    assert set(httpd.children()) < set(proc.session(httpd.pid))


def test_check_config(httpd: Httpd) -> None:
    assert httpd.check_config("KeepAlive Off\n").rc == 0
    rc, stderr = httpd.check_config("\nNoSuchDirective x\n")
    assert rc != 0
    assert "line 2" in stderr
    assert "NoSuchDirective" in stderr


# -- what must fail -------------------------------------------------------


def complaints(server: Httpd, *words: str) -> list[str]:
    """Waits for a complaint with these words; takes all of them away."""
    found: list[str] = []

    def complained() -> bool:
        found.extend(server.problems())
        return all(any(word in one for one in found) for word in words)

    wait_until(complained, what=f"complaint {words}")
    return found


def test_error_line(httpd: Httpd, client: Client) -> None:
    assert client.get("/broken").status_code == 404
    assert len(complaints(httpd, "script not found")) == 1
    assert httpd.problems() == []


def test_raw_line_of_a_script(httpd: Httpd, client: Client) -> None:
    client.text("/cgi/noise")
    complaints(httpd, "some noise")


def test_expected_line(log: ErrorLog, client: Client, httpd: Httpd) -> None:
    client.get("/broken")
    record, = log.expect("script not found")
    assert (record.module, record.level) in [("cgi", "error"),
                                             ("cgid", "error")]
    assert httpd.problems() == []


def test_expectations_end_with_their_test(log: ErrorLog, client: Client,
                                          httpd: Httpd) -> None:
    log.allow("script not found")
    httpd.begin_test()
    client.get("/broken")
    complaints(httpd, "script not found")


def test_late_lines_are_told(start_httpd: StartHttpd) -> None:
    server = start_httpd(CONFIG, python=False)
    server.begin_test("the first test")
    with Client(server.port()) as client:
        client.get("/broken")
    server.log.wait("script not found")
    server.begin_test("the second test")
    late, = server.late_problems()
    assert "script not found" in late
    server.late_problems().clear()


def test_missing_line(log: ErrorLog) -> None:
    with pytest.raises(AssertionError, match="no line 'AH99999'"):
        log.expect("AH99999", timeout=0.1)


def test_lines_before_the_test_do_not_count(log: ErrorLog) -> None:
    # "resuming normal operations" was logged at the start
    with pytest.raises(AssertionError):
        log.expect("resuming normal", timeout=0.1)


def a_child(server: Httpd) -> int:
    """A child that the harness knows; the last test may have killed all."""
    child = wait_until(server.children)[0]
    assert server.problems() == []
    return child


def test_child_killed(httpd: Httpd) -> None:
    for attempts in (2, 1, 0):
        child = a_child(httpd)
        os.kill(child, signal.SIGSEGV)
        try:
            found = complaints(httpd, f"child {child} died", "exit signal")
        except DeadlineError:
            # prefork may have been ending this one anyway, without a signal
            if not attempts:
                raise
        else:
            break
    assert any("Segmentation fault" in one for one in found)


def test_child_gone_without_a_signal(httpd: Httpd) -> None:
    child = a_child(httpd)
    os.kill(child, signal.SIGKILL)  # httpd logs nothing of it
    complaints(httpd, f"child {child} died")


def test_httpd_gone(start_httpd: StartHttpd) -> None:
    server = start_httpd(python=False)
    os.kill(server.pid, signal.SIGTERM)
    complaints(server, "httpd ended by itself")
    assert not server.running


def test_process_left_over(start_httpd: StartHttpd) -> None:
    server = start_httpd(CONFIG, python=False)
    server.env.cgi("cgi-bin/stay", "#!/bin/sh\n"
                   "(trap '' TERM HUP; exec sleep 60) >/dev/null 2>&1 &\n"
                   "printf 'Content-Type: text/plain\\n\\nx'\n")
    with Client(server.port()) as client:
        client.text("/cgi/stay")
    sid = server.pid
    server.stop()
    complaints(server, "processes left over")
    assert proc.session(sid) == []


def test_sanitizer_report(httpd: Httpd) -> None:
    report = httpd.env.root / "sanitizer" / "report.1"
    report.write_text("ERROR: AddressSanitizer: heap-use-after-free\n")
    complaints(httpd, "heap-use-after-free")
    assert not report.exists()


LEAKS = f"""\
==apache2==1==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 200 byte(s) in 1 object(s) allocated from:
    #0 0x7 in __interceptor_calloc ../asan_malloc_linux.cpp:77
    #1 0x7 in apr_allocator_create (/lib/libapr-1.so.0+0x22139)

Indirect leak of 5 byte(s) in 1 object(s) allocated from:
    #0 0x7 in __interceptor_malloc ../asan_malloc_linux.cpp:69
    #1 0x7 in mp_text_copy {SOURCE}/src/runtime/text.c:7

SUMMARY: AddressSanitizer: 205 byte(s) leaked in 2 allocation(s).
"""


def test_only_our_leaks() -> None:
    ours = sanitizer.only_our_leaks(LEAKS)
    assert "mp_text_copy" in ours
    assert "apr_allocator" not in ours
    assert sanitizer.only_our_leaks(LEAKS.replace(str(SOURCE), "/x")) == ""
    assert sanitizer.only_our_leaks("heap-use-after-free") != ""


MEMCHECK = """\
==7== Invalid read of size 8
==7==    at 0x1: find_object (/b/src/objects/request.c:240)
==7==    by 0x2: run_entry (/b/src/dispatch/request.c:120)
==7==  Address 0x3 is 8 bytes inside a block of size 64 free'd
==7==
==7== Conditional jump or move depends on uninitialised value(s)
==7==    at 0x4: PyUnicode_Foo (/usr/src/python3/Objects/unicodeobject.c:1)
==7==
"""


def test_only_our_errors() -> None:
    ours = sanitizer.only_our_errors(MEMCHECK)
    assert "find_object" in ours and "PyUnicode_Foo" not in ours
    assert not sanitizer.only_our_errors(MEMCHECK.replace("/src/", "/lib/"))


@pytest.mark.skipif(not sanitizer.wanted(), reason="MP_SANITIZE is not set")
def test_sanitizer_is_loaded(httpd: Httpd) -> None:
    maps = Path(f"/proc/{httpd.children()[0]}/maps").read_text()
    assert any(f"/{name}." in maps for name in ("libasan", "libubsan",
                                                "liblsan", "libtsan"))


@pytest.mark.parametrize("line", [
    "Fatal Python error: Segmentation fault",
    "src/x.c:1:2: runtime error: signed integer overflow",
    "==1==ERROR: AddressSanitizer: SEGV",
    "[x] [core:notice] [1:1] [-] [-] [-] AH00052: child pid 1 exit signal "
    "Aborted (6)",
])
def test_alarming_lines(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log"
    path.write_text(line + "\n")
    assert [one.line for one in ErrorLog(path).unexpected()] == [line]


def log_of(path: Path, *rows: tuple[str, str]) -> ErrorLog:
    """A log with these (thread, text) rows of level error."""
    path.write_text("".join(
        f"[t] [python:error] [{thread}] [-] [-] [-] {text}\n"
        for thread, text in rows))
    return ErrorLog(path)


PREFIXED = [
    ("1:1", "MP0012: PythonHandler x: ValueError: y"),
    ("1:1", "PythonHandler x: Traceback (most recent call last):"),
    ("1:2", "PythonHandler z: Traceback (most recent call last):"),
    ("1:1", "PythonHandler x: ValueError: of thread 1"),
    ("1:1", "printed by the handler"),
    ("1:1", "MP0013: another")]
BARE = [
    ("1:1", "MP0012: cannot do it"),
    ("1:1", "Traceback (most recent call last):"),
    ("1:1", '  File "x.py", line 1, in x'),
    ("1:2", "ValueError: of thread 2"),
    ("1:1", "ValueError: of thread 1"),
    ("1:1", ""),
    ("1:1", "During handling of the above exception, another one occurred:"),
    ("1:1", ""),
    ("1:1", "Traceback (most recent call last):"),
    ("1:1", "KeyError: y"),
    ("1:1", "printed by the handler"),
    ("1:1", "MP0013: another")]


@pytest.mark.parametrize("pattern", ["MP0012", "ValueError: of thread 1"])
@pytest.mark.parametrize(("rows", "left"), [
    (PREFIXED, [2, 4, 5]), (BARE, [3, 10, 11])], ids=["prefixed", "bare"])
def test_traceback_belongs_to_its_code(
        tmp_path: Path, pattern: str, rows: list[tuple[str, str]],
        left: list[int]) -> None:
    log = log_of(tmp_path / "log", *rows)
    log.expect(pattern)
    assert [one.number for one in log.unexpected()] == left


def test_two_messages_under_prefork(tmp_path: Path) -> None:
    """Two threads at once, one of them with a request, and no thread's name."""
    path = tmp_path / "log"
    path.write_text("".join(
        f"[t] [python:error] [1:-] [{request}] [-] [-] {text}\n"
        for request, text in [
            ("-", "MP0370: PythonHandler x: runs longer"),
            ("r", "MP0400: PythonHandler x: uncaught exception: y"),
            ("-", "PythonHandler x: Thread 0x1 (most recent call first):"),
            ("r", "PythonHandler x: Traceback (most recent call last):"),
            ("-", 'PythonHandler x:   File "x.py", line 1 in x'),
            ("r", "PythonHandler x: y")]))
    log = ErrorLog(path)
    log.allow("MP0370")
    assert [one.number for one in log.unexpected()] == [1, 3, 5]


@pytest.mark.mpm("event")  # with the others a connection takes a thread
def test_descriptors(httpd: Httpd) -> None:
    httpd.remember_descriptors()
    assert httpd.descriptor_problems() == []
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            raw = stack.enter_context(Connection(httpd.port()))
            raw.request("/index.html")
        assert "keeps" in httpd.descriptor_problems()[0]
    assert httpd.descriptor_problems() == []


def test_start_that_fails(make_httpd: StartHttpd) -> None:
    server = make_httpd(python=False)
    with pytest.raises(StartError, match="NoSuchDirective"):
        server.start("NoSuchDirective\n")
    assert not server.running


INNER = """\
PYTHON = False
CONFIG = "<Location /broken>\\nSetHandler cgi-script\\n" \\
    "Options +ExecCGI\\n</Location>\\n"

def test_unexpected(client):
    client.get("/broken")

def test_expected(client, log):
    client.get("/broken")
    log.expect("script not found")

def test_failing(client):
    client.get("/broken")
    assert False

def test_nothing(client):
    client.get("/index.html")
"""


@pytest.mark.mpm("event")
def test_a_test_fails_for_the_log(tmp_path: Path) -> None:
    """The checks do run after every test."""
    (tmp_path / "test_inner.py").write_text(INNER)
    path = [str(Path(__file__).resolve().parents[1]),
            *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path))
    environment.pop("CI", None)  # pytest repeats whole messages there
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-rA",
         "-p", "no:cacheprovider", "--mpm", "event", "test_inner.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    for name, result in (("unexpected", "FAILED"), ("expected", "PASSED"),
                         ("failing", "FAILED"), ("nothing", "PASSED")):
        assert f"{result} test_inner.py::test_{name}[event]" in done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert done.stdout.count("script not found") == 2


def test_condition_that_stays_false() -> None:
    with pytest.raises(DeadlineError, match="the moon"):
        wait_until(lambda: False, 0.05, "the moon")


def test_concurrent_exception() -> None:
    def fail(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        concurrently(fail, 3)
