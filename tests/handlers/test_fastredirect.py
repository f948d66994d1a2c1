# SPDX-License-Identifier: Apache-2.0
"""Requests for a directory that mod_dir turns into its index page."""
from __future__ import annotations

from typing import Any

from mod_python import apache


def fixuphandler(req: Any) -> int:
    req.seen = [*getattr(req, "seen", []), req.uri]
    req.headers_out["X-Fixup"] = req.uri
    return apache.DECLINED


def handler(req: Any) -> int:
    req.headers_out["X-Handler"] = "1"
    req.status = 202
    req.notes["note"] = "from the handler"
    req.write(f"{req.uri} {getattr(req, 'seen', None)} {req.main} "
              f"{req.prev} {req.read()!r}", 0)
    return apache.OK


def loghandler(req: Any) -> int:
    req.log_error(f"log: {req.uri} {req.status} {req.notes.get('note')}",
                  apache.APLOG_NOTICE)
    return apache.OK
