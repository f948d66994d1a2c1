# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Answers, quickly and slowly."""
import atexit
import time

from mod_python import apache
from mptest import by_path, reply


def quick(req):
    return reply(req, "quick")


def slow(req):
    time.sleep(0.05)
    return reply(req, "slow")


def exits(req):
    """What a child says when it ends, in which order."""
    def say(text):
        apache.log_error(f"exit: {text}", apache.APLOG_NOTICE)

    apache.register_cleanup(say, f"first of {apache.interpreter}")
    req.server.register_cleanup(req, say, f"second of {apache.interpreter}")
    atexit.register(say, f"atexit of {apache.interpreter}")
    return reply(req, "")


handler = by_path(globals())
