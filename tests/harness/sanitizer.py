# SPDX-License-Identifier: Apache-2.0
"""Running an httpd that loads a module built with sanitizers.

httpd itself is not instrumented, so the runtime library must be preloaded.
MP_SANITIZE is what the module was built with, e.g. "address,undefined";
MP_LEAKS=1 also looks for leaks when processes end. MP_VALGRIND=1 runs any
build under valgrind's memcheck instead.
"""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from .build import SOURCE
from .tools import VALGRIND

NEAR = 8


def wanted() -> str:
    return os.environ.get("MP_SANITIZE", "")


def slowdown() -> float:
    """What deadlines are multiplied with."""
    return 4.0 if wanted() else 1.0


def command(directory: Path) -> list[str]:
    """What stands before the name of httpd; reports go into the directory."""
    if not VALGRIND:
        return []
    return ["valgrind", "--quiet", "--num-callers=30", "--error-limit=no",
            "--track-origins=yes",
            "--fullpath-after=", f"--log-file={directory}/valgrind.%p"]


def _library(name: str) -> str:
    compiler = os.environ.get("CC", "gcc").split()[0]
    return subprocess.run([compiler, f"-print-file-name={name}"], check=True,
                          capture_output=True, text=True).stdout.strip()


def environ(directory: Path) -> dict[str, str]:
    """What httpd's environment needs; reports go into the directory."""
    kinds = wanted().split(",") if wanted() else []
    if VALGRIND:
        return {"PYTHONMALLOC": "malloc"}
    if not kinds:
        return {}
    libraries = [_library(f"lib{short}.so") for kind, short in
                 (("address", "asan"), ("undefined", "ubsan"),
                  ("leak", "lsan"), ("thread", "tsan")) if kind in kinds]
    leaks = int(os.environ.get("MP_LEAKS") == "1")
    report = f"log_path={directory}/report:log_exe_name=1"
    options = {
        "ASAN_OPTIONS": f"detect_leaks={leaks}:abort_on_error=1:"
                        f"handle_abort=1:{report}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:{report}",
        # httpd and CPython leave things behind; that must not end a child
        "LSAN_OPTIONS": f"exitcode=0:print_suppressions=0:{report}",
        "TSAN_OPTIONS": report,
    }
    for name, value in options.items():
        if os.environ.get(name):
            options[name] = f"{value}:{os.environ[name]}"
    # pymalloc hides the ends of Python's objects from the sanitizer
    return {**options, "LD_PRELOAD": " ".join(libraries),
            "PYTHONMALLOC": "malloc"}


def only_our_leaks(report: str) -> str:
    """A leak report without the leaks of httpd and CPython, '' if no other
    is left; any other kind of report as it is."""
    if "LeakSanitizer" not in report:
        return report
    head, *leaks = re.split(r"(?m)^(?=(?:Direct|Indirect) leak of)", report)
    ours = [leak for leak in leaks if _is_ours(leak)]
    return head + "".join(ours) if ours else ""


def only_our_errors(report: str) -> str:
    """What memcheck says about our code: CPython and the C library have
    tricks of their own."""
    blocks = re.split(r"(?m)^==\d+== *\n", report)
    return "\n".join(block for block in blocks if _is_in_ours(block))


def _is_in_ours(block: str) -> bool:
    """Is ours among the innermost frames of one of its stacks: where it
    happened (Python code, too, runs below ours), then where the memory came
    from and where it went?"""
    stacks = re.split(r"(?m)^(?===\d+==    at 0x)", block)[1:]
    frames = [frame for number, stack in enumerate(stacks) for frame in
              re.findall(r"(?m)^==\d+==    (?:at|by) 0x.*",
                         stack)[:4 if number else 3]]
    return any(
        re.search(r"/src/(core|runtime|objects|dispatch)/|mod_python\.so",
                  frame) for frame in frames)


def _is_ours(leak: str) -> bool:
    """Did our code ask for it? All Python code runs below a frame of ours,
    so the innermost frames decide."""
    frames = re.findall(r"(?m)^ +#\d+ .*", leak)[:NEAR]
    return any("/mod_python.so" in frame or f" {SOURCE}/src/" in frame
               for frame in frames)


def reports(directory: Path) -> list[str]:
    """The texts of all reports, which are taken away."""
    texts = []
    for path in sorted(directory.glob("*")):
        text = path.read_text(errors="replace")
        text = only_our_errors(text) if VALGRIND else only_our_leaks(text)
        path.unlink()
        if text:
            texts.append(f"{path.name}:\n{text}")
    return texts
