# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Checks the rules of the C sources that a text search can check.

Includes point down only, Python is entered in one place, no Python object in
a C global, no version test outside compat, no banned function, a comment for
every exported function. docs/internals and CONTRIBUTING.md give the reasons.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SRC = TOP / "src"
ROOMS = ["core", "runtime", "objects", "dispatch"]

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
DECLARATION = re.compile(r"^(?!typedef\b|#|\s)[\w\s*]*?\b(mp_\w+)\([^)]")

# what these do is the same everywhere
CONVENTIONAL = re.compile(
    r".*_(register_hooks|setup_type|(create|merge)_(dir|server))$"
)

THREADS = (
    r"\b(PyThreadState_\w+|PyEval_(?:Save|Restore|Acquire|Release)Thread)\b"
    r"|\bPyInterpreterState_(?:New|Delete|Clear)\b|\bPy_(?:New|End)Interpreter\b"
)

# (pattern, files where it is allowed, message)
PATTERNS = [
    (r"\bPyGILState_\w+", "", "PyGILState_* does not know sub-interpreters"),
    (THREADS, "runtime/.*", "thread states are handled in runtime/ only"),
    (r"\bPY_VERSION_HEX\b", r"runtime/compat\.[ch]",
     "version tests stand in runtime/compat.h only"),
    (r"\b(exit|v?sprintf|strtok|atoi|strcpy|strcat)\s*\(", "",
     "banned function"),
]  # fmt: skip
GLOBALS = re.compile(
    r"^(?:static\s+|extern\s+)*(?:PyTypeObject\s+\w+|PyObject\s*\*\s*\w+)"
    r"\s*(?:\[\w*\])?\s*(?:=|;)", re.MULTILINE
)  # fmt: skip

Finding = tuple[int, str]


def blank(match: re.Match[str]) -> str:
    """White space of the same shape, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def room_of(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def check_includes(name: str, text: str) -> Iterator[Finding]:
    room = room_of(name)
    if room not in ROOMS:
        return
    for match in INCLUDE.finditer(text):
        target, line = match.group(1), line_of(text, match.start())
        if room == "core" and Path(target).name == "Python.h":
            yield line, "core is plain C on APR, it must not include Python.h"
        other = room_of(target)
        if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
            yield line, f"{room} must not include {target}: includes point down"


def check_patterns(name: str, code: str) -> Iterator[Finding]:
    for pattern, allowed, message in PATTERNS:
        if not re.fullmatch(allowed, name):
            for match in re.finditer(pattern, code):
                yield line_of(code, match.start()), f"{match.group()}: {message}"


def at_file_level(code: str, offset: int) -> bool:
    before = code[:offset]
    return before.count("{") == before.count("}")


def check_globals(code: str) -> Iterator[Finding]:
    for match in GLOBALS.finditer(code):
        if at_file_level(code, match.start()):
            yield (
                line_of(code, match.start()),
                f"{match.group()}: no Python object or type in a C global",
            )


def check_comments(text: str) -> Iterator[Finding]:
    """A function needs a comment above it in its paragraph."""
    commented = inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() and not inside:
            commented = False
        match = None if inside else DECLARATION.match(line)
        if match and not commented and not CONVENTIONAL.match(match.group(1)):
            yield number, f"{match.group(1)} has no comment"
        if "/*" in line:
            inside = True
        if "*/" in line:
            inside, commented = False, True


def check_file(path: Path) -> Iterator[Finding]:
    name = path.relative_to(SRC).as_posix()
    text = path.read_text(encoding="utf-8")
    code = COMMENT_OR_STRING.sub(blank, text)
    yield from check_includes(name, text)
    yield from check_patterns(name, code)
    yield from check_globals(code)
    if path.suffix == ".h":
        yield from check_comments(text)


def main() -> int:
    found = 0
    for path in sorted(SRC.rglob("*.[ch]")):
        for line, message in sorted(check_file(path)):
            print(f"{path.relative_to(TOP)}:{line}: {message}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
