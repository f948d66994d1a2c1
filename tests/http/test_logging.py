# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The log functions, and sys.stdout and sys.stderr."""
from __future__ import annotations

from harness.client import Client
from harness.conf import EVAL
from harness.httpd import Httpd
from harness.log import ErrorLog, Record
from harness.tools import concurrently
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = "LogLevel info python:trace4\n" + EXECUTE + EVAL


def seen(log: ErrorLog, pattern: str, count: int = 1
         ) -> list[tuple[str, str, str]]:
    """(module, level, text) of the matching lines, count of them."""
    found = log.expect(pattern, count)
    assert len(found) == count
    return [(one.module, one.level, one.text) for one in found]


def of_request(record: Record) -> bool:
    return record.request != "-" and "127.0.0.1" in record.line


# -- functions ----------------------------------------------------------------

def test_levels(client: Client, log: ErrorLog) -> None:
    run(client, """
        for name in ("EMERG ALERT CRIT ERR WARNING NOTICE INFO DEBUG TRACE1 "
                     "TRACE4 TRACE5").split():
            apache.log_error("level " + name,
                             getattr(apache, "APLOG_" + name))
    """)
    names = ["emerg", "alert", "crit", "error", "warn", "notice", "info",
             "debug", "trace1", "trace4"]  # LogLevel keeps trace5 out
    found = log.expect("level [A-Z]", 10)
    assert [one.level for one in found] == names
    assert {one.module for one in found} == {"python"}


def test_default_level(client: Client, log: ErrorLog) -> None:
    run(client, "apache.log_error('plain')")
    assert seen(log, "plain$") == [("python", "error", "plain")]


def test_old_flag(client: Client, log: ErrorLog) -> None:
    run(client, """
        apache.log_error("or-ed", apache.APLOG_NOERRNO | apache.APLOG_INFO)
    """)
    assert seen(log, "or-ed") == [("python", "info", "or-ed")]


def test_messages(client: Client, log: ErrorLog) -> None:
    run(client, r"""
        info = apache.APLOG_INFO
        apache.log_error("M one\nM two\r\nM three\n", info)
        apache.log_error(b"M bytes \xff", info)
        apache.log_error("M \u00e4 \udcff \ud800", info)
        apache.log_error("M nul\0inside", info)
        apache.log_error(None, info)
    """)
    assert [text for _, _, text in seen(log, r"\] M ", 6)] == [
        "M one", "M two", "M three", r"M bytes \xff",
        r"M \xc3\xa4 \\udcff \\ud800", r"M nul\\x00inside"]


def test_long_lines_are_complete(client: Client, log: ErrorLog) -> None:
    run(client, """
        apache.log_error("long " + "x" * 20000, apache.APLOG_INFO)
        apache.log_error("\u00e4" * 5000, apache.APLOG_INFO)
    """)
    text = "".join(one.text for one in log.expect("xxx", 3))
    assert text == "long " + "x" * 20000
    text = "".join(one.text for one in log.expect(r"\\xc3\\xa4", 6))
    assert text == r"\xc3\xa4" * 5000


def test_arguments(client: Client) -> None:
    assert run(client, """
        kind = lambda *args: raised(apache.log_error, *args).partition(":")[0]
        result = [kind(5), kind("x", "y"), kind("x", True), kind("x", 16),
                  kind("x", -1), kind("x", 3, 5), kind(), kind(None)]
    """) == ["TypeError", "TypeError", "TypeError", "OverflowError",
             "OverflowError", "TypeError", "TypeError", ""]


def test_of_what_is_served(client: Client, log: ErrorLog) -> None:
    run(client, """
        import threading
        _apache._log(apache.APLOG_INFO, "_log here")
        req.log_error("req.log_error here", apache.APLOG_INFO)
        req.connection.log_error("conn.log_error here", apache.APLOG_INFO)
        req.server.log_error("server.log_error here", apache.APLOG_INFO)
        thread = threading.Thread(target=_apache._log, args=(
            apache.APLOG_INFO, "_log elsewhere"))
        thread.start()
        thread.join()
    """)
    assert of_request(log.wait("_log here")[0])
    assert of_request(log.wait("req.log_error here")[0])
    record = log.wait("conn.log_error here")[0]
    assert record.request == "-"
    assert "127.0.0.1" in record.line
    for text in ("server.log_error here", "_log elsewhere"):
        record = log.wait(text)[0]
        assert record.request == "-"
        assert "127.0.0.1" not in record.line


def test_nothing_is_logged_below_the_level(client: Client,
                                           log: ErrorLog) -> None:
    run(client, """
        apache.log_error("too low", apache.APLOG_TRACE8)
        apache.log_error("high enough", apache.APLOG_TRACE1)
    """)
    log.wait("high enough")
    assert not log.records("too low")


