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

from mod_python._fields import Field, StringField, text_field
from mod_python._forms import Urlencoded, parse_header, to_bytes, to_text

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


@dataclass(slots=True)
class Limits:
    """What a form may cost; 0 means no limit."""

    max_fields: int = 1000
    max_body: int = 1 << 30  # bytes
    max_memory: int = 10 << 20  # bytes of text fields together


class Meter:
    """Counts fields and text of one form and refuses what is too much."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.fields = 0
        self.memory = 0
        self.body = 0

    def field(self, count: int = 1) -> None:
        """More fields have begun."""
        self.fields += count
        most = self.limits.max_fields
        if most and self.fields > most:
            raise FormError(
                400,
                f"MP0602: form refused: more than {most} fields "
                "(PythonOption mod_python.form.max_fields)",
            )

    def text(self, size: int) -> None:
        """So many bytes of text more."""
        self.memory += size
        most = self.limits.max_memory
        if most and self.memory > most:
            raise FormError(
                413,
                f"MP0603: form refused: more than {most} bytes of text "
                "(PythonOption mod_python.form.max_memory)",
            )

    def length(self, size: int) -> None:
        """So many bytes of the body more."""
        self.body += size
        most = self.limits.max_body
        if most and self.body > most:
            raise FormError(
                413,
                f"MP0604: form refused: body of more than {most} bytes "
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
    return list(map(text_field, flat[::2], flat[1::2]))


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


def read_multipart(body: Body, boundary: bytes) -> Iterator[Field | StringField]:
    """The fields of a multipart body. A body that was read before has none."""
    try:
        import multipart
    except ImportError as error:
        raise FormError(
            500,
            "MP0601: multipart forms need the Python package 'multipart' "
            f"(pip install 'multipart>=1.3,<2'): {error}",
        ) from error
    part: _Part | None = None
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
                    assert part is not None
                    done, part = part, None
                    yield done.finish()
                elif isinstance(event, (bytes, bytearray)):
                    assert part is not None
                    part.write(bytes(event))
                else:
                    part = _Part(event, body)
        parser.close()
    except multipart.MultipartError as error:
        raise FormError(400, f"MP0606: form refused: {error}") from error
    finally:
        if part is not None:
            part.abandon()


class _Part:
    """One part of a multipart body while it is read."""

    def __init__(self, segment: Any, body: Body) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in segment.headerlist)
        if size > MAX_PART_HEADERS:
            raise FormError(
                400, f"MP0606: form refused: part headers of {size} bytes"
            )
        body.meter.field()
        self._meter = body.meter
        self._headers = {
            _text(name): _text(value) for name, value in segment.headerlist
        }
        self._name = _text(segment.name)
        self._filename = None
        if segment.filename is not None:
            self._filename = _text(segment.filename)
            self._file = body.make_file(self._filename)
        else:
            body.meter.text(len(segment.name))
            self._pieces: list[bytes] = []
            self._file = body.make_field() if body.make_field else None

    def write(self, data: bytes) -> None:
        if self._filename is None:
            self._meter.text(len(data))
            if self._file is None:
                self._pieces.append(data)
                return
        self._file.write(data)

    def finish(self) -> Field | StringField:
        kind, kind_options = parse_header(
            self._headers.get("Content-Type", "text/plain")
        )
        disposition, options = parse_header(
            self._headers.get("Content-Disposition", "form-data")
        )
        options["name"] = self._name
        if self._file is not None:
            self._file.seek(0)
        if self._filename is not None:
            options["filename"] = self._filename
            return Field(
                self._name,
                self._file,
                kind,
                kind_options,
                disposition,
                options,
                self._headers,
            )
        value: Any = b"".join(self._pieces)
        if self._file is not None:
            value = self._file.read()
            self._file.seek(0)
        return StringField(
            value,
            self._name,
            self._file,
            kind,
            kind_options,
            disposition,
            options,
            self._headers,
        )

    def abandon(self) -> None:
        """Something went wrong in the middle of this part."""
        if self._file is not None:
            self._file.close()


def _text(latin: str) -> str:
    """Text of a part header, which was read as latin-1."""
    return to_text(latin.encode("latin-1"))
