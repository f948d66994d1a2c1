# SPDX-License-Identifier: Apache-2.0
"""Shows where the instructions of a request go: python3 -m benchmarks.profile
'PythonHandler bench_hello' (further arguments: lines of the same Location)."""
from __future__ import annotations

import sys

from harness.build import Build

from . import baseline
from .callgrind import profile
from .server import Server


def main() -> None:
    build = Build.find() or Build.make()
    config = baseline.location("/it", "SetHandler mod_python", *sys.argv[1:])
    try:
        with Server(config, build=build, callgrind=True) as server:
            print(profile(server, "/it"), end="")
    finally:
        baseline.forget()
        build.remove()


if __name__ == "__main__":
    main()