# -- streams ------------------------------------------------------------------

def test_print(client: Client, log: ErrorLog) -> None:
    run(client, r"""
        import sys
        print("printed", 1, 2)
        print("to stderr", "\u00e4", "\udcff", file=sys.stderr)
        print("several\nprinted", "lines")
        sys.stderr.writelines(["written ", "lines\n"])
    """)
    found = log.expect("printed|stderr|several|lines", 5)
    assert [(one.level, one.text) for one in found] == [
        ("warn", "printed 1 2"), ("error", r"to stderr \xc3\xa4 \\udcff"),
        ("warn", "several"), ("warn", "printed lines"),
        ("error", "written lines")]
    assert all(of_request(one) for one in found)


def test_partial_lines(client: Client, log: ErrorLog) -> None:
    """A line is whole before it is logged, or the call is over."""
    run(client, """
        import sys
        sys.stdout.write("P one, ")
        sys.stderr.write("P other, ")
        sys.stdout.write("")
        sys.stdout.write("two\\nP three, ")
        sys.stdout.flush()
        sys.stdout.flush()
        sys.stdout.write("P four")
    """)
    assert [(level, text) for _, level, text in seen(log, r"\] P ", 4)] == [
        ("warn", "P one, two"), ("warn", "P three, "), ("warn", "P four"),
        ("error", "P other, ")]
    # nothing of it is left for others
    run(client, "print('later')")
    assert seen(log, "later") == [("python", "warn", "later")]


def test_lines_of_threads_do_not_mix(client: Client, log: ErrorLog) -> None:
    run(client, """
        import sys, threading
        def write(name):
            for n in range(20):
                sys.stderr.write("T%s " % name)
                sys.stderr.write("number ")
                sys.stderr.write("%d\\n" % n)
        threads = [threading.Thread(target=write, args=(n,))
                   for n in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    """)
    texts = [one.text for one in log.expect("T[0-3] ", 80)]
    assert sorted(texts) == sorted(f"T{thread} number {n}"
                                   for thread in range(4) for n in range(20))


def test_lines_of_requests_do_not_mix(httpd: Httpd, log: ErrorLog) -> None:
    def work(n: int) -> None:
        with Client(httpd.port()) as client:
            for _ in range(5):
                run(client, f"""
                    import time
                    for part in ("R", "{n} ", "x", "\\n"):
                        print(part, end="")
                        time.sleep(0.0001)
                """)

    concurrently(work, 8)
    texts = [one.text for one in log.expect(r"R\d", 40)]
    assert sorted(texts) == sorted(f"R{n} x" for n in range(8)
                                   for _ in range(5))


def test_file_interface(client: Client, log: ErrorLog) -> None:
    log.allow("abc|xc3|x$")
    assert run(client, """
        import io, sys
        out = sys.stdout
        result = [out.write("abc\\n"), out.write(b"\\xc3\\xa4\\n"),
                  out.buffer.write(b"x\\n"), out.encoding, out.errors,
                  out.closed, out.isatty(), out.readable(), out.writable(),
                  out.seekable(), out.name, sys.stderr.name, out.newlines,
                  isinstance(out, io.TextIOBase), out.mode,
                  out.line_buffering, out.close(), out.closed,
                  out.reconfigure(encoding="utf-8"),
                  raised(out.fileno), raised(out.write, 5),
                  raised(out.writelines, [5]).partition(":")[0],
                  sys.__stdout__ is sys.stdout, sys.__stderr__ is sys.stderr,
                  out.level == apache.APLOG_WARNING]
        out.level = apache.APLOG_DEBUG
        print("quiet")
        result.append(raised(setattr, out, "level", 99).partition(":")[0])
        out.level = apache.APLOG_WARNING
    """) == [4, 3, 2, "utf-8", "backslashreplace", False, False, False, True,
             False, "<stdout>", "<stderr>", None, True, "w", True, None,
             False, None, "UnsupportedOperation: fileno",
             "TypeError: log messages are str or bytes, not int", "TypeError",
             True, True, True, "OverflowError"]


def test_warnings_and_tracebacks(client: Client, log: ErrorLog) -> None:
    run(client, """
        import sys, traceback, warnings
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a warning")
    """)
    assert [one.level for one in log.expect(
        "ZeroDivisionError|UserWarning: a warning", 2)] == ["error"] * 2
    log.allow("Traceback|File ")


def test_after_the_request(client: Client, log: ErrorLog) -> None:
    """Threads that outlive the request log to the server."""
    run(client, """
        import sys, threading, time
        def late():
            time.sleep(0.3)
            print("late line")
        threading.Thread(target=late, daemon=True).start()
    """)
    record = log.expect("late line")[0]
    assert record.request == "-"
