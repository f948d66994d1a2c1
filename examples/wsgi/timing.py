"""A log handler: how long requests took."""

import time

from mod_python import apache


def loghandler(req):
    took = (time.time() - req.request_time) * 1000
    req.log_error(f"{req.method} {req.uri}: {took:.1f} ms", apache.APLOG_INFO)
    return apache.OK
