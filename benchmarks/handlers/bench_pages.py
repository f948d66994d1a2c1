# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What sections/pages.py compares pages with: the same output by hand."""
from mod_python import apache


def rows(req):
    """A write for each row."""
    req.content_type = "text/html; charset=UTF-8"
    req.write("<html><body><table>\n", 0)
    for n in range(100):
        req.write(f"<tr><td>{n}</td><td>square {n * n}</td></tr>\n", 0)
    req.write("</table></body></html>\n", 0)
    return apache.OK


def joined(req):
    """One write, of a list of rows."""
    req.content_type = "text/html; charset=UTF-8"
    parts = ["<html><body><table>\n"]
    for n in range(100):
        parts.append(f"<tr><td>{n}</td><td>square {n * n}</td></tr>\n")
    parts.append("</table></body></html>\n")
    req.write("".join(parts), 0)
    return apache.OK


def hello(req):
    """What the published function does."""
    req.content_type = "text/plain; charset=UTF-8"
    req.write("Hello Joe", 0)
    return apache.OK
