# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Links between the pages of the documentation lead somewhere, and the table
of contents knows all pages. (make html checks the same with Sphinx.)"""
from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
PAGES = [*sorted(TOP.glob("*.md")), *sorted(DOCS.rglob("*.md")),
         *sorted((TOP / "examples").rglob("*.md"))]

FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def text_of(path: Path) -> str:
    """Without blocks of code, which have brackets of their own."""
    return FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """As GitHub names headings."""
    found: set[str] = set()
    for heading in HEADING.findall(text_of(path)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 0
        while (name if not number else f"{name}-{number}") in found:
            number += 1
        found.add(name if not number else f"{name}-{number}")
    return found


@pytest.mark.parametrize("path", PAGES, ids=[str(p.relative_to(TOP)) for p in PAGES])
def test_links(path: Path) -> None:
    problems = []
    for link in LINK.findall(text_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            problems.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors(target):
            problems.append(f"{link}: there is no such heading")
    assert not problems, "\n".join(problems)


def test_anchors() -> None:
    assert {"what-it-is-about", "read"} <= anchors(DOCS / "api" / "request.md")
    assert "mp0400" in anchors(DOCS / "errors.md")
