# SPDX-License-Identifier: Apache-2.0
"""Handlers for tests/http/test_mptest.py."""
from __future__ import annotations

from typing import Any

from mptest import by_path, reply

not_callable = 1


def values(req: Any) -> int:
    return reply(req, {"text": "\u20ac\udcff", "bytes": b"\0\xff",
                       "none": None, "list": [1, 2.5, True],
                       "other": object, "args": req.args})


def _private(req: Any) -> int:
    return reply(req, "not to be reached")


handler = by_path(globals())
