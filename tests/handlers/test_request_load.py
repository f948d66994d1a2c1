# SPDX-License-Identifier: Apache-2.0
"""What many clients do at the same time."""
from __future__ import annotations

import hashlib
from typing import Any

from mod_python import apache
from mptest import by_path, reply

BLOCK = b"0123456789abcdef" * 500


def rotate(filter: Any) -> None:
    """Both an input and an output filter."""
    while data := filter.read(3000):
        filter.write(data.swapcase())


def upload(req: Any) -> int:
    total = hashlib.sha256()
    while data := req.read(5000):
        total.update(data)
    return reply(req, total.hexdigest())


def download(req: Any) -> int:
    for i in range(int(req.args)):
        req.write(BLOCK, i % 3 == 0)
    return apache.OK


def echo(req: Any) -> int:
    for line in req:
        req.write(line, 0)
    return apache.OK


def filed(req: Any) -> int:
    req.sendfile(req.document_root() + "/data")
    req.write("end", 0)
    return apache.OK


def redirect(req: Any) -> int:
    req.internal_redirect("/download?3")
    return apache.OK


handler = by_path(globals())
