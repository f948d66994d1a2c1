# SPDX-License-Identifier: Apache-2.0
"""An httpd of its own with as little in it as possible."""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from harness import conf, proc
from harness.build import Build
from harness.install import Installation
from harness.tools import accepts, free_port, wait_until

from . import baseline

MODULES = "authz_core unixd alias".split()
HANDLERS = Path(__file__).resolve().parent / "handlers"
COUNT = "/-count"


class ServerError(RuntimeError):
    """The server did not do as it should."""


class Server:
    """Starts with the block, stops at its end.

    config: what comes after the general part; ${DOCROOT}, ${HANDLERS} and
    ${PORT1} ... (named in it: listened on) are defined.
    build: mod_python's, None: without it. load: further lines, e.g. the
    LoadModule of a peer; modules: names of httpd's own.
    environ: for httpd; PYTHONPATH is appended to that of the handlers.
    files: texts below the document root, by name.
    callgrind: one process under valgrind, see count() of .callgrind.
    cores: the processors it may run on, e.g. "0"; None: all.
    """

    def __init__(self, config: str, *, mpm: str = "prefork",
                 build: Build | None = None, load: Iterable[str] = (),
                 modules: Iterable[str] = (), children: int = 1,
                 threads: int = 25, environ: Mapping[str, str] | None = None,
                 files: Mapping[str, str] | None = None,
                 callgrind: bool = False, cores: str | None = None) -> None:
        self.mpm = mpm
        self.callgrind = callgrind
        self.cores = cores
        self.root = Path(tempfile.mkdtemp(prefix="mp-bench-"))
        self.root.chmod(0o755)
        self.docroot = self._directory("htdocs")
        self.handlers = self._directory("handlers")
        self.var = self._directory("var", writable=True)
        shutil.copytree(HANDLERS, self.handlers, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in (files or {}).items():
            self._write(self.docroot / name, text)
        self._installation = Installation.find()
        self._workers = conf.Workers(children, threads,
                                     max_children=max(children, threads))
        self._ports = {0: free_port()}
        self._environ = {
            "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            **{name: os.environ[name] for name in ["LD_LIBRARY_PATH"]
               if name in os.environ}, **(environ or {})}
        self._environ["PYTHONPATH"] = os.pathsep.join(filter(None, [
            str(self.handlers), self._environ.get("PYTHONPATH", "")]))
        self._process: subprocess.Popen[bytes] | None = None
        self._write_config(config, build, load, modules)

    def _directory(self, name: str, writable: bool = False) -> Path:
        path = self.root / name
        path.mkdir()
        path.chmod(0o755)
        if writable:
            os.chown(path, *conf.owner())
        return path

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)

    def _write_config(self, config: str, build: Build | None,
                      load: Iterable[str], modules: Iterable[str]) -> None:
        for n in range(1, 10):
            if f"${{PORT{n}}}" in config:
                self._ports[n] = free_port()
        lines = [self._installation.load(name) for name
                 in (f"mpm_{self.mpm}", *MODULES, *modules)]
        lines += [f'LoadModule baseline_module "{baseline.module()}"', *load]
        if build:
            lines.append(f'LoadModule python_module "{build.module}"')
        user = conf.run_user()
        if user:
            lines += [f"User {user[0]}", f"Group {user[1]}"]
        lines += [f"Define {name} {value}" for name, value in conf.defines(
            self.root, self.mpm, self._ports).items()]
        lines += [f"Listen 127.0.0.1:{port}" for port in self._ports.values()]
        lines += self._workers.directives(self.mpm)
        lines += [
            f'ServerRoot "{self.root}"', "ServerName localhost",
            'DocumentRoot "${DOCROOT}"', 'DefaultRuntimeDir "${ROOT}/var"',
            'PidFile "${ROOT}/httpd.pid"', 'ErrorLog "${ROOT}/error.log"',
            "KeepAlive On", "MaxKeepAliveRequests 0", "KeepAliveTimeout 60",
            "Timeout 300", "<Directory />", "    Require all granted",
            "    AllowOverride None", "</Directory>",
            baseline.location(COUNT, "SetHandler baseline-count"), config]
        self._config = self.root / "httpd.conf"
        self._write(self._config, "\n".join(lines) + "\n")

    # -- life -------------------------------------------------------------

    def __enter__(self) -> Server:
        command = [self._installation.httpd, "-d", str(self.root),
                   "-f", str(self._config)]
        if self.callgrind:
            command = [
                "valgrind", "--tool=callgrind", "--instr-atstart=no",
                f"--callgrind-out-file={self.var}/callgrind.%p",
                "--compress-strings=no", "-q", *command, "-X"]
        else:
            command.append("-DFOREGROUND")
        if self.cores is not None:
            command = ["taskset", "-c", self.cores, *command]
        # a session: httpd signals its whole process group when it stops
        with open(self.root / "stderr.log", "ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd=self.root, start_new_session=True,
                env=self._environ)
        try:
            wait_until(self._is_ready, 120, "httpd is ready")
        except BaseException:
            self.stop()
            raise
        return self

    def _is_ready(self) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            raise ServerError("httpd does not start:\n" + self.log())
        return accepts(self._ports[0])

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it and removes its files."""
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            for pid in proc.session(process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait()
        self._process = None
        shutil.rmtree(self.root, ignore_errors=True)

    # -- looking at it ----------------------------------------------------

    def log(self) -> str:
        """What it has said so far."""
        return "".join(
            path.read_text(errors="replace") for path in
            (self.root / "stderr.log", self.root / "error.log")
            if path.is_file())

    def port(self, n: int = 0) -> int:
        return self._ports[n]

    def url(self, path: str, n: int = 0) -> str:
        return f"http://127.0.0.1:{self._ports[n]}{path}"

    def pid(self) -> int:
        assert self._process is not None, "not running"
        return self._process.pid

    def children(self) -> list[int]:
        """The processes that serve requests."""
        return [one.pid for one in proc.children(self.pid())]

    def connect(self, n: int = 0) -> Client:
        return Client(self, n)

    def get(self, path: str) -> bytes:
        """One answer's body; raises unless its status is 200."""
        with self.connect() as client:
            return client.send(request(path))


def request(path: str, headers: str = "", body: bytes = b"",
            method: str = "") -> bytes:
    """A request as bytes; headers are whole lines, each with its \\r\\n."""
    method = method or ("POST" if body else "GET")
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}"
    return head.encode() + b"\r\n" + body


class Client:
    """A connection that is kept alive."""

    def __init__(self, server: Server, n: int = 0) -> None:
        self._server = server
        self._socket = socket.create_connection(
            ("127.0.0.1", server.port(n)), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes, status: int = 200) -> bytes:
        """Sends a request; returns the body of the answer."""
        self._socket.sendall(data)
        first = self._file.readline()
        if first[:9] != b"HTTP/1.1 " or int(first[9:12]) != status:
            raise ServerError(f"{data.splitlines()[0]!r} is answered by "
                              f"{first!r}\n{self._server.log()}")
        length, chunked = 0, False
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            chunked |= name.lower() == b"transfer-encoding"
        if not chunked:
            return self._file.read(length)
        body = b""
        while size := int(self._file.readline(), 16):
            body += self._file.read(size)
            self._file.readline()
        self._file.readline()
        return body
