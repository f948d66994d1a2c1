# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What may be going on in an interpreter when its process is to end."""
import atexit
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from mod_python import apache
from mptest import by_path, reply

executors = []


def _say(text):
    apache.log_error(f"end: {text}", apache.APLOG_NOTICE)


def _compute():
    while True:
        sum(range(1000))


def _sleep():
    while True:
        time.sleep(0.001)


def endless(req):
    _say("endless has begun")
    _compute()


def threads(req):
    """Threads of all kinds that never end, busy and idle ones."""
    idle = threading.Event().wait
    for work, daemon in ((_compute, True), (_sleep, True), (_sleep, False),
                         (idle, True), (idle, False)):
        threading.Thread(target=work, daemon=daemon).start()
    executor = ThreadPoolExecutor(2)
    executors.append(executor)
    executor.submit(_sleep)
    executor.submit(int).result()
    atexit.register(_say, f"atexit of {apache.interpreter}")
    apache.register_cleanup(_say, f"cleanup of {apache.interpreter}")
    return reply(req, None)


def hangs(req):
    apache.register_cleanup(_say, "never")
    apache.register_cleanup(threading.Event().wait)
    return reply(req, None)


handler = by_path(globals())
