# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The HTML of mod_python.status: sums, and a table for each process,
with a bar where it helps to compare. Works without JavaScript."""

from __future__ import annotations

import html
import time
from typing import Any

_HEAD = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8">
<meta name="viewport" content="width=device-width">
<title>mod_python status</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em auto; padding: 0 1.5em;
       max-width: 80em; color: #222; background: #fff }
h1 { font-size: 1.5em; margin: 0 } h2 { font-size: 1.1em; margin: 1.5em 0 .3em }
h2 span { font-weight: normal }
dl { display: flex; flex-wrap: wrap; gap: .6em; margin: 1em 0 }
dl div { border: 1px solid #ddd; border-radius: 6px; padding: .4em 1em;
         display: flex; flex-direction: column-reverse }
dt { color: #666 } dd { margin: 0; font-size: 1.4em }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35em .6em; text-align: right; vertical-align: top;
         white-space: nowrap; border-bottom: 1px solid #ddd;
         font-variant-numeric: tabular-nums }
th { color: #666; font-weight: normal }
th:first-child, td:first-child { text-align: left }
svg { display: block; margin: .2em 0 0 auto }
.bad { color: #b00020; font-weight: bold }
.note { color: #666 }
@media (prefers-color-scheme: dark) {
body { background: #181818; color: #ddd }
th, td, dl div { border-color: #444 }
.bad { color: #ff6b81 } .note, dt, th { color: #999 } }
</style></head><body>
"""
_COLUMNS = ("interpreter", "GIL", "threads", "busy", "requests", "errors",
            "in handlers", "a request", "waiting", "modules", "reloads", "up")


def page(state: dict[str, Any]) -> str:
    """The whole page."""
    rows = [row for process in state["processes"] for row in process["interpreters"]]
    most = {key: max((row[key] for row in rows), default=0) or 1
            for key in ("requests", "run_seconds", "wait_seconds")}
    parts = [_HEAD, _sums(state, rows)]
    for process in state["processes"]:
        parts.append(_process(process, most, state["time"]))
    parts.append(
        '<p class="note">Counted since httpd was started or restarted. '
        '<a href="?format=json">JSON</a>, '
        '<a href="?format=openmetrics">OpenMetrics</a></p>\n</body></html>\n')
    return "".join(parts)


def _sums(state: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    def total(key: str) -> int:
        return sum(row[key] for row in rows)

    numbers = {
        "processes": len(state["processes"]),
        "interpreters": len(rows),
        "threads busy": total("busy"),
        "requests": total("requests"),
        "errors": _errors(total("errors")),
    }
    tiles = "".join(f"<div><dt>{name}</dt><dd>{number}</dd></div>"
                    for name, number in numbers.items())
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state["time"]))
    return (f"<h1>mod_python {html.escape(state['mod_python'])}</h1>\n"
            f'<p class="note">{when}</p>\n<dl>{tiles}</dl>\n')


def _errors(number: int) -> str:
    return f'<span class="bad">{number}</span>' if number else "0"


def _process(process: dict[str, Any], most: dict[str, float], now: float) -> str:
    memory = process["memory_bytes"]
    size = "" if memory is None else f", {memory / 2**20:.1f} MB"
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "".join(_row(row, most, now) for row in process["interpreters"])
    return (f'<h2>Process {process["pid"]}<span class="note">{size}</span></h2>\n'
            f'<div class="table"><table><tr>{head}</tr>\n{body}</table></div>\n')


def _row(row: dict[str, Any], most: dict[str, float], now: float) -> str:
    name = row["name"] + (f" /{row['instance']}" if row["instance"] else "")
    name = name.encode("utf-8", "backslashreplace").decode()
    each = row["run_seconds"] / row["requests"] * 1000 if row["requests"] else 0
    cells = (
        html.escape(name),
        "own" if row["own_gil"] else "shared",
        row["threads"],
        row["busy"],
        f"{row['requests']}{_bar(row['requests'] / most['requests'], '#3b7dd8')}",
        _errors(row["errors"]),
        f"{row['run_seconds']:.2f} s"
        + _bar(row["run_seconds"] / most["run_seconds"], "#3b9b57"),
        f"{each:.2f} ms",
        f"{row['wait_seconds']:.2f} s"
        + _bar(row["wait_seconds"] / most["wait_seconds"], "#d08a1d"),
        row["loads"],
        row["reloads"],
        _age(now - row["started"]),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _bar(part: float, colour: str) -> str:
    """A share of the largest of its column, which the number beside it tells."""
    return (f'<svg width="80" height="6" aria-hidden="true"><rect width="80" '
            f'height="6" fill="{colour}" opacity=".15"/><rect height="6" '
            f'width="{80 * part:.1f}" fill="{colour}"/></svg>')


def _age(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
