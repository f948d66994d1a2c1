# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that read forms."""
import os

from mod_python import apache, util
from mptest import by_path, reply


def _shown(field):
    if field.filename is None:
        return str(field)
    return [field.filename, field.type, field.value]


def form(req):
    req.form = util.FieldStorage(req, keep_blank_values=1)
    return reply(req, [[name, _shown(field)]
                       for name, field in req.form.items()])


def twice(req):
    first = util.FieldStorage(req)
    return reply(req, [first.keys(), util.FieldStorage(req).keys()])


def strict(req):
    try:
        util.FieldStorage(req, strict_parsing=1)
    except ValueError as error:
        return reply(req, str(error))
    return reply(req, "")


def size(req):
    """Reads an upload; tells its size, where it is and our peak memory."""
    field = util.FieldStorage(req)["file"]
    length = field.file.seek(0, os.SEEK_END)
    on_disk = os.fstat(field.file.fileno()).st_size
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status
                    if line.startswith("VmHWM"))
    return reply(req, [length, on_disk, peak])


class Collector:
    """A file of one's own."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def seek(self, *_args):
        pass

    def tell(self):
        return 0

    def read(self, _size=-1):
        return self.data

    def close(self):
        pass


def callbacks(req):
    names = []

    def upload(name):
        names.append(name)
        return Collector()

    fs = util.FieldStorage(req, file_callback=upload,
                           field_callback=Collector)
    return reply(req, [names, fs["text"], fs["file"].file.data,
                       type(fs["text"].file).__name__])


def apply(req):
    def page(a, req, b="none", **kw):
        return [a, b, sorted(kw), req is not None]

    return reply(req, util.apply_fs_data(page, util.FieldStorage(req),
                                         req=req))


def redirect(req):
    util.redirect(req, "/there?a=1&b=\"2\"", req.args == "permanent")


def redirect_text(req):
    req.content_type = "text/plain"
    util.redirect(req, "/there", text="gone")


def redirect_late(req):
    req.write("sent")
    req.flush()
    try:
        util.redirect(req, "/there")
    except OSError as error:
        req.write(" " + str(error))
    return apache.OK


def redirect_after_text(req):
    req.write("queued ", 0)
    util.redirect(req, "/there", text="text")


def bad_redirect(req):
    try:
        util.redirect(req, "/there\r\nX-Evil: 1")
    except ValueError as error:
        return reply(req, str(error))


def low_level(req):
    import _apache
    return reply(req, [_apache.parse_qs("a=1&a=2&b="),
                       _apache.parse_qsl(b"a=%ff", 1)])


handler = by_path(globals())
