# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What is imported once, and what is there when it is."""
import threading
import time

from mod_python import apache
from mptest import by_path, reply

FIRST = time.monotonic()
with open(f"{apache.server_root()}/var/imported", "a") as _file:
    _file.write(f"{apache.interpreter}\n")
time.sleep(0.1)  # long enough for somebody to see half of it


def whole(req):
    return reply(req, LAST - FIRST > 0.05)


def threads(req):
    """Threads that outlive their request."""
    done = []

    def work(number):
        apache.log_error(f"thread {number}", apache.APLOG_DEBUG)
        import json
        done.append(json.loads(str(number)))
        time.sleep(0.01)

    made = [threading.Thread(target=work, args=[n]) for n in range(5)]
    for one in made:
        one.start()
    if req.args != "leave":
        for one in made:
            one.join()
        return reply(req, sorted(done))
    return reply(req, "left")


handler = by_path(globals())
LAST = time.monotonic()
