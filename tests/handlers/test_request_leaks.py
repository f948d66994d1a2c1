# SPDX-License-Identifier: Apache-2.0
"""Calls functions of other handler modules: /module/function/..."""
from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

from mptest import reply


def count(req: Any) -> int:
    """Objects and pages of memory of this process."""
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return reply(req, [sys.getallocatedblocks(), pages])


def handler(req: Any) -> Any:
    names = req.uri.strip("/").split("/")
    if names[0] == "count":
        return count(req)
    module = importlib.import_module("test_" + names[0])
    return getattr(module, names[1])(req)
