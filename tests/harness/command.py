# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The command mod_python, run as a user runs it."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from . import sanitizer
from .build import Build
from .env import PASSED_ON
from .tools import wait_until

PATIENCE = 30.0


class Done(NamedTuple):
    """What a command printed, and its status."""

    rc: int
    out: str
    err: str


class Serving:
    """A `mod_python serve ... --json` that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._read),
                         threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors += self.process.stderr

    def wait(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Waits for an event of that kind with these values."""
        def found() -> dict[str, Any] | None:
            for event in self.events:
                if event["event"] == kind and all(
                        event.get(name) == value
                        for name, value in fields.items()):
                    return event
            assert self.process.poll() is None, "".join(self.errors)
            return None

        event = wait_until(found, PATIENCE, f"event {kind} {fields}: "
                           f"{self.events}")
        assert event is not None
        return event

    @property
    def url(self) -> str:
        return str(self.wait("ready")["url"])

    def get(self, path: str = "", **options: Any) -> str:
        """The body of a response that must have a status below 400."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            *([urllib.request.HTTPSHandler(**options)] if options else []))
        with opener.open(self.url + path, timeout=PATIENCE) as response:
            return str(response.read().decode())

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it as Ctrl-C does; its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


class Command:
    """The command, in a directory that httpd's children can read."""

    def __init__(self, build: Build) -> None:
        if sanitizer.wanted():
            pytest.skip("the command starts an httpd as it is, which cannot "
                        "load a module built with sanitizers")
        self.directory = Path(tempfile.mkdtemp(prefix="mp-command-"))
        self.directory.chmod(0o755)
        (self.directory / "tmp").mkdir(mode=0o755)
        self.work = self.directory / "work"
        self.work.mkdir(mode=0o755)
        kept = {name: os.environ[name] for name in PASSED_ON
                if name in os.environ}
        self.environ = {
            **kept, "PYTHONPATH": str(build.directory), "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.directory / "tmp")}

    def write(self, name: str, text: str) -> Path:
        path = self.work / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def _line(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-P", "-m", "mod_python", *arguments]

    def run(self, *arguments: str) -> Done:
        """Runs it to its end."""
        done = subprocess.run(
            self._line(arguments), cwd=self.work, env=self.environ,
            text=True, capture_output=True, timeout=PATIENCE * 2,
            stdin=subprocess.DEVNULL)
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def serve(self, *arguments: str) -> Iterator[Serving]:
        """`serve` with these arguments, on a free port, while in with."""
        made = Serving(subprocess.Popen(
            self._line(("serve", *arguments, "--port", "0", "--json")),
            cwd=self.work, env=self.environ, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE))
        try:
            yield made
        finally:
            made.end()

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
