# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``mod_python serve``: an httpd in the foreground, and what happens in it on
the terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from mod_python import _serverconf, version
from mod_python._install import Installation, own_module
from mod_python._process import Process, StartError
from mod_python.cli import _places, _siteconf
from mod_python.cli._siteconf import Site
from mod_python.cli._target import KINDS, Target
from mod_python.cli._terminal import (
    CommandError,
    Terminal,
    fail,
    parse,
    render,
    show_json,
)

MARK = "mod_python serve: "  # of cli/_probe.py, which works in httpd only
VARIABLE = "MOD_PYTHON_SERVE"


def run(options: Namespace) -> int:
    """The command."""
    site = site_of(options)
    installation = Installation.find(options.httpd)
    config = _siteconf.serve_config(site, installation)
    if options.print_config:
        print(config, end="")
        return 0
    if not own_module().is_file():
        fail("MP0706: this mod_python has no mod_python.so: install it with pip, the "
             "source tree alone is not enough")
    _places.check_port(site.host, site.port)
    check_readable(site)
    server = Server(site, installation, config)
    try:
        server.prepare()
        server.start()
        return _show(server, options)
    finally:
        server.stop()


def site_of(options: Namespace) -> Site:
    """What the arguments ask for; raises CommandError."""
    mounts = [("/", Target.parse(options.target))]
    for text in options.mount:
        url, target = _pair(text, "--mount", "URL=TARGET")
        mounts.append((url, Target.parse(target)))
    static = []
    for text in options.static:
        url, directory = _pair(text, "--static", "URL=DIR")
        if not os.path.isdir(directory):
            fail(f"MP0702: {directory} is not a directory: --static needs one")
        static.append((url, os.path.abspath(directory)))
    port = options.port or _places.free_port(options.host)
    return Site(
        directory=_places.runtime_directory() / str(port),
        mounts=mounts,
        static=static,
        host=options.host,
        port=port,
        mpm=options.mpm,
        workers=_serverconf.Workers(options.processes, options.threads),
        reload=options.reload,
        debug=options.debug,
        tls=options.tls,
    )


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    url, separator, rest = text.partition("=")
    if not separator or not url.startswith("/") or not rest:
        fail(f"MP0701: {option} {text}: write {option} {form}, where URL begins "
             "with a slash")
    return url.rstrip("/") or "/", rest


def check_readable(site: Site) -> None:
    """As root the children are somebody else: can they read it?"""
    names = _serverconf.run_user()
    if names is None:
        return
    for _, target in site.mounts:
        path = target.directory or target.module
        if os.path.isabs(path) and not readable(path, names):
            fail(f"MP0707: {names[0]}, who httpd's children are, cannot read {path}: "
                 "move it where that user can (not below /root), or start as another "
                 "user than root")
    if not readable(str(own_module()), names):
        fail(f"MP0707: {names[0]}, who httpd's children are, cannot read "
             f"{own_module()}: install mod_python where that user can")


def readable(path: str, names: tuple[str, str]) -> bool:
    """May that user and group read a file?"""
    done = subprocess.run(
        ["test", "-r", path], user=names[0], group=names[1], extra_groups=[],
        cwd="/", check=False)
    return done.returncode == 0


