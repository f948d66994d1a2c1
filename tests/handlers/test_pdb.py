# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A handler to be stepped through."""
from mod_python import apache


def handler(req):
    number = 1
    req.content_type = "text/plain"
    req.write(f"answer {number}")
    return apache.OK
