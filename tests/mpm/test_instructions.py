# SPDX-License-Identifier: Apache-2.0
"""What a request costs in instructions, which are the same on any machine,
however busy: see benchmarks/README.md and docs/performance.md."""
from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from harness import sanitizer
from harness.build import SOURCE
from harness.servers import Servers

# No more than this over a C handler, or over httpd without the module. The
# targets are those of benchmarks/sections; where one is not reached yet, this
# keeps what was reached (docs/performance.md).
LIMITS = {
    'req.write(b"...", 0) over C': 2200,
    'req.write("...") over C': 3400,  # the flusher ticks in it too
    "a request of others over httpd without mod_python": 225,
    "each of ten further phases": 1550,
    "a handler in .htaccess, without what C pays too": 500,
    "WSGI hello over C": 9_200,
    "a page of 100 rows over the faster handler by hand": 1.3,
    "output filter that passes on, a file of 10 kB": 3800,
    "output filter that reads and writes it": 6500,
}


@pytest.fixture(scope="module")
def bench(servers: Servers) -> Iterator[Any]:
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    if sanitizer.wanted():
        pytest.skip("a sanitizer's instructions count too")
    build = servers.build()
    if build.python_version() != "3.11":
        pytest.skip("the limits are those of CPython 3.11")
    sys.path.insert(0, str(SOURCE))
    try:
        yield importlib.import_module("benchmarks.bench").Bench(build, True)
    finally:
        sys.path.remove(str(SOURCE))
        importlib.import_module("benchmarks.baseline").forget()


@pytest.mark.mpm("prefork")  # it is what callgrind looks at
@pytest.mark.parametrize("name", ["hello", "pages", "wsgi", "streams"])
def test_instructions(bench: Any, name: str) -> None:
    before = len(bench.figures)
    importlib.import_module(f"benchmarks.sections.{name}").measure(bench)
    figures = {one.title: one.value for one in bench.figures[before:]}
    limits = {title: limit for title, limit in LIMITS.items()
              if title in figures}
    assert limits, list(figures)
    over = {title: figures[title] for title, limit in limits.items()
            if figures[title] > limit}
    assert not over