class Server:
    """The httpd of one site."""

    def __init__(self, site: Site, installation: Installation, config: str) -> None:
        self.site = site
        self.config = config
        self._httpd = Process(installation, site.directory)
        self.process: subprocess.Popen[bytes] | None = None
        self._pieces: dict[str, dict[int, str]] = {}

    def prepare(self) -> None:
        """Writes its files."""
        from mod_python._basic_config import MIME_TYPES

        directory = self.site.directory
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "htdocs").mkdir(parents=True)
        for path in (directory, directory / "htdocs"):
            path.chmod(0o755)
        (directory / "mime.types").write_text(MIME_TYPES)
        (directory / "httpd.conf").write_text(self.config)
        if self.site.tls:
            self._make_certificate()

    def _make_certificate(self) -> None:
        """One of our own, for this machine: browsers ask before they take it."""
        names = ",".join(["DNS:localhost", "IP:127.0.0.1", "IP:::1"])
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
            "/CN=localhost", "-addext", f"subjectAltName={names}",
            "-keyout", "server.key", "-out", "server.crt",
        ]
        try:
            subprocess.run(command, cwd=self.site.directory, check=True,
                           capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            fail("MP0708: --tls needs the program openssl to make a certificate: "
                 "install it, or serve without --tls")

    def _environ(self) -> dict[str, str]:
        here = os.getcwd()
        path = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
        targets = [target.as_dict() for _, target in self.site.mounts]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            VARIABLE: json.dumps({"root": here, "targets": targets}),
        }

    def start(self) -> None:
        """Raises CommandError when httpd refuses the configuration."""
        try:
            self.process = self._httpd.start(self._environ(), pipe=True)
        except StartError as error:
            fail(f"MP0709: httpd refuses the configuration: "
                 f"{parse(str(error))['message']} (--print-config shows it)")
        _places.State(
            pid=self.process.pid, url=self.site.url,
            targets=[target.text for _, target in self.site.mounts],
            directory=str(self.site.directory), started=time.time(),
        ).write()

    def events(self) -> Iterator[dict[str, Any]]:
        """What happens, until httpd ends."""
        assert self.process is not None
        stream = self.process.stderr
        assert stream is not None
        for raw in stream:
            event = parse(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
            if event["event"] == "log" and event["message"].startswith(MARK):
                told = self._told(event["message"])
                if told is not None:
                    yield told
            elif event["event"] != "log" or _is_shown(event):
                yield event

    def _told(self, message: str) -> dict[str, Any] | None:
        """What the probe has said, when all pieces of it are there."""
        pid, count, piece = message.removeprefix(MARK).split(" ")
        number, total = (int(part) for part in count.split("/"))
        pieces = self._pieces.setdefault(pid, {})
        pieces[number] = piece
        if len(pieces) < total:
            return None
        del self._pieces[pid]
        text = "".join(pieces[number] for number in sorted(pieces))
        found: dict[str, Any] = json.loads(bytes.fromhex(text))
        return found

    def graceful(self) -> None:
        self._httpd.graceful()

    def stop(self) -> None:
        """Ends it and all its children, and removes its files."""
        self._httpd.stop()
        shutil.rmtree(self.site.directory, ignore_errors=True)


def _is_shown(event: dict[str, Any]) -> bool:
    """Not the notices of what httpd is and does."""
    if event["module"] == "python" and event["level"] != "notice":
        return True
    return event["level"] in ("emerg", "alert", "crit", "error", "warn")


# -- the terminal -----------------------------------------------------------------


class _Show:
    """Events as lines on the terminal, or as JSON."""

    def __init__(self, server: Server, options: Namespace) -> None:
        self.server = server
        self.json = options.json
        self.quiet = options.quiet
        self.terminal = Terminal(sys.stdout)
        self.began = time.monotonic()
        self.ready = False
        self.early: list[dict[str, Any]] = []  # before it was ready

    def event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "ready":
            self._ready()
        elif kind == "failed":
            self._failed(event)
        elif kind == "changed":
            self._print({"event": "log", "time": time.strftime("%H:%M:%S"),
                         "level": "info", "module": "serve",
                         "message": f"{event['file']} has changed: new processes"})
            self.server.graceful()
        elif not self.ready:
            self.early.append(event)
        elif kind != "request" or not self.quiet:
            self._print(event)

    def _print(self, event: dict[str, Any]) -> None:
        if self.json:
            show_json(event)
        else:
            self.terminal.line(render(event, self.terminal))

    def _ready(self) -> None:
        if self.ready:
            return  # a further child
        self.ready = True
        site = self.server.site
        seconds = time.monotonic() - self.began
        if self.json:
            show_json({"event": "ready", "url": site.url, "seconds": round(seconds, 3),
                       "pid": self.server.process.pid})  # type: ignore[union-attr]
        else:
            self._banner(site, seconds)
        for event in self.early:
            self.event(event)
        self.early = []

    def _banner(self, site: Site, seconds: float) -> None:
        paint, line = self.terminal.paint, self.terminal.line
        line(f"{paint('mod_python ' + version.version, 'bold')}  "
             f"{paint(site.url, 'cyan')}  (ready in {seconds:.2f} s)")
        for url, target in site.mounts:
            line(f"  {url}  {KINDS[target.kind]} {target.text}")
        for url, directory in site.static:
            line(f"  {url}  files of {directory}")
        threads = "" if site.mpm == "prefork" else f", {site.workers.threads} threads"
        line(f"  {site.mpm}: {site.workers.children} process(es){threads}; "
             f"reload {'on' if site.reload else 'off'}, debug "
             f"{'on' if site.debug else 'off'}; Ctrl-C stops")

    def _failed(self, event: dict[str, Any]) -> None:
        """An import failed when a child started."""
        if self.ready:  # after an edit: requests tell it, too
            return
        if not self.json:
            for text in event["traceback"]:
                print(text, file=sys.stderr)
        fail(f"MP0710: the target cannot be imported: {event['error']}; mend that "
             "and start again")

    def ended(self, code: int) -> int:
        """httpd has ended by itself, or by ``mod_python stop``."""
        if self.ready:
            return 0 if code == 0 else 1
        for event in self.early:
            print(event.get("message", ""), file=sys.stderr)
        raise CommandError(
            f"MP0711: httpd ended with status {code} before it was ready: its "
            "messages stand above")


def _show(server: Server, options: Namespace) -> int:
    def terminated(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminated)
    show = _Show(server, options)
    with open(server.site.directory / "error.log", "a", encoding="utf-8") as log:
        plain = Terminal(log)
        for event in server.events():
            if event["event"] in ("log", "raw"):
                plain.line(render(event, plain))
            show.event(event)
    assert server.process is not None
    return show.ended(server.process.wait())


def probe(site: Site, installation: Installation) -> str | None:
    """Starts the site, asks whether its targets can be imported, stops it.

    Returns None, or what is wrong."""
    server = Server(site, installation, _siteconf.serve_config(site, installation))
    try:
        server.prepare()
        server.start()
        for event in server.events():
            if event["event"] == "ready":
                return None
            if event["event"] == "failed":
                return str(event["error"])
        return "httpd ended before the target was imported"
    finally:
        server.stop()
