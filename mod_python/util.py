# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Forms, query strings, redirects.

The parsing functions work anywhere; FieldStorage and redirect() need a
request. Names of this module are looked up when they are used, so that a
replaced one counts.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any, NoReturn

from mod_python import _formbody, _options
from mod_python._callargs import MissingArgumentError, call_with
from mod_python._fields import Field, FieldMap, StringField
from mod_python._forms import (
    parse_flat_text,
    parse_header,
    parse_qs,
    parse_qsl,
)

__all__ = [
    "Field",
    "FieldStorage",
    "MissingArgumentError",
    "StringField",
    "apply_fs_data",
    "parse_header",
    "parse_qs",
    "parse_qsl",
    "readBlockSize",
    "redirect",
]

# How much of a request body is read at a time.
readBlockSize = 65368

BODY_METHODS = ("POST", "PUT", "PATCH")


class FieldStorage(FieldMap):
    """The fields of a request: of its query string, and of its body when the
    method is POST, PUT or PATCH.

    req: the request. keep_blank_values: keep fields without a value.
    strict_parsing: ValueError for a malformed pair. file_callback(filename)
    and field_callback(): give the binary file that an upload or a text part
    is written to, default TemporaryFile() and BytesIO().

    A body that is no form gives 415, a malformed one 400, one over the
    limits mod_python.form.* gives 400 or 413: raised as SERVER_RETURN and
    logged. The body is consumed: keep the object in req.form.
    """

    def __init__(
        self,
        req: Any,
        keep_blank_values: object = 0,
        strict_parsing: object = 0,
        file_callback: Callable[[str], Any] | None = None,
        field_callback: Callable[[], Any] | None = None,
    ) -> None:
        self._file_callback = file_callback
        self._field_callback = field_callback
        limits = _LIMITS.of(req)
        args = req.args
        has_body = req.method in BODY_METHODS
        if not args and not has_body:
            FieldMap.__init__(self)
            return
        meter = _formbody.Meter(limits)
        try:
            flat = parse_flat_text(args or "", keep_blank_values, strict_parsing)
            FieldMap.__init__(self, _formbody.text_fields(flat, meter))
            if has_body:
                self._read_body(req, meter, keep_blank_values, strict_parsing)
        except _formbody.FormError as error:
            if error.status >= 500:
                _options.fail(req, error.status, error.message)
            _options.refuse(req, error.status, error.message)

    def make_file(self, filename: str) -> Any:
        """The file an upload is written to."""
        if self._file_callback is not None:
            return self._file_callback(filename)
        return TemporaryFile("w+b")

    def make_field(self) -> Any:
        """The file a text part of a multipart form is written to."""
        if self._field_callback is not None:
            return self._field_callback()
        return BytesIO()

    def _text_files(self) -> Callable[[], Any] | None:
        """What makes the files of text parts, None when nobody has asked for
        other files than the default: then they are made when looked at."""
        make = self.make_field
        if self._field_callback is None and (
            getattr(make, "__func__", None) is _make_field_in_memory
        ):
            return None
        return make

    def _read_body(
        self, req: Any, meter: _formbody.Meter, keep_blank: object, strict: object
    ) -> None:
        length = (req.headers_in.get("Content-Length") or "").strip()
        if length.isascii() and length.isdigit():
            meter.length(int(length))
            meter.body = 0  # counted as it comes
        body = _formbody.Body(req.read, meter, self.make_file, None, readBlockSize)
        content_type = req.headers_in.get("Content-Type") or _formbody.URLENCODED
        kind = parse_header(content_type)[0].lower()
        if kind == _formbody.URLENCODED:
            self.list.extend(_formbody.read_urlencoded(body, keep_blank, strict))
        elif kind.startswith("multipart/"):
            boundary = _formbody.boundary_of(content_type)
            body.make_field = self._text_files()
            if not _was_read(req):
                self.list.extend(_formbody.read_multipart(body, boundary))
        else:
            raise _formbody.FormError(
                415, f"MP0607: form refused: body of type {kind[:80]!r}"
            )


_make_field_in_memory = FieldStorage.make_field

_LIMITS = _options.Numbers(
    {f"form.{name}": value for name, value in asdict(_formbody.Limits()).items()},
    _formbody.Limits,
)


def _was_read(req: Any) -> bool:
    """Has this body been read to its end before?"""
    return bool(req.read_length) and not req.remaining


def redirect(
    req: Any, location: str, permanent: object = 0, text: str | None = None
) -> NoReturn:
    """Ends the request with a redirect to location.

    permanent: 301, otherwise 302. text: the body, in HTML; default is a line
    with a link. Raises SERVER_RETURN(DONE); OSError when output was sent
    already; ValueError for a location with a line break.
    """
    from mod_python import apache

    if any(char in location for char in "\r\n\0"):
        raise ValueError("line break in the location of a redirect")
    if req.sent_bodyct or req.eos_sent:
        raise OSError("Cannot redirect after headers have already been sent.")
    req.err_headers_out["Location"] = location
    if permanent:
        req.status = apache.HTTP_MOVED_PERMANENTLY
    else:
        req.status = apache.HTTP_MOVED_TEMPORARILY
    if not req._content_type_set:
        req.content_type = "text/html; charset=UTF-8"
    if text is None:
        link = html.escape(location)
        text = f'<p>The document has moved <a href="{link}">here</a></p>\n'
    req.write(text)
    raise apache.SERVER_RETURN(apache.DONE)


def apply_fs_data(object: Any, fs: Any, **args: Any) -> Any:
    """Calls object with args and the fields of fs that it has arguments for.

    A field that occurs several times is given as a list; uploads are given
    as Field, others as str. Names that object does not take are dropped,
    unless it takes ``**kw``; args go before fields. Raises
    MissingArgumentError (a TypeError) when a required argument is missing.
    """
    data: dict[str, Any] = {}
    for name in fs.keys():  # noqa: SIM118 - our mapping, which people subclass
        if name not in args:
            values = fs.getlist(name)
            if len(values) == 1:
                data[name] = _plain(values[0])
            else:
                data[name] = [_plain(field) for field in values]
    data.update(args)
    return call_with(object, data)


def _plain(field: Any) -> Any:
    if type(field) is StringField:
        return str(field)
    return field.value if isinstance(field, StringField) else field
