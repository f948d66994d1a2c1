# SPDX-License-Identifier: Apache-2.0
"""Pages with Python in them that a handler makes; globals set before."""
from __future__ import annotations

from typing import Any

from mod_python import apache
from mptest import by_path


def fixuphandler(req: Any) -> int:
    if req.uri.startswith("/prepared"):
        req.ssi_globals = {"given": "from the handler", "__name__": "page"}
    if req.uri.startswith("/wrong"):
        req.ssi_globals = ["no", "dict"]
    return apache.DECLINED


def page(req: Any) -> int:
    """A page made by a handler, in two pieces."""
    req.content_type = "text/html"
    req.write('<!--#python exec="x = 1" -->', 0)
    req.write('<!--#python eval="x + 1" -->', 0)
    return apache.OK


handler = by_path(globals())
