# SPDX-License-Identifier: Apache-2.0
"""One statement again and again, ten times in each turn of a loop, which is
not cheap itself: /?NAME=TURNS."""
import itertools

STATEMENTS = {
    "nothing": "pass",
    "server": "req.server",
    "connection": "req.connection",
    "headers_in": "req.headers_in",
    "status": "req.status",
    "bytes_sent": "req.bytes_sent",
    "mtime": "req.mtime",
    "method": "req.method",
    "uri": "req.uri",
    "filename": "req.filename",
    "header": "req.headers_in['Host']",
    "get": "req.headers_in.get('Host')",
    "set": "req.headers_out['X'] = 'y'",
}

AT_ONCE = 10


def _loop(statement):
    names = {"repeat": itertools.repeat}  # its own cost is small
    lines = ["def loop(req, turns):", "    for _ in repeat(None, turns):",
             *[f"        {statement}"] * AT_ONCE]
    exec("\n".join(lines), names)
    return names["loop"]


LOOPS = {name: _loop(statement) for name, statement in STATEMENTS.items()}


def handler(req):
    name, _, turns = req.args.partition("=")
    LOOPS[name](req, int(turns))
    req.write(b"done\n", 0)
    return 0
