# SPDX-License-Identifier: Apache-2.0
"""Hello world in the ways people write it."""
from mod_python import apache


def handler(req):
    req.write(b"Hello World!\n", 0)
    return apache.OK


def flushing(req):
    req.write("Hello World!\n")
    return apache.OK
