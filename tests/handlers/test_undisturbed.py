# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that have no opinion about the request."""
from mod_python import apache


def decline(req):
    return apache.DECLINED


def go_on(req):
    return apache.OK
