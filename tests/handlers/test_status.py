# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that give the status pages something to show."""
import time

from mptest import by_path, reply


def fine(req):
    return reply(req, req.interpreter)


def fails(req):
    return 1 / 0


def slow(req):
    time.sleep(0.3)
    return reply(req, None)


handler = by_path(globals())
