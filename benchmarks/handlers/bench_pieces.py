# SPDX-License-Identifier: Apache-2.0
"""An answer in pieces: /?SIZE=COUNT, not flushed."""
from mod_python import apache

PIECE = b"Hello World!\n" * 5042


def handler(req):
    size, _, count = req.args.partition("=")
    piece = PIECE[:int(size)]
    for _ in range(int(count)):
        req.write(piece, 0)
    return apache.OK
