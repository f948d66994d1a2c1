# SPDX-License-Identifier: Apache-2.0
"""The module under test: found in MP_BUILD, or built for this session."""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import conf
from .install import SetupError

SOURCE = Path(__file__).resolve().parents[2]


def _runs_for_children(python: str) -> bool:
    """Can the user that httpd's children run as use this Python?"""
    names = conf.run_user()
    user, group = names or (None, None)
    try:
        return subprocess.run(
            [python, "-c", "import encodings"], cwd="/", user=user,
            group=group, extra_groups=[] if names else None,
            capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


@functools.cache
def python_to_embed() -> str:
    """The Python a build of ours uses."""
    candidates = [os.environ.get("MP_PYTHON"), sys.executable,
                  "/usr/bin/python3"]
    for python in filter(None, candidates):
        if _runs_for_children(python):
            return python
        if python == candidates[0]:
            break
    raise SetupError(
        f"{python}: the children of httpd cannot run it; name another "
        "Python in MP_PYTHON")


@dataclass(frozen=True)
class Build:
    """A directory with the package mod_python and mod_python.so in it."""

    directory: Path
    temporary: bool = False

    @property
    def module(self) -> Path:
        return self.directory / "mod_python" / "mod_python.so"

    @classmethod
    def find(cls) -> Build | None:
        """The build named in MP_BUILD, if it is set."""
        named = os.environ.get("MP_BUILD")
        if not named:
            return None
        build = cls(Path(named).resolve())
        if not build.module.is_file():
            raise SetupError(f"MP_BUILD: there is no {build.module}")
        return build

    @classmethod
    def make(cls) -> Build:
        """Builds into a directory of its own, never into the sources."""
        directory = Path(tempfile.mkdtemp(prefix="mp-build-"))
        directory.chmod(0o755)  # the children of httpd read it
        target = directory / "lib"
        environment = dict(os.environ, MP_BUILD_BASE=str(directory / "base"))
        done = subprocess.run(
            [python_to_embed(), "setup.py", "-q", "build",
             "--build-lib", str(target)],
            cwd=SOURCE, env=environment, text=True, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            shutil.rmtree(directory)
            raise SetupError("mod_python does not build:\n" + done.stdout)
        return cls(target, temporary=True)

    def remove(self) -> None:
        if self.temporary:
            shutil.rmtree(self.directory.parent)

    def python_version(self) -> str:
        """"3.12" of the libpython the module is linked with."""
        found = re.search(rb"libpython(3\.\d+\w*)\.so",
                          self.module.read_bytes())
        return found.group(1).decode() if found else "?"

    def has_python(self, *version: int) -> bool:
        """Is the Python of this build that version or a newer one?"""
        return version <= tuple(
            map(int, re.findall(r"\d+", self.python_version())))

    def needs_python(self, major: int, minor: int, what: str) -> None:
        """Skips the test or module when this build's Python is older."""
        if not self.has_python(major, minor):
            pytest.skip(f"{what}: needs CPython {major}.{minor}, this is "
                        f"{self.python_version()}")
