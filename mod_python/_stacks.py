# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Where the threads of an interpreter were, for the log."""

from __future__ import annotations

import _apache

Calls = list[tuple[str, int, str]]  # file, line, function; the innermost first


def log(title: str, thread: int, stacks: list[tuple[int, Calls]]) -> None:
    """Logs stacks, pairs of a thread and its calls, each line after title; that
    of thread comes first."""
    for number, calls in sorted(stacks, key=lambda stack: stack[0] != thread):
        lines = [f"Thread {number:#018x} (most recent call first):"]
        lines += [
            f'  File "{file}", line {line}, in {function}'
            for file, line, function in calls
        ]
        _apache._log(_apache.APLOG_ERR, "\n".join(f"{title}: {one}" for one in lines))
