# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Forms, cookies and sessions beside mod_python 3.5: ``python3 -m
benchmarks.library`` (``--quick``: less of everything).

The same handlers (handlers/bench_library.py) run in two servers. For each
task two ratios are printed: requests per second under the worker MPM (median
of pairs of runs by turns), and instructions of a whole request (callgrind),
which do not depend on what else the machine does. Above 1 this mod_python is
the faster one.
"""
from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from harness.build import Build
from harness.install import SetupError
from harness.packages import copy_package

from . import baseline, callgrind, peers, wrk
from .server import Server, request

# what somebody fills in
FIELDS = dict(line.split("=") for line in """\
first_name=Maria Theresia
last_name=Obermoser-Huber
email=m.obermoser@example.org
phone=+43 1 58801 4711
street=Wiedner Hauptstrasse 8-10/4
zip=1040
city=Vienna
country=AT
company=Obermoser & Daughters, Ltd.
vat_number=ATU12345678
delivery=express
payment=invoice
quantity=12
article=4711-0815
colour=dark green
newsletter=on
birthday=1980-05-13
comment=Please ring twice; the bell is hard to hear. Thank you!
token=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
submit=Order now""".splitlines())
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
COOKIES = "theme=dark; lang=de-AT; _ga=GA1.1.1234567890.1234567890; seen=5"
VISITORS = 16


@dataclass(frozen=True)
class Task:
    """What is asked for: headers are whole lines."""

    title: str
    path: str
    headers: str = ""
    body: bytes = b""
    session: bool = False  # the visitors have session cookies


def _multipart() -> bytes:
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
             f"\r\n\r\n{value}\r\n" for name, value in FIELDS.items()]
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


TASKS = [
    Task("form of 20 fields, URL-encoded", "/form",
         "Content-Type: application/x-www-form-urlencoded\r\n",
         urlencode(FIELDS).encode()),
    Task("form of 20 fields, multipart", "/form",
         f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n",
         _multipart()),
    Task("five cookies read, one sent", "/cookies",
         f"Cookie: {COOKIES}; a=1\r\n"),
    Task("memory session loaded and saved", "/memory", session=True),
    Task("file session loaded and saved", "/file", session=True),
    Task("dbm session loaded and saved", "/dbm", session=True),
]


def _config() -> str:
    return "".join(
        baseline.python(
            path, "bench_library::" + path[1:],
            "PythonPath \"['${HANDLERS}'] + sys.path\"",
            "PythonOption mod_python.session.database_directory ${ROOT}/var")
        for path in dict.fromkeys(task.path for task in TASKS))


@dataclass
class Side:
    """A server and the visitors it knows."""

    server: Server
    ids: dict[str, list[str]]  # by path

    @classmethod
    def of(cls, server: Server, visitors: int) -> Side:
        ids = {task.path: [server.get(task.path).decode().strip()
                           for _ in range(visitors)]
               for task in TASKS if task.session}
        return cls(server, ids)

    def headers(self, task: Task, visitor: int = 0) -> str:
        if not task.session:
            return task.headers
        return f"Cookie: pysid={self.ids[task.path][visitor]}\r\n"

    def check(self, task: Task) -> bytes:
        """One answer, which both sides must agree on but for ids."""
        with self.server.connect() as client:
            answer = client.send(self.request(task))
        if task.session and answer.decode().strip() not in self.ids[task.path]:
            raise SetupError(f"{task.title}: the session is not found")
        return b"" if task.session else answer

    def request(self, task: Task) -> bytes:
        return request(task.path, self.headers(task), task.body)


@contextmanager
def _sides(mpm: str, build: Build, **more: bool) -> Iterator[tuple[Side, Side]]:
    """This mod_python and the old one."""
    visitors = VISITORS if mpm == "worker" else 1
    old = peers.mod_python_old()
    with ExitStack() as stack:
        packages = Path(tempfile.mkdtemp(prefix="mp-bench-packages-"))
        stack.callback(shutil.rmtree, packages)
        packages.chmod(0o755)
        if not copy_package("multipart", packages):
            raise SetupError("the package multipart is not installed")
        ours = stack.enter_context(Server(
            _config(), mpm=mpm, build=build, threads=8,
            environ={"PYTHONPATH": str(packages)}, **more))
        theirs = stack.enter_context(Server(
            _config(), mpm=mpm, load=old.load, threads=8,
            # it takes the home of its Python from the first one on PATH
            environ={**old.environ, "PATH": os.defpath}, **more))
        pair = Side.of(ours, visitors), Side.of(theirs, visitors)
        for task in TASKS:
            if pair[0].check(task) != pair[1].check(task):
                raise SetupError(f"{task.title}: the answers differ")
        yield pair


def _script(sides: tuple[Side, Side], task: Task, file: Path) -> str:
    """The requests of a task for wrk, to either server."""
    lines = ["local headers = {}"]
    for side in sides:
        shown = ",".join(
            "[[" + side.headers(task, n).removesuffix("\r\n") + "]]"
            for n in range(VISITORS if task.session else 1))
        lines.append(f'headers["{side.server.port()}"] = {{{shown}}}')
    body = "".join(f"\\{byte:03}" for byte in task.body)
    lines.append(f'local body = "{body}"' if body else "local body = nil")
    lines.append("""
        local n = 0
        request = function()
            local own = headers[tostring(wrk.port)]
            n = n % #own + 1
            local name, value = own[n]:match("^([^:]*): (.*)$")
            return wrk.format(body and "POST" or "GET", nil,
                              {[name] = value, Host = "localhost"}, body)
        end""")
    file.write_bytes("\n".join(lines).encode())
    return str(file)


def throughput(build: Build, quick: bool) -> dict[str, float]:
    """Ratios of requests per second, by title."""
    found = {}
    with _sides("worker", build) as sides, \
            tempfile.TemporaryDirectory() as directory:
        for task in TASKS:
            load = wrk.Load(connections=4, script=_script(
                sides, task, Path(directory, "requests.lua")))
            ours, theirs = (side.server.url(task.path) for side in sides)
            found[task.title] = wrk.ratio(ours, theirs, load,
                                          pairs=3 if quick else wrk.PAIRS)
    return found


def instructions(build: Build, quick: bool) -> dict[str, float]:
    """Ratios of instructions of one request, by title."""
    rounds = 4 if quick else callgrind.ROUNDS
    with _sides("prefork", build, callgrind=True) as sides:
        found = {}
        for task in TASKS:
            ours, theirs = (callgrind.count(
                side.server, side.request(task), rounds=rounds)
                for side in sides)
            print(f"{task.title:36} {ours:9.0f} {theirs:9.0f} instructions",
                  flush=True)
            found[task.title] = theirs / ours
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="fewer runs: less certain")
    quick = parser.parse_args().quick
    build = Build.find() or Build.make()
    try:
        counted = instructions(build, quick)
        rates = throughput(build, quick)
    finally:
        build.remove()
        baseline.forget()
    print(f"\n{'compared with mod_python 3.5':36} requests/s  instructions")
    for title, rate in rates.items():
        print(f"{title:36} {rate:9.2f} x  {counted[title]:9.2f} x")


if __name__ == "__main__":
    main()
