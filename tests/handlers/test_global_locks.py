# SPDX-License-Identifier: Apache-2.0
"""Handlers that take httpd's global mutexes."""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import _apache

from mod_python import apache
from mptest import by_path, reply


def _file(req: Any, name: str) -> Path:
    return Path(req.get_options()["var"], name)


def count(req: Any) -> int:
    """Adds one to a number in a file: read, wait, write."""
    file = _file(req, "number")
    for _ in range(10):
        _apache._global_lock(req.server, "count")
        try:
            number = int(file.read_text())
            time.sleep(0.0005)
            file.write_text(str(number + 1))
        finally:
            _apache._global_unlock(req.server, "count")
    return reply(req, os.getpid())


def hold(req: Any) -> int:
    """Keeps a lock as long as the client sends nothing."""
    index = int(req.args)
    _apache._global_lock(req.server, None, index)
    try:
        req.write(f"{os.getpid()}\n")
        req.read(1)
    finally:
        _apache._global_unlock(req.server, None, index)
    return apache.OK


def keep(req: Any) -> int:
    """Takes a lock and is called away: the process is ended meanwhile."""
    _apache._global_lock(req.server, None, 1)
    req.write(f"{os.getpid()}\n")
    time.sleep(60)
    return apache.OK


def attempt(req: Any) -> int:
    """Which locks are free: tells the process and 1 or 0 for each."""
    got = []
    for index in map(int, req.args.split(",")):
        got.append(_apache._global_trylock(req.server, None, index))
        if got[-1]:
            _apache._global_unlock(req.server, None, index)
    return reply(req, [os.getpid(), got])


def raising(req: Any) -> int:
    """What goes wrong with a lock in between."""
    with_lock = _apache._global_lock(req.server, "raising", 2)
    assert with_lock is None
    try:
        raise LookupError("on purpose")
    finally:
        _apache._global_unlock(req.server, "raising", 2)


handler = by_path(globals())
