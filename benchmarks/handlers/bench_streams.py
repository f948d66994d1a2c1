# SPDX-License-Identifier: Apache-2.0
"""Large bodies in pieces, and filters that change nothing."""
from __future__ import annotations

from typing import Any

from mod_python import apache

PIECE = 65536
DATA = (b"Hello World!\n" * (PIECE // 13 + 1))[:PIECE]


def download(req: Any) -> int:
    for _ in range(int(req.args)):
        req.write(DATA)
    return apache.OK


def upload(req: Any) -> int:
    total = 0
    while data := req.read(PIECE):
        total += len(data)
    req.write(str(total))
    return apache.OK


def sendfile(req: Any) -> int:
    req.sendfile(req.document_root() + "/large")
    return apache.OK


def identity(stream: Any) -> None:
    """As the manual writes one."""
    data = stream.read(PIECE)
    while data:
        stream.write(data)
        data = stream.read(PIECE)
    if data is None:
        stream.close()


def passes(stream: Any) -> None:
    stream.pass_on()
