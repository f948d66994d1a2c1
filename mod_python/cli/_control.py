# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``start``, ``stop``, ``restart``, ``reload``, ``status``, ``logs``: servers
that run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from argparse import Namespace
from dataclasses import asdict, dataclass
from pathlib import Path

from mod_python._install import Installation
from mod_python.cli import _places
from mod_python.cli._terminal import fail, show_json


@dataclass(frozen=True)
class Running:
    """A server, running or not."""

    name: str
    pid: int | None
    log: Path | None
    url: str = ""
    started: float = 0.0
    targets: tuple[str, ...] = ()


def _configuration(options: Namespace) -> str:
    """The httpd.conf named on the command line."""
    path: str = options.site
    if os.path.isdir(path):
        path = os.path.join(path, "conf", "httpd.conf")
    if not os.path.isfile(path):
        fail(f"MP0702: {path} does not exist: name an httpd.conf, or a directory made "
             "by mod_python create")
    return os.path.abspath(path)


def _httpd(options: Namespace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """httpd with this configuration; what it says is a failure's text."""
    file = _configuration(options)
    command = [Installation.find(options.httpd).httpd, "-f", file, *arguments]
    done = subprocess.run(command, capture_output=True, text=True,
                          errors="backslashreplace", check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        fail(f"MP0709: httpd refuses {file}: {lines[-1] if lines else '(no message)'}")
    return done


def _configured(options: Namespace) -> Running:
    """The server of a configuration."""
    text = _httpd(options, "-t", "-D", "DUMP_RUN_CFG").stdout
    rows = dict(re.findall(r'^(PidFile|Main ErrorLog): "(.*)"$', text, re.MULTILINE))
    pid = None
    try:
        pid = int(Path(rows.get("PidFile", ".")).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError) as error:
        if not isinstance(error, PermissionError):
            pid = None
    log = rows.get("Main ErrorLog")
    return Running(_configuration(options), pid, Path(log) if log else None)


def _served(options: Namespace) -> list[Running]:
    """Servers of ``serve``."""
    return [
        Running(", ".join(one.targets), one.pid, one.log, one.url, one.started,
                tuple(one.targets))
        for one in _places.servers()
        if options.port is None or one.url.endswith(f":{options.port}/")
    ]


def _one(options: Namespace) -> Running:
    if options.site is not None:
        found = _configured(options)
        if found.pid is None:
            fail(f"MP0714: {found.name}: httpd does not run: mod_python start "
                 f"{found.name}")
        return found
    all_of_them = _served(options)
    if not all_of_them:
        fail("MP0714: no server of mod_python serve runs: name the httpd.conf of "
             "another one")
    if len(all_of_them) > 1:
        urls = ", ".join(one.url for one in all_of_them)
        fail(f"MP0715: several servers run ({urls}): choose one with --port")
    return all_of_them[0]


def start(options: Namespace) -> int:
    _httpd(options, "-t")
    _httpd(options, "-k", "start")
    print(f"started {_configuration(options)}")
    return 0


def stop(options: Namespace) -> int:
    found = _one(options)
    # httpd finishes what it does; serve's own have their limit for that
    _signal(found, signal.SIGWINCH)
    print(f"stopping {found.name} (pid {found.pid})")
    return 0


def restart(options: Namespace) -> int:
    if options.site is not None:
        _httpd(options, "-t")  # else the signal would end it
    found = _one(options)
    _signal(found, signal.SIGUSR1)
    print(f"restarting {found.name} (pid {found.pid})")
    return 0


reload = restart


def _signal(found: Running, number: signal.Signals) -> None:
    assert found.pid is not None
    try:
        os.kill(found.pid, number)
    except PermissionError:
        fail(f"MP0716: httpd (pid {found.pid}) belongs to another user: try as root")
    except ProcessLookupError:
        fail(f"MP0714: httpd (pid {found.pid}) has just ended")


def status(options: Namespace) -> int:
    """0 when something runs."""
    if options.site is not None:
        found = [_configured(options)]
    else:
        found = _served(options)
    running = [one for one in found if one.pid is not None]
    if options.json:
        show_json([{**asdict(one), "log": one.log and str(one.log)}
                   for one in running])
    elif not running:
        print("no server runs")
    for one in [] if options.json else running:
        since = f"  since {time.strftime('%H:%M:%S', time.localtime(one.started))}" \
            if one.started else ""
        print(f"{one.url or one.name}  pid {one.pid}  "
              f"{one.name if one.url else ''}{since}".rstrip())
    return 0 if running else 1


def logs(options: Namespace) -> int:
    found = _configured(options) if options.site is not None else _one(options)
    if found.log is None:
        fail(f"MP0717: {found.name} has no file as its error log: look where its "
             "ErrorLog line says")
    try:
        with open(found.log, encoding="utf-8", errors="backslashreplace") as file:
            lines = file.readlines()
            _print(lines[-options.lines:] if options.lines else [], options.json)
            while options.follow:
                more = file.readlines()
                _print(more, options.json)
                if not more:
                    time.sleep(0.2)
                    if not found.log.exists():
                        break  # serve has ended and taken it along
    except OSError as error:
        fail(f"MP0717: {found.log}: {error.strerror}: try as the user that started "
             "httpd")
    return 0


def _print(lines: list[str], as_json: bool) -> None:
    for line in lines:
        text = line.rstrip("\n")
        if as_json:
            show_json({"line": text})
        else:
            print(text, flush=True)
