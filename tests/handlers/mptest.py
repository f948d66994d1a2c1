# SPDX-License-Identifier: Apache-2.0
"""Help for the handlers of tests; on sys.path of every test server."""
from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from mod_python import apache

Handler = Callable[[Any], Any]


def _encode(value: Any) -> Any:
    """bytes and what JSON has no word for; harness/codec.py reads it."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": bytes(value).decode("latin-1")}
    return {"$repr": repr(value)}


def reply(req: Any, value: Any) -> int:
    """Sends a value; the test gets it with client.json(path)."""
    req.content_type = "application/json"
    req.write(json.dumps(value, default=_encode))
    return apache.OK


def by_path(namespace: dict[str, Any]) -> Handler:
    """A handler that calls the function named by the first path segment.

    Use it as the last line of a handler module:
    handler = by_path(globals())
    """
    def handler(req: Any) -> Any:
        name = req.uri.strip("/").partition("/")[0]
        function = namespace.get(name)
        if name.startswith("_") or not callable(function):
            return apache.HTTP_NOT_FOUND
        return function(req)

    return handler


def evaluate(req: Any) -> int:
    """For client.eval(): sends the value of the expression in X-Eval."""
    names = {"req": req, "apache": apache, "raised": raised}
    return reply(req, eval(unquote(req.headers_in["X-Eval"]), names))


def raised(function: Callable[..., Any], *args: Any, **kw: Any) -> str:
    """"ValueError: text" of the exception a call raises, '' if none."""
    try:
        function(*args, **kw)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def alive() -> tuple[dict[str, int], int, int]:
    """Counts of what is alive in this interpreter after a collection: our
    objects by type, objects of the collector, blocks of memory."""
    for _ in range(3):
        gc.collect()
    ours: dict[str, int] = {}
    everything = 0
    for one in gc.get_objects():
        everything += 1
        name = type(one).__name__
        if name.startswith("mp_"):
            ours[name] = ours.get(name, 0) + 1
    return ours, everything, sys.getallocatedblocks()
