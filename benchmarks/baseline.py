# SPDX-License-Identifier: Apache-2.0
"""The C module that handlers are compared with, and what it writes."""
from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.install import SetupError

SOURCE = Path(__file__).resolve().parent / "c" / "mod_baseline.c"


@functools.cache
def module() -> Path:
    """mod_baseline.so, built once in a process."""
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if not apxs:
        raise SetupError("apxs is missing (Debian: apt-get install "
                         "apache2-dev)")
    # not beside the source: apxs writes where the source is
    directory = Path(tempfile.mkdtemp(prefix="mp-baseline-"))
    shutil.copy(SOURCE, directory)
    done = subprocess.run(
        [apxs, "-c", "-Wc,-O2", "-Wc,-Wall", SOURCE.name], cwd=directory,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SetupError("mod_baseline does not build (Debian: apt-get "
                         "install valgrind):\n" + done.stdout)
    return directory / ".libs" / "mod_baseline.so"


def forget() -> None:
    """Removes the build, if there is one."""
    if module.cache_info().currsize:
        shutil.rmtree(module().parents[1], ignore_errors=True)
        module.cache_clear()


def location(path: str, *lines: str) -> str:
    """A Location block. Each costs every request about a hundred
    instructions: compare URLs of one server, or servers with the same number.
    """
    body = "".join(f"    {line}\n" for line in lines)
    return f"<Location \"{path}\">\n{body}</Location>\n"


def writes(path: str, size: int = 13, pieces: int = 1,
           flush: bool = False) -> str:
    """A Location whose answer C writes: pieces times size bytes."""
    return location(path, "SetHandler baseline",
                    f"BaselineWrite {size} {pieces}"
                    + (" flush" if flush else ""))


def python(path: str, handler: str, *more: str) -> str:
    """A Location with a PythonHandler (of the directory handlers)."""
    return location(path, "SetHandler mod_python",
                    f"PythonHandler {handler}", *more)
