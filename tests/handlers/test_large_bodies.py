# SPDX-License-Identifier: Apache-2.0
"""Bodies of any size, in pieces."""
from __future__ import annotations

from typing import Any

from mod_python import apache
from mptest import by_path, reply

PIECE = bytes(range(256)) * 256


def upload(req: Any) -> int:
    """How many bytes came, and how many pieces were not as sent."""
    size = wrong = 0
    while data := req.read(len(PIECE)):
        size += len(data)
        wrong += data != PIECE
    return reply(req, [size, wrong, req.read_length])


def download(req: Any) -> int:
    for _ in range(int(req.args)):
        req.write(PIECE)
    return apache.OK


def file(req: Any) -> int:
    sent = req.sendfile(req.document_root() + "/sparse")
    req.log_error(f"sent: {sent}", apache.APLOG_NOTICE)
    return apache.OK


def identity(filter: Any) -> None:
    while data := filter.read(len(PIECE)):
        filter.write(data)


handler = by_path(globals())
