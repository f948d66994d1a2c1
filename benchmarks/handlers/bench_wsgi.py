# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hello world as a WSGI application."""
from __future__ import annotations


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", "13")])
    return [b"Hello World!\n"]
