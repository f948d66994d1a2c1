# Licensed under the Apache License, Version 2.0; see LICENSE.
"""One httpd in the foreground: what ``serve`` and mod_python.testing start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from mod_python._install import Installation


class StartError(Exception):
    """httpd does not start; its text is what httpd says."""


class Process:
    """The httpd of ``httpd.conf`` in a directory."""

    def __init__(self, installation: Installation, directory: Path) -> None:
        self.installation = installation
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def _command(self, *more: str) -> list[str]:
        directory = str(self.directory)
        return [
            self.installation.httpd, "-d", directory, "-f",
            f"{directory}/httpd.conf", *more]

    def check(self, environ: Mapping[str, str]) -> None:
        """httpd -t; raises StartError with its last line."""
        done = subprocess.run(
            self._command("-t"), capture_output=True, text=True,
            errors="backslashreplace", env=environ, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines()
                     if line.strip() and not line.startswith("AH00014")]
            raise StartError(lines[-1] if lines else f"status {done.returncode}")

    def start(self, environ: Mapping[str, str], pipe: bool = False
              ) -> subprocess.Popen[bytes]:
        """pipe: what it writes to stderr is read from the result's stderr."""
        self.check(environ)
        # a session: httpd signals its whole process group when it stops
        self.process = subprocess.Popen(
            self._command("-DFOREGROUND"), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if pipe else subprocess.DEVNULL,
            env=environ, start_new_session=True)
        return self.process

    def wait_for_port(self, host: str, port: int, timeout: float) -> None:
        """Until it accepts connections; raises StartError."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while True:
            code = self.process.poll()
            if code is not None:
                raise StartError(f"httpd ended with status {code}")
            try:
                socket.create_connection((host, port), 1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise StartError(
                        f"httpd does not serve within {timeout:g} s") from None
                time.sleep(0.01)
            else:
                return

    def graceful(self) -> None:
        """New children, when those that are busy have finished."""
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR1)

    def stop(self, patience: float = 10.0) -> None:
        """Ends it and all its children; nothing when it does not run."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.process = None
