# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Finds an httpd on this machine, its modules and what is built into it.

For the command, for mod_python.testing and for our own tests.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mod_python import version

MPMS = ("prefork", "worker", "event")

# Not all installations put the daemon where a user's PATH looks.
SYSTEM_PATH = ["/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin"]


class SetupError(Exception):
    """Something the tests need is missing on this machine."""


def _which(*names: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_PATH])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def _output(*command: str) -> str:
    """What a command prints, '' if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=30)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Installation:
    """One httpd on this machine."""

    httpd: str
    modules_dir: Path

    @classmethod
    @functools.cache  # our tests ask for each of them, and apxs is slow
    def find(cls, httpd: str | None = None) -> Installation:
        """The httpd given, else that of HTTPD, of the build, of apxs, of PATH.

        Raises SetupError where there is none.
        """
        wanted = httpd or os.environ.get("HTTPD")
        built_for = None if wanted or os.environ.get("APXS") else cls._of_build()
        if built_for:
            return built_for
        apxs = cls._apxs(wanted)
        program = wanted or cls._of_apxs(apxs) or _which("apache2", "httpd")
        if not program or not os.access(program, os.X_OK):
            raise SetupError(
                f"{program or 'httpd'} cannot be run: install httpd (Debian: apt-get "
                "install apache2-bin), or name it with --httpd or HTTPD"
            )
        return cls(program, cls._modules(apxs, program))

    @classmethod
    def _of_build(cls) -> Installation | None:
        """What mod_python was built for: nothing needs to be asked."""
        directory = Path(version.LIBEXECDIR or ".")
        if not os.access(version.HTTPD or ".", os.X_OK) or not version.HTTPD:
            return None
        return cls(version.HTTPD, directory) if version.LIBEXECDIR else None

    @functools.cached_property
    def version(self) -> str:
        """Such as 2.4.66."""
        found = re.search(r"Apache/(\S+)", _output(self.httpd, "-v"))
        if not found:
            raise SetupError(f"{self.httpd} is not an Apache httpd")
        return found.group(1)

    @functools.cached_property
    def built_in(self) -> frozenset[str]:
        """Names as in LoadModule, without _module; an MPM is mpm_event."""
        names = re.findall(
            r"^\s+(?:mod_)?(\w+)\.c$", _output(self.httpd, "-l"), re.MULTILINE
        )
        return frozenset(f"mpm_{name}" if name in MPMS else name for name in names)

    @staticmethod
    def _apxs(httpd: str | None) -> str | None:
        """The apxs that belongs to this httpd, if it has one beside it."""
        named = os.environ.get("APXS")
        if named:
            return named
        if httpd:
            for place in ("apxs", "../bin/apxs"):
                beside = Path(httpd).parent / place
                if beside.is_file():
                    return str(beside)
        return _which("apxs", "apxs2")

    @staticmethod
    def _of_apxs(apxs: str | None) -> str | None:
        if not apxs:
            return None
        directory = _output(apxs, "-q", "SBINDIR")
        for query in ("PROGNAME", "TARGET"):
            program = Path(directory, _output(apxs, "-q", query) or ".")
            if directory and program.is_file():
                return str(program)
        return None

    @staticmethod
    def _modules(apxs: str | None, httpd: str) -> Path:
        places = [Path(httpd).parent.parent / "modules",
                  Path("/usr/lib/apache2/modules")]
        if apxs:
            places.insert(0, Path(_output(apxs, "-q", "LIBEXECDIR") or "."))
        for place in places:
            if any(place.glob("mod_*.so")):
                return place
        raise SetupError(f"no modules of {httpd} found; name its apxs in APXS")

    def mpms(self) -> list[str]:
        """The MPMs it can run."""
        fixed = [mpm for mpm in MPMS if f"mpm_{mpm}" in self.built_in]
        return fixed or [mpm for mpm in MPMS if self.has(f"mpm_{mpm}")]

    def path(self, name: str) -> Path:
        return self.modules_dir / f"mod_{name}.so"

    def has(self, name: str) -> bool:
        """Can this module (named without "mod_") be used?"""
        return name in self.built_in or self.path(name).is_file()

    def load(self, name: str) -> str:
        """The LoadModule line for a module, '' for one that is built in."""
        if name in self.built_in:
            return ""
        if not self.has(name):
            raise SetupError(f"{self.httpd} has no mod_{name}")
        return f'LoadModule {name}_module "{self.path(name)}"'


def own_module() -> Path:
    """The mod_python.so of this package, which httpd loads."""
    return Path(__file__).resolve().with_name("mod_python.so")
