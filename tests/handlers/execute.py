# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Runs the Python code in the body; the test gets what it left in result.

See tests/running.py.
"""
import _apache

from mod_python import apache
from mptest import raised, reply

kept = {}  # for what code wants to find again in this interpreter


def handler(req):
    names = {"req": req, "apache": apache, "_apache": _apache,
             "table": _apache.table, "raised": raised, "kept": kept}
    exec(req.read().decode(), names)
    return reply(req, names.get("result"))
