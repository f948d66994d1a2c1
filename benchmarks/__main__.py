# SPDX-License-Identifier: Apache-2.0
"""Runs the sections named, or all, and writes a table and a picture."""
from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from harness.build import Build
from harness.install import SetupError

from . import baseline, plot, sections
from .bench import Bench
from .figures import table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks", description=__doc__)
    parser.add_argument("section", nargs="*",
                        help="of benchmarks/sections (default: all)")
    parser.add_argument("--quick", action="store_true",
                        help="only the instruction counts that CI looks at")
    parser.add_argument("--output", type=Path, metavar="DIR",
                        help="write figures.md and throughput.svg there")
    return parser.parse_args()


def _names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(sections.__path__)]


def main() -> int:
    arguments = _arguments()
    build = Build.find() or Build.make()
    text = (f"CPython {build.python_version()}, callgrind under prefork, "
            "wrk on 127.0.0.1.\n")
    bench = Bench(build, arguments.quick)
    try:
        for name in arguments.section or _names():
            print(name, file=sys.stderr, flush=True)
            module = importlib.import_module(f".{name}", sections.__name__)
            before = len(bench.figures)
            try:
                module.measure(bench)
            except SetupError as error:  # e.g. no network for a peer
                bench.notes.append(f"{name} is not complete: {error}")
            if bench.figures[before:]:
                text += (f"\n### {module.TITLE}\n\n"
                         + table(bench.figures[before:]))
    finally:
        baseline.forget()
        build.remove()
    for note in bench.notes:
        text += f"\n{note}\n"
    print(text)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "figures.md").write_text(text)
        if bench.bars:
            (arguments.output / "throughput.svg").write_text(plot.svg(
                "Hello world: requests per second, C = 1", bench.bars))
    return 0 if all(figure.good for figure in bench.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
