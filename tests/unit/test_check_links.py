# Licensed under the Apache License, Version 2.0; see LICENSE.
"""tests/tools/check_links.py finds broken links, and only those."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[1] / "tools" / "check_links.py"


def check(what: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, TOOL, what], capture_output=True,
                          text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_inside(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    page = tmp_path / "a.html"
    page.write_text('<a href="b.html#here">b</a><a href="#top">a</a><p id="top">'
                    '<a href="https://example.com/none">not here</a>')
    assert check(tmp_path)[0] == 0
    page.write_text('<a href="b.html#there">b</a><img src="c.png">')
    status, text = check(tmp_path)
    assert status == 1
    assert "b.html#there: there is no such place" in text
    assert "c.png: there is no such file" in text


def test_outside(tmp_path: Path) -> None:
    report = tmp_path / "output.json"

    def link(status: str, info: str) -> str:
        return json.dumps({"filename": "a.md", "lineno": 3, "status": status,
                           "uri": "https://example.com", "info": info}) + "\n"

    report.write_text(link("working", "") + link("timeout", "slow")
                      + link("broken", "(Caused by NameResolutionError(...))"))
    status, text = check(report)
    assert status == 0 and text.count("not reached") == 2
    report.write_text(link("broken", "404 Client Error: Not Found"))
    status, text = check(report)
    assert status == 1 and "a.md:3: https://example.com: 404" in text
