# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The status pages: mod_python.status and our part of mod_status."""
from __future__ import annotations

import os
import re
import signal
import threading
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from fix_httpd import StartHttpd
from harness import proc
from harness.browser import Browser
from harness.client import Client
from harness.conf import BY_PATH, Workers
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently, wait_until

CONFIG = BY_PATH.format(name="test_status") + """\
<Location "/fine/other">
    PythonInterpreter "second <&>"
</Location>
<Location /python-status>
    SetHandler mod_python
    PythonHandler mod_python.status
    PythonInterpreter main_interpreter
</Location>
<Location /server-status>
    SetHandler server-status
</Location>
"""
FIELDS = {"name", "instance", "own_gil", "threads", "busy", "started", "requests",
          "errors", "loads", "reloads", "run_seconds", "wait_seconds"}


def state(client: Client) -> Any:
    answer = client.get("/python-status?format=json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def total(client: Client, key: str, name: str = "") -> Any:
    """The sum over all processes, of all interpreters or those of a name."""
    return sum(row[key] for process in state(client)["processes"]
               for row in process["interpreters"] if name in ("", row["name"]))


def test_rows(client: Client, httpd: Httpd) -> None:
    client.text("/fine")
    found = state(client)
    # a child that has just started may not have its interpreter yet
    assert {process["pid"] for process in found["processes"]} <= set(
        httpd.children())
    for process in found["processes"]:
        assert 2**20 < process["memory_bytes"] < 2**32
        for row in process["interpreters"]:
            assert set(row) == FIELDS
            assert row["threads"] >= 1
            assert row["started"] <= found["time"]
    assert total(client, "busy") >= 1  # the page's own request


def test_requests_of_all_processes_are_counted(client: Client,
                                               httpd: Httpd) -> None:
    name = "localhost"
    before = total(client, "requests", "main_interpreter")

    def one(number: int) -> None:
        with Client(httpd.port()) as other:
            assert other.json(f"/fine?{number}") == name

    concurrently(one, 40)
    after = total(client, "requests", "main_interpreter")
    assert after - before == 41  # the first look at the page, too


def test_interpreters_are_counted_apart(client: Client) -> None:
    before = total(client, "requests", "second <&>")
    assert client.json("/fine/other") == "second <&>"
    assert total(client, "requests", "second <&>") == before + 1


def test_errors(client: Client, log: ErrorLog) -> None:
    before = total(client, "errors")
    assert client.get("/fails").status_code == 500
    log.expect("MP0400")
    assert total(client, "errors") == before + 1
    client.text("/fine")
    assert total(client, "errors") == before + 1


def test_time_in_handlers(client: Client) -> None:
    before = total(client, "run_seconds")
    client.text("/slow")
    assert 0.3 <= total(client, "run_seconds") - before < 20


def test_busy(client: Client, httpd: Httpd) -> None:
    def slow() -> None:
        with Client(httpd.port(), 30) as other:
            other.text("/slow")

    wait_until(lambda: total(client, "busy") == 1)
    thread = threading.Thread(target=slow)
    thread.start()
    wait_until(lambda: total(client, "busy") == 2 or not thread.is_alive())
    assert thread.is_alive()
    thread.join()
    wait_until(lambda: total(client, "busy") == 1)


def test_html(client: Client) -> None:
    client.text("/fine/other")
    answer = client.get("/python-status")
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.text.replace("<!DOCTYPE html>", "")
    body = re.sub(r"<(meta [^>]*)>", r"<\1/>", body)
    root = xml.etree.ElementTree.fromstring(body)  # well-formed, escaped
    text = "".join(root.itertext())
    assert "second <&>" in text
    assert "<script" not in body


def test_openmetrics(client: Client) -> None:
    client.text("/fine/other")
    answer = client.get("/python-status", headers={
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert answer.headers["Content-Type"].startswith(
        "application/openmetrics-text; version=1.0.0")
    lines = answer.text.splitlines()
    assert lines[-1] == "# EOF"
    families: dict[str, str] = {}
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families
            families[name] = kind
        elif not line.startswith("# HELP "):
            sample = re.fullmatch(r'(\w+)\{(.*)\} (\d+(\.\d+)?(e-\d+)?)', line)
            assert sample, line
            family = sample[1].removesuffix("_total")
            assert families[family] == (
                "counter" if sample[1].endswith("_total") else "gauge")
            assert re.search(r'pid="\d+"', sample[2])
    assert families["mod_python_requests"] == "counter"
    assert 'interpreter="second <&>"' in answer.text


def test_what_is_asked_for(client: Client) -> None:
    by_accept = client.get("/python-status", headers={
        "Accept": "application/json"})
    assert "processes" in by_accept.json()
    assert client.get("/python-status?format=pdf").status_code == 400
    assert client.post("/python-status").status_code == 405
    assert client.head("/python-status").text == ""


def test_mod_status(client: Client) -> None:
    client.text("/fine/other")
    page = client.text("/server-status")
    assert "<h2>mod_python</h2>" in page
    assert re.search(r"<tr><td>\d+</td><td>second &lt;&amp;&gt;/0</td>"
                     r"<td>shared</td>", page)
    short = dict(line.split(": ", 1) for line in client.text(
        "/server-status?auto").splitlines() if line.startswith("Python"))
    assert int(short["PythonRequests"]) >= 1
    assert set(short) == {
        "PythonInterpreters", "PythonBusy", "PythonRequests", "PythonErrors",
        "PythonRunSeconds", "PythonWaitSeconds"}


def test_a_restart_begins_anew(client: Client, httpd: Httpd) -> None:
    """Rows of children that have ended are gone, also after a crash."""
    client.text("/fine")
    client.close()
    httpd.restart()
    assert {process["pid"] for process in state(client)["processes"]} <= set(
        httpd.children())
    assert total(client, "requests") <= 3


def test_a_child_that_is_gone_is_not_shown(client: Client, httpd: Httpd) -> None:
    httpd.expect_child_exit()
    httpd.log.allow("exit signal Killed|AH00052")
    client.text("/fine")
    pid = state(client)["processes"][0]["pid"]
    client.close()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not proc.alive(pid))
    wait_until(lambda: len(httpd.children()) >= 1)

    def shown() -> set[int]:
        return {process["pid"] for process in state(client)["processes"]}

    wait_until(lambda: pid not in shown())


@pytest.mark.mpm("event")
def test_in_a_browser(start_httpd: StartHttpd, tmp_path: Path) -> None:
    """Chromium shows two children, whose interpreters have had different work."""
    browser = Browser(tmp_path)
    sites = {"shop": 90, "blog": 40, "reports": 12}
    config = CONFIG + "".join(
        f"<LocationMatch /{name}$>\n    PythonInterpreter {name}\n</LocationMatch>\n"
        for name in sites)
    httpd = start_httpd(config, workers=Workers(children=2, threads=8))

    def get(path: str) -> int:
        with Client(httpd.port()) as other:
            return other.get(path).status_code

    paths = [f"/fine/{name}" for name, number in sites.items()
             for _ in range(number)]
    paths += ["/slow/reports"] * 6 + ["/slow/shop"] * 2
    assert set(concurrently(lambda number: get(paths[number]), len(paths))) == {200}
    for _ in range(3):
        assert get("/fails/blog") == 500
    httpd.log.expect("MP0400", 3)
    url = f"http://127.0.0.1:{httpd.port()}/python-status"
    browser.check_picture(url, "1180,690")
    page = browser.dom(url)
    assert page.count("<h2>Process ") == 2
    for name in sites:
        assert f">{name}</t" in page
