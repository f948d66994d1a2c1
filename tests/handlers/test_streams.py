# SPDX-License-Identifier: Apache-2.0
"""Filters that misbehave in every way, over any content; a filter is named
by the directory in the path: /static/tenfold/data."""
from __future__ import annotations

from typing import Any

from mod_python import apache, util
from mptest import reply

CONTENT = (bytes(range(256)) + b"SECRET") * 500
PUBLIC = CONTENT.replace(b"SECRET", b"public")

# More than a filter may hold back.
LARGE = b"p" * 70_000


def translate(data: bytes) -> bytes:
    """What must have been done before anything leaves. The word may lie
    across two brigades."""
    for letter in b"SECRT":
        data = data.replace(b"%c" % letter, b"")
    return data


# -- filters, for input and output ----------------------------------------------


def identity(filter: Any) -> None:
    while data := filter.read(10_000):
        filter.write(data)


def manual(filter: Any) -> None:
    """The loop of the manual."""
    s = filter.read()
    while s:
        filter.write(translate(s))
        s = filter.read()
    if s is None:
        filter.close()


def passes(filter: Any) -> None:
    filter.pass_on()


def disables(filter: Any) -> None:
    filter.disable()


def unread(filter: Any) -> None:
    """Writes without reading."""
    filter.write(b"w")


def mute(filter: Any) -> None:
    """Reads without writing."""
    while filter.read():
        pass


def neither(filter: Any) -> None:
    pass


def tenfold(filter: Any) -> None:
    while data := filter.read(1000):
        filter.write(translate(data) * 10)


def bytewise(filter: Any) -> None:
    """The smallest pieces there are, ten thousand of them."""
    for _ in range(10_000):
        if data := filter.read(1):
            filter.write(data)
    while data := filter.read(9999):
        filter.write(data)


def closes(filter: Any) -> None:
    filter.write(b"closed")
    filter.close()
    filter.close()


def first(filter: Any) -> None:
    filter.read(10)
    raise LookupError("on purpose")


def middle(filter: Any) -> None:
    """After something has left the filter."""
    filter.read(10)
    filter.write(LARGE)
    raise LookupError("on purpose")


def last(filter: Any) -> None:
    """At the end of the stream, all but that has left."""
    while data := filter.read(10_000):
        filter.write(translate(data))
    if data is None:
        raise LookupError("on purpose")


def after_close(filter: Any) -> None:
    """When the response is complete already."""
    filter.write(b"closed")
    filter.close()
    raise LookupError("on purpose")


def redirects(filter: Any) -> None:
    """An internal redirect in the middle of another response."""
    while filter.read():
        pass
    try:
        filter.req.internal_redirect("/ping?redirected")
    except RuntimeError as error:
        filter.write(f"[{error}]")
    else:
        filter.write(b"behind the redirect")


# -- handlers --------------------------------------------------------------------


def content(req: Any) -> int:
    """As large as a file, in pieces."""
    req.content_type = "application/octet-stream"
    for start in range(0, len(CONTENT), 9000):
        req.write(CONTENT[start:start + 9000], 0)
    return apache.OK


def ping(req: Any) -> int:
    req.content_type = "text/plain"
    req.write("pong " + req.args, 0)
    return apache.OK


def body(req: Any) -> int:
    """The request body, as the filters leave it."""
    req.content_type = "application/octet-stream"
    while data := req.read(10_000):
        req.write(data)
    return apache.OK


def tells(req: Any) -> int:
    """What reading gives, instead of failing."""
    seen: list[Any] = []
    try:
        while data := req.read(10_000):
            seen.append(len(data))
    except Exception as error:
        seen.append([type(error).__name__, str(error)])
    return reply(req, seen)


def ignores(req: Any) -> int:
    """Leaves the body to httpd."""
    req.write("ignored", 0)
    return apache.OK


def tiny(req: Any) -> int:
    flush = int(req.args)
    for i in range(10_000):
        req.write(b"%04d\n" % i, flush)
    return apache.OK


def form(req: Any) -> int:
    """A field and a file."""
    fields = util.FieldStorage(req)
    file = fields["f"]
    return reply(req, [fields["a"], file.filename, len(file.file.read())])


def after(req: Any) -> int:
    """Leaves most of the body to later phases."""
    def late(data: Any) -> None:
        tell(req, "cleanup")

    req.register_cleanup(late)
    req.write(f"read {len(req.read(4))}", 0)
    return apache.OK


def loghandler(req: Any) -> int:
    if req.uri == "/after":
        tell(req, "log")
    return apache.OK


def tell(req: Any, phase: str) -> None:
    try:
        text = repr(req.read(2))
    except OSError as error:
        text = f"OSError: {error}"
    req.log_error(f"{phase}: {text}", apache.APLOG_NOTICE)
