# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A Redis server of the tests' own."""
from __future__ import annotations

import shutil
import subprocess
import tempfile

from .tools import accepts, free_port, wait_until


class Redis:
    """redis-server on 127.0.0.1, without files; can be stopped and started
    again on the same port."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.port = free_port()
        self._directory = tempfile.mkdtemp(prefix="mp-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def find() -> str | None:
        """The program, None where it is not installed."""
        return shutil.which("redis-server")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert self._process is None
        self._process = subprocess.Popen(
            [self.program, "--bind", "127.0.0.1", "--port", str(self.port),
             "--save", "", "--appendonly", "no", "--dir", self._directory,
             "--daemonize", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.port), 10, "redis-server accepts")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
