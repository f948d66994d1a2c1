# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What CGI scripts leave behind in the process."""
import os
import sys
import threading
import time

from mptest import by_path, reply


def left(req):
    return reply(req, {
        "cwd": os.getcwd(), "environ": type(os.environ).__name__,
        "query": os.environ.get("QUERY_STRING"), "argv": sys.argv,
        "stdin": type(sys.stdin).__name__, "stdout": type(sys.stdout).__name__,
        "main": sys.modules["__main__"].__name__ == "__main__"
        and not hasattr(sys.modules["__main__"], "OF_A_SCRIPT"),
        "modules": sorted({"helper", "inner_package", "inner_package.module",
                           "colorsys"} & set(sys.modules)),
        "path": [one for one in sys.path if "/scripts" in one],
        "meta_path": len(sys.meta_path), "threads": threading.active_count()})


def prints(req):
    """Meanwhile a script may run in another thread, with its sys.stdout."""
    time.sleep(0.02)
    print("printed by a handler")
    return reply(req, "a handler")


handler = by_path(globals())
