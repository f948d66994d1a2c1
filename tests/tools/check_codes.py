# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Checks that docs/errors.md lists the codes the module logs, and no others."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
IN_C = re.compile(r"\b(?:MP_LOGNO\(|MP)(\d+)\b")
IN_TEXT = re.compile(r"\bMP(\d+)\b")


def uses() -> Iterator[tuple[str, str]]:
    """Every (code, place) in the sources."""
    places = [(path, IN_C) for path in (TOP / "src").rglob("*.[ch]")]
    places += [(path, IN_TEXT) for path in (TOP / "mod_python").rglob("*.py")]
    for path, pattern in sorted(places):
        text = path.read_text("utf-8")
        if pattern is IN_C:
            text = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            for code in pattern.findall(line):
                yield code, f"{path.relative_to(TOP)}:{number}"


def listed() -> Iterator[tuple[str, str]]:
    """Every (code, place) that errors.md, or a part of it in errors.d,
    explains: the headings and the first cells of table rows."""
    row = re.compile(r"^(?:#+ +|\| *)[`*]*MP(\d+)\b")
    for path in [*DOCS.glob("errors.md"), *sorted(DOCS.glob("errors.d/*.md"))]:
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            match = row.match(line)
            if match:
                yield match.group(1), f"{path.relative_to(TOP)}:{number}"


def main() -> int:
    used, known = dict(uses()), list(listed())
    problems = [
        f"{place}: MP{code} is not four digits"
        for code, place in used.items()
        if len(code) != 4
    ]
    explained: dict[str, str] = {}
    for code, place in known:
        if code in explained:
            problems.append(f"{place}: MP{code} stands at {explained[code]} too")
        explained[code] = place
    problems += [
        f"{used[code]}: MP{code} is not in docs/errors.md"
        for code in sorted(used.keys() - explained.keys())
    ]
    problems += [
        f"{explained[code]}: nothing logs MP{code}"
        for code in sorted(explained.keys() - used.keys())
    ]
    print("".join(f"{problem}\n" for problem in problems), end="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
