# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.status: what the interpreters of all child
processes do, for people, programs and Prometheus.

The numbers are counted in memory that all children share, from the last start
or restart of httpd on; see src/runtime/stats.h.
"""

from __future__ import annotations

import os
import time
from typing import Any

import _apache

from mod_python import apache, util

TYPES = {
    "html": "text/html; charset=UTF-8",
    "json": "application/json",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


def handler(req: Any) -> int:
    """The content handler. ?format=json or openmetrics, or the Accept header,
    chooses; without either it is a page of HTML."""
    if req.method not in ("GET", "HEAD"):
        req.allow_methods(["GET", "HEAD"], 1)
        raise apache.SERVER_RETURN(apache.HTTP_METHOD_NOT_ALLOWED)
    kind = _kind(req)
    state = collect()
    if kind == "json":
        import json

        text = json.dumps(state) + "\n"
    elif kind == "openmetrics":
        text = openmetrics(state)
    else:
        from mod_python import _status_page

        text = _status_page.page(state)
    req.content_type = TYPES[kind]
    req.headers_out["Cache-Control"] = "no-store"
    req.write(text, 0)
    return int(apache.OK)


def _kind(req: Any) -> str:
    wanted = util.parse_qs(req.args or "").get("format", [""])[0]
    if wanted in TYPES:
        return str(wanted)
    if wanted:
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST)
    accept = req.headers_in.get("Accept", "").lower()
    if "openmetrics-text" in accept:
        return "openmetrics"
    return "json" if "application/json" in accept else "html"


def collect() -> dict[str, Any]:
    """All that is known: ``time``, and ``processes``, a list of dicts with
    ``pid``, ``memory_bytes`` (None where it cannot be known) and
    ``interpreters``, as _apache._stats() gives them."""
    processes: dict[int, dict[str, Any]] = {}
    for row in _apache._stats():
        pid = row.pop("pid")
        process = processes.setdefault(
            pid, {"pid": pid, "memory_bytes": _memory(pid), "interpreters": []}
        )
        process["interpreters"].append(row)
    for process in processes.values():
        process["interpreters"].sort(key=lambda row: (row["name"], row["instance"]))
    return {
        "time": time.time(),
        "mod_python": apache.mp_version,
        "processes": [processes[pid] for pid in sorted(processes)],
    }


def _memory(pid: int) -> int | None:
    """Resident memory, bytes."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


# name, type, help, key of a row
METRICS = (
    ("requests", "counter", "Requests that a handler has seen.", "requests"),
    ("errors", "counter", "Exceptions and wrong results of handlers.", "errors"),
    ("run_seconds", "counter", "Time in handlers.", "run_seconds"),
    ("wait_seconds", "counter", "Time waited for the GIL to begin.", "wait_seconds"),
    ("modules_loaded", "counter", "Modules the importer has loaded.", "loads"),
    ("modules_reloaded", "counter", "Modules that replaced an older one.", "reloads"),
    ("busy_threads", "gauge", "Threads inside, or waiting for the GIL.", "busy"),
    ("threads", "gauge", "Threads that have been inside.", "threads"),
)


def openmetrics(state: dict[str, Any]) -> str:
    """The state as OpenMetrics text."""
    lines = []
    rows = [
        (process["pid"], row)
        for process in state["processes"]
        for row in process["interpreters"]
    ]
    for name, kind, text, key in METRICS:
        full = f"mod_python_{name}"
        lines += [f"# TYPE {full} {kind}", f"# HELP {full} {text}"]
        suffix = "_total" if kind == "counter" else ""
        lines += [f"{full}{suffix}{_labels(pid, row)} {row[key]}" for pid, row in rows]
    lines += ["# TYPE mod_python_memory_bytes gauge",
              "# HELP mod_python_memory_bytes Resident memory of a child."]
    lines += [
        f'mod_python_memory_bytes{{pid="{process["pid"]}"}} {process["memory_bytes"]}'
        for process in state["processes"]
        if process["memory_bytes"] is not None
    ]
    return "\n".join([*lines, "# EOF", ""])


def _labels(pid: int, row: dict[str, Any]) -> str:
    name = row["name"].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    name = name.encode("utf-8", "replace").decode()
    gil = "own" if row["own_gil"] else "shared"
    return (f'{{pid="{pid}",interpreter="{name}",instance="{row["instance"]}",'
            f'gil="{gil}"}}')
