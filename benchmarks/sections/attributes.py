# SPDX-License-Identifier: Apache-2.0
"""Members of req and its tables, a tenth of a loop included."""
from __future__ import annotations

from ..baseline import python
from ..bench import Bench
from ..callgrind import count
from ..handlers.bench_attributes import AT_ONCE, STATEMENTS

TITLE = "Attributes of req"

TARGETS = {
    "server": 85, "connection": 85, "headers_in": 85, "status": 300,
    "bytes_sent": 300, "method": 680, "uri": 680, "filename": 680,
    "header": 1200, "get": 1200, "set": 1500,
}
TURNS = 100


def measure(bench: Bench) -> None:
    if bench.quick:
        return
    config = python("/a", "bench_attributes")
    with bench.server(config, callgrind=True) as server:
        for name, statement in STATEMENTS.items():
            few, many = (
                count(server, f"/a?{name}={turns}", requests=20)
                for turns in (TURNS, 2 * TURNS))
            bench.add(f"`{statement}`", (many - few) / TURNS / AT_ONCE,
                      at_most=TARGETS.get(name))
