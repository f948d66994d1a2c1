# SPDX-License-Identifier: Apache-2.0
"""A server root: directories, ports and files a test puts there."""
from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import conf
from .build import Build
from .install import Installation
from .tools import free_port

HANDLER_SOURCES = Path(__file__).resolve().parents[1] / "handlers"

# What httpd itself must see; nothing else of our environment reaches it.
PASSED_ON = ("PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


class Env:
    """The files of one server, and what its configuration is made of."""

    def __init__(self, installation: Installation, mpm: str,
                 build: Build | None, name: str = "server") -> None:
        self.installation = installation
        self.mpm = mpm
        self.build = build  # None: without mod_python
        self.modules: list[str] = []  # beyond conf.MODULES
        self.workers = conf.Workers()
        self.environ: dict[str, str] = {}
        self.defines: list[str] = []  # for -D
        # not pytest's tmp_path: the children must be able to read it
        self.root = Path(tempfile.mkdtemp(prefix=f"mp-{name}-"))
        self._ports: dict[int, int] = {}
        self._make_root()

    def _make_root(self) -> None:
        self.root.chmod(0o755)
        for name in ("conf", "logs", "htdocs", "handlers"):
            self.directory(name)
        # written by the children: sockets, reports, files of tests
        for name in ("run", "sanitizer", "var"):
            self.directory(name, writable=True)
        self._put(self.root / "conf" / "mime.types", conf.MIME_TYPES)
        self.environ["PYTHONPATH"] = str(self.handlers)
        # no __pycache__, so that a test sees files come and go
        self.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        self.copy_handlers("mptest")
        self.port(0)

    @property
    def docroot(self) -> Path:
        return self.root / "htdocs"

    @property
    def handlers(self) -> Path:
        """On sys.path of every interpreter, by PYTHONPATH."""
        return self.root / "handlers"

    @property
    def var(self) -> Path:
        """The children may write here."""
        return self.root / "var"

    def port(self, n: int = 0) -> int:
        """The n-th port, ${PORTn} in the configuration."""
        if n not in self._ports:
            port = free_port()
            while port in self._ports.values():  # nobody listens there yet
                port = free_port()
            self._ports[n] = port
        return self._ports[n]

    def url(self, path: str = "/", n: int = 0) -> str:
        return f"http://127.0.0.1:{self.port(n)}{path}"

    @staticmethod
    def _put(path: Path, content: str | bytes, mode: int = 0o644) -> Path:
        path.write_bytes(content.encode() if isinstance(content, str)
                         else content)
        path.chmod(mode)
        return path

    def directory(self, name: str, writable: bool = False) -> Path:
        """Makes a directory, relative to the server root."""
        path = self.root / name
        for one in (*reversed(path.parents), path):
            if not one.exists():
                one.mkdir()
                one.chmod(0o755)
        if writable:
            os.chown(path, *conf.owner())
        return path

    def write(self, name: str, content: str | bytes,
              mode: int = 0o644) -> Path:
        """Writes a file, relative to the document root (or absolute)."""
        path = self.docroot / name
        self.directory(str(path.parent))
        return self._put(path, content, mode)

    def cgi(self, name: str, script: str) -> Path:
        """Writes an executable script, relative to the document root."""
        return self.write(name, script, 0o755)

    def copy_handlers(self, name: str) -> None:
        """Copies tests/handlers/<name>.py and/or the directory <name>."""
        file = HANDLER_SOURCES / f"{name}.py"
        if file.is_file():
            self._put(self.handlers / file.name, file.read_bytes())
        tree = HANDLER_SOURCES / name
        if tree.is_dir():
            for source in sorted(tree.rglob("*")):
                if source.is_file() and "__pycache__" not in source.parts:
                    place = source.relative_to(HANDLER_SOURCES)
                    self.write(str(self.handlers / place),
                               source.read_bytes(),
                               0o755 if os.access(source, os.X_OK) else 0o644)

    def httpd_environ(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The environment httpd is started with."""
        kept = {name: os.environ[name] for name in PASSED_ON
                if name in os.environ}
        # messages of the C library are looked at; they must be in English
        return {**kept, "LC_ALL": "C.UTF-8", **self.environ, **extra}

    def write_config(self, text: str, name: str = "httpd") -> Path:
        """Writes the configuration; text is the test's part of it."""
        for n in range(10):
            if f"${{PORT{n}}}" in text:
                self.port(n)
        load_lines = conf.loads(self.installation, self.mpm, self.modules)
        if self.build:
            load_lines.append(
                f'LoadModule python_module "{self.build.module}"')
        include = self._put(self.root / "conf" / f"{name}-test.conf", text)
        return self._put(
            self.root / "conf" / f"{name}.conf",
            conf.base(self.root, self.mpm, self.workers, self._ports,
                      load_lines, include))

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
