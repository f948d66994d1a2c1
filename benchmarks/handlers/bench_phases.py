# SPDX-License-Identifier: Apache-2.0
"""A handler for every phase, none of which does anything but its duty."""
from mod_python import apache


def handler(req):
    req.write(b"Hello World!\n", 0)
    return apache.OK


def other(req):
    return apache.OK


def declines(req):
    return apache.DECLINED


def authen(req):
    req.user = "ada"
    return apache.OK
