# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Reads the body of a form within limits, without a request.

The body comes from a read function; fields are given one by one as they
end. Multipart bodies are parsed by the package ``multipart``, which is
imported when the first one comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mod_python._fields import Field, StringField, describe, part_field, text_field
from mod_python._forms import Urlencoded, latin_to_text, parse_header, to_bytes

MAX_PART_HEADERS = 16 * 1024  # bytes, of one part
MAX_HEADER_COUNT = 32  # of one part
MAX_BOUNDARY = 200  # bytes

URLENCODED = "application/x-www-form-urlencoded"


class FormError(Exception):
    """A form that is refused: the HTTP status and the log line with its code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True, frozen=True)
class Limits:
    """What a form may cost; 0 means no limit."""

    max_fields: int = 1000
    max_body: int = 1 << 30  # bytes
    max_memory: int = 10 << 20  # bytes of text fields together


class Meter:
    """Counts fields and text of one form and refuses what is too much."""

    fields = 0
    memory = 0
    body = 0

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def field(self, count: int = 1) -> None:
        """More fields have begun."""
        self.fields += count
        if 0 < self.limits.max_fields < self.fields:
            raise FormError(
                400,
                f"MP0602: form refused: more than {self.limits.max_fields} fields "
                "(PythonOption mod_python.form.max_fields)",
            )

    def text(self, size: int) -> None:
        """So many bytes of text more."""
        self.memory += size
        limit = self.limits.max_memory
        if 0 < limit < self.memory:
            raise FormError(
                413,
                f"MP0603: form refused: more than {limit} bytes of text "
                "(PythonOption mod_python.form.max_memory)",
            )

    def length(self, size: int) -> None:
        """So many bytes of the body more."""
        self.body += size
        limit = self.limits.max_body
        if 0 < limit < self.body:
            raise FormError(
                413,
                f"MP0604: form refused: body of more than {limit} bytes "
                "(PythonOption mod_python.form.max_body)",
            )


@dataclass(slots=True)
class Body:
    """Where a body comes from and what fields are made of."""

    read: Callable[[int], bytes]
    meter: Meter
    make_file: Callable[[str], Any]  # of an upload: gets its file name
    make_field: Callable[[], Any] | None = None  # of any other multipart field
    block_size: int = 65368

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.read(self.block_size):
            self.meter.length(len(chunk))
            yield chunk


def read_urlencoded(
    body: Body, keep_blank_values: object, strict_parsing: object
) -> list[StringField]:
    """The fields of an URL-encoded body. With strict_parsing a malformed pair
    raises ValueError."""
    memory = body.meter.limits.max_memory
    # %XX makes three bytes of one
    limit = 3 * memory + 64 if memory else None
    decoder = Urlencoded(keep_blank_values, strict_parsing, limit)
    fields: list[StringField] = []
    last = b""  # what came in one piece is decoded in one piece
    for chunk in body.chunks():
        if last:
            try:
                flat = decoder.feed(last)
            except OverflowError:
                body.meter.text(memory + 1)
                raise
            fields += text_fields(flat, body.meter)
        last = chunk
    fields += text_fields(decoder.close(last), body.meter)
    return fields


def text_fields(flat: list[str], meter: Meter) -> list[StringField]:
    """Fields of the names and values of a query string or body, in turn."""
    meter.field(len(flat) // 2)
    text = "".join(flat)
    meter.text(len(text) if text.isascii() else len(to_bytes(text)))
    turns = iter(flat)
    return list(map(text_field, turns, turns))


def boundary_of(content_type: str) -> bytes:
    """The boundary of a multipart type."""
    boundary = parse_header(content_type)[1].get("boundary", "")
    raw = boundary.encode("utf-8", "surrogateescape")
    if not raw or len(raw) > MAX_BOUNDARY:
        raise FormError(
            400,
            "MP0605: form refused: multipart boundary "
            + ("is missing" if not raw else f"of {len(raw)} bytes"),
        )
    return raw


def read_multipart(body: Body, boundary: bytes) -> list[Field | StringField]:
    """The fields of a multipart body. A body that was read before has none."""
    try:
        import multipart
    except ImportError as error:
        raise FormError(
            500,
            "MP0601: multipart forms need the Python package 'multipart' "
            f"(pip install 'multipart>=1.3,<2'): {error}",
        ) from error
    meter = body.meter
    fields: list[Field | StringField] = []
    segment: Any = None  # the part that is being read
    file: Any = None  # where its content goes; None: to text
    text = bytearray()
    try:
        parser = multipart.PushMultipartParser(
            boundary,
            max_header_size=MAX_PART_HEADERS,
            max_header_count=MAX_HEADER_COUNT,
            header_charset="latin-1",  # any byte; made text below
        )
        for chunk in body.chunks():
            for event in parser.parse(chunk):
                if event is None:
                    name = latin_to_text(segment.name)
                    if file is None:
                        fields.append(part_field(name, text, segment.headerlist))
                    else:
                        fields.append(_file_field(name, file, segment))
                        file = None
                elif type(event) is not bytearray:
                    segment = event
                    file = _begin(segment, body)
                    text = bytearray()
                else:
                    if segment.filename is None:
                        meter.text(len(event))
                    if file is None:
                        text += event
                    else:
                        file.write(bytes(event))
        parser.close()
    except multipart.MultipartError as error:
        raise FormError(400, f"MP0606: form refused: {error}") from error
    finally:
        if file is not None:  # something went wrong in the middle of a part
            file.close()
    return fields


def _begin(segment: Any, body: Body) -> Any:
    """The file for a part with these headers, or None."""
    size = 0
    for name, value in segment.headerlist:
        size += len(name) + len(value) + 4
    if size > MAX_PART_HEADERS:
        raise FormError(400, f"MP0606: form refused: part headers of {size} bytes")
    body.meter.field()
    if segment.filename is not None:
        return body.make_file(latin_to_text(segment.filename))
    body.meter.text(len(segment.name))
    return None if body.make_field is None else body.make_field()


def _file_field(name: str, file: Any, segment: Any) -> Field | StringField:
    """The field of a part that went to a file: an upload, or text where the
    application wants that."""
    description = describe(segment.headerlist, name)
    file.seek(0)
    if segment.filename is not None:
        filename = latin_to_text(segment.filename)
        description.disposition_options["filename"] = filename
        return Field(name, file, *description)
    value = file.read()
    file.seek(0)
    return StringField(value, name, file, *description)
