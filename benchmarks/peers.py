# SPDX-License-Identifier: Apache-2.0
"""Other modules that run Python (or Lua) in httpd, each for an httpd of its
own. They are fetched from the package registries into a directory that is
kept; nothing is installed on the system."""
from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from harness.install import Installation, SetupError


@dataclass(frozen=True)
class Peer:
    """What an httpd needs to run it."""

    name: str
    load: tuple[str, ...]  # LoadModule lines
    environ: dict[str, str] = field(default_factory=dict)


def _directory() -> Path:
    """Where they are kept, readable by httpd's children."""
    base = os.environ.get("MP_BENCH_CACHE")
    path = (Path(base) if base else
            Path(tempfile.gettempdir(), f"mp-peers-{os.getuid()}"))
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    return path


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, text=True, umask=0o022,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)}:\n{done.stdout}")


def _once(name: str, *commands: tuple[str, ...]) -> Path:
    """A directory that the commands fill, in it, unless that was done."""
    path = _directory() / name
    if not path.is_dir():
        # its own directory: somebody else may do the same at the moment
        unfinished = Path(tempfile.mkdtemp(".new", f"{name}-", _directory()))
        try:
            for command in commands:
                _run(*command, cwd=unfinished)
            unfinished.chmod(0o755)
            if not path.is_dir():
                unfinished.rename(path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return path


def _debian(*packages: str) -> Path:
    if not shutil.which("apt-get"):
        raise SetupError(f"{packages[0]} is a package of Debian")
    return _once(packages[0], ("apt-get", "download", *packages),
                 ("sh", "-c", "for deb in *.deb; do dpkg -x $deb .; done"))


def _one(root: Path, pattern: str) -> Path:
    found = sorted(path for path in root.rglob(pattern)
                   if path.is_file() and not path.is_symlink())
    if not found:
        raise SetupError(f"no {pattern} in {root}")
    return found[0]


@functools.cache
def mod_wsgi_debian() -> Peer:
    """mod_wsgi 4.9.4 of Debian 12, embedded mode."""
    root = _debian("libapache2-mod-wsgi-py3")
    module = _one(root, "mod_wsgi.so*")
    return Peer("mod_wsgi (Debian)", (f'LoadModule wsgi_module "{module}"',))


@functools.cache
def mod_wsgi_pypi() -> Peer:
    """The newest mod_wsgi of PyPI, built for the Python that runs this."""
    version = "%d.%d" % sys.version_info[:2]
    root = _once(f"mod_wsgi-{version}", (
        sys.executable, "-m", "pip", "install", "--quiet", "--target", ".",
        "--no-compile", "mod_wsgi"))
    module = _one(root, "mod_wsgi-py*.so")
    return Peer("mod_wsgi (PyPI)", (f'LoadModule wsgi_module "{module}"',))


@functools.cache
def frameworks() -> Path:
    """A directory with Flask and Django, to run in any of them."""
    version = "%d.%d" % sys.version_info[:2]
    return _once(f"frameworks-{version}", (
        sys.executable, "-m", "pip", "install", "--quiet", "--target", ".",
        "--no-compile", "Flask>=3,<4", "Django>=5.2,<6"))


@functools.cache
def mod_python_old() -> Peer:
    """mod_python 3.5 of Debian 12."""
    root = _debian("libapache2-mod-python")
    module = _one(root, "mod_python.so")
    packages = _one(root, "mod_python/__init__.py").parents[1]
    return Peer("mod_python 3.5 (Debian)",
                (f'LoadModule python_module "{module}"',),
                {"PYTHONPATH": str(packages)})


@functools.cache
def mod_lua() -> Peer:
    """httpd's own mod_lua."""
    return Peer("mod_lua", (Installation.find().load("lua"),))
