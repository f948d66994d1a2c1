# SPDX-License-Identifier: Apache-2.0
"""What a section of the benchmarks is given."""
from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.build import Build
from harness.install import Installation

from .figures import Bar, Figure
from .peers import Peer
from .server import Server
from .wrk import PAIRS, Load, ratio


@dataclass
class Bench:
    """The build to measure, and where figures go.

    quick: instruction counts only, and only those that CI looks at.
    """

    build: Build
    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def mpms(self) -> list[str]:
        return Installation.find().mpms()

    def add(self, title: str, value: float, unit: str = "instructions", *,
            at_most: float | None = None,
            at_least: float | None = None) -> None:
        """Notes a figure and shows it."""
        figure = Figure(title, value, unit, at_most, at_least)
        self.figures.append(figure)
        mark = "" if figure.good else "   MISSED"
        print(f"  {title}: {value:.4g} {unit} {figure.target()}{mark}",
              file=sys.stderr, flush=True)

    def server(self, config: str, **more: Any) -> Server:
        """An httpd with our module, see Server."""
        return Server(config, build=self.build, **more)

    def peer(self, peer: Peer, config: str, *, load: Iterable[str] = (),
             **more: Any) -> Server:
        """An httpd with another module in place of ours."""
        environ = {**peer.environ, **more.pop("environ", {})}
        return Server(config, load=(*peer.load, *load), environ=environ,
                      **more)

    def ratio(self, url: str, other: str, load: Load | None = None) -> float:
        """Throughput of a URL in parts of another's: the median of pairs."""
        return ratio(url, other, load or Load(), PAIRS)
