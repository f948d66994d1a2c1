# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that tell which of them ran, and from where."""
import json

from mod_python import apache
from mptest import reply


def _named(name):
    def function(req):
        hlist = req.hlist
        req.notes.add("ran", json.dumps([
            name, hlist.directory, hlist.is_location, req.extension]))
        return apache.OK
    return function


a, b, c, d, access = (_named(name) for name in ("a", "b", "c", "d", "access"))


def report(req):
    return reply(req, {
        "ran": [json.loads(row) for row in req.notes.getlist("ran")],
        "options": dict(req.get_options().items()),
        "config": dict(req.get_config().items()),
        "interpreter": req.interpreter,
        "directory": req.hlist.directory,
    })


def server_report(req):
    return reply(req, [dict(table.items()) for table in (
        req.server.get_options(), req.server.get_config())])
