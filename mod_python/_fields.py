# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The fields of a form and the mapping over them, without a request.

A Field is an upload or a field somebody made by hand; its content is in a
file. A StringField is the text of any other field, usable as that str.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, wraps
from io import BytesIO
from typing import Any, NamedTuple

from mod_python._forms import latin_to_text, parse_header, to_bytes, to_text

REPR_LIMIT = 1024  # of an upload that repr() shows


class Description(NamedTuple):
    """What the headers of a part of a multipart form say about it."""

    type: str
    type_options: dict[str, str]
    disposition: str | None
    disposition_options: dict[str, str]
    headers: dict[str, str]


def describe(headerlist: list[tuple[str, str]], name: str) -> Description:
    """The description of the part with these headers (read as latin-1)."""
    headers = {
        latin_to_text(header): latin_to_text(value) for header, value in headerlist
    }
    kind, kind_options = parse_header(headers.get("Content-Type", "text/plain"))
    disposition, options = parse_header(
        headers.get("Content-Disposition", "form-data")
    )
    options["name"] = name
    return Description(kind, kind_options, disposition, options, headers)


class Field:
    """One form field whose content is in a file, as a rule an upload.

    name, file (open for reading in binary mode, closed together with the
    field), filename (None: not an upload), type and type_options (of its
    Content-Type), disposition and disposition_options (of its
    Content-Disposition), headers (dict of all part headers).
    """

    name: str
    filename: str | None = None

    def __init__(
        self,
        name: str,
        file: Any = None,
        type: str | None = "text/plain",  # noqa: A002 - historical
        type_options: dict[str, str] | None = None,
        disposition: str | None = None,
        disposition_options: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.file = file
        self.type = type
        self.type_options = type_options or {}
        self.disposition = disposition
        self.disposition_options = disposition_options or {}
        self.filename = self.disposition_options.get("filename")
        self.headers = headers or {}

    @property
    def value(self) -> Any:
        """The whole content, as a rule bytes; the file keeps its position."""
        if self.file is None:
            return b""
        return self._content(-1)

    def _content(self, limit: int) -> Any:
        position = self.file.tell()
        self.file.seek(0)
        try:
            return self.file.read(limit)
        finally:
            self.file.seek(position)

    def __repr__(self) -> str:
        if self.file is None:
            return f"Field({self.name!r}, b'')"
        content = self._content(REPR_LIMIT + 1)
        if len(content) > REPR_LIMIT:
            return f"Field({self.name!r}, {content[:REPR_LIMIT]!r}...)"
        return f"Field({self.name!r}, {content!r})"

    def __del__(self) -> None:
        close = getattr(getattr(self, "file", None), "close", None)
        if close is not None:
            close()


class StringField(str):
    """The value of a field without a file, with the attributes of a Field."""

    # a form has many: these cost less than items of __dict__
    __slots__ = ("__dict__", "_file", "_headerlist", "name")

    name: str
    filename: str | None = None
    _file: Any
    _headerlist: list[tuple[str, str]] | None  # of a part

    def __new__(
        cls,
        value: str | bytes = "",
        name: str = "",
        file: Any = None,
        type: str | None = "text/plain",  # noqa: A002 - historical
        type_options: dict[str, str] | None = None,
        disposition: str | None = None,
        disposition_options: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> StringField:
        if isinstance(value, bytes):
            value = to_text(value)
        self = super().__new__(cls, value)
        self.name = name
        self.type = type
        self.disposition = disposition
        self._file = file
        self._headerlist = None
        if type_options:
            self.type_options = type_options
        if disposition_options:
            self.disposition_options = disposition_options
        if headers:
            self.headers = headers
        return self

    # made when somebody looks, which is rare

    @cached_property
    def type(self) -> str | None:
        return self._description.type

    @cached_property
    def type_options(self) -> dict[str, str]:
        return self._description.type_options

    @cached_property
    def disposition(self) -> str | None:
        return self._description.disposition

    @cached_property
    def disposition_options(self) -> dict[str, str]:
        return self._description.disposition_options

    @cached_property
    def headers(self) -> dict[str, str]:
        return self._description.headers

    @cached_property
    def _description(self) -> Description:
        if self._headerlist is None:
            return Description("text/plain", {}, None, {}, {})
        return describe(self._headerlist, self.name)

    @property
    def value(self) -> str:
        """The text as a plain str."""
        return str(self)

    @property
    def file(self) -> Any:
        """The text in a binary file."""
        if self._file is None:
            self._file = BytesIO(to_bytes(self))
        return self._file

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # into sessions and caches goes the text, not the request's files
        return str, (str(self),)


def text_field(name: str, value: str) -> StringField:
    """What StringField(value, name) gives, in a third of the time."""
    field = str.__new__(StringField, value)
    field.name = name
    field._file = field._headerlist = None
    return field


def part_field(
    name: str, value: bytes | bytearray, headerlist: list[tuple[str, str]]
) -> StringField:
    """The field of a part of a multipart form that is no upload."""
    field = str.__new__(StringField, value, "utf-8", "surrogateescape")
    field.name = name
    field._file = None
    field._headerlist = headerlist
    return field


def _looked_up(field: Any) -> Any:
    """What a look-up gives for an item of the list: uploads as they are,
    anything else as text (people put Fields with text files into it)."""
    if isinstance(field, StringField) or getattr(field, "filename", None) is not None:
        return field
    return StringField(field.value, field.name, field.file)


def make_field(name: str, value: Any) -> Any:
    """A field of this name with this value: a field, str or bytes."""
    if isinstance(value, Field):
        value.name = name
        return value
    if isinstance(value, (str, bytes)):
        return StringField(value, name)
    raise TypeError(
        f"a form field is str, bytes or Field, not {type(value).__name__}"
    )


class _Fields(list[Any]):
    """A list that forgets its index when it is changed."""

    by_name: dict[str, list[Any]] | None = None


def _forgetting(name: str) -> Any:
    method = getattr(list, name)

    @wraps(method)
    def change(self: _Fields, *args: Any, **kw: Any) -> Any:
        self.by_name = None
        return method(self, *args, **kw)

    return change


for _name in (
    "__delitem__",
    "__iadd__",
    "__imul__",
    "__setitem__",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "sort",
):
    setattr(_Fields, _name, _forgetting(_name))


def _index(fields: list[Any]) -> dict[str, list[Any]]:
    index: dict[str, list[Any]] = {}
    for field in fields:
        index.setdefault(field.name, []).append(field)
    return index


class FieldMap:
    """Fields in order (the attribute list) and look-ups over them."""

    def __init__(self, fields: Iterable[Any] = ()) -> None:
        self.list: list[Any] = _Fields(fields)

    def _by_name(self) -> dict[str, list[Any]]:
        """The fields by name."""
        fields = self.list
        if type(fields) is not _Fields:  # somebody gave us another list
            return _index(fields)
        if fields.by_name is None:
            fields.by_name = _index(fields)
        return fields.by_name

    def __getitem__(self, name: str) -> Any:
        found = self.getlist(name)
        if not found:
            raise KeyError(name)
        return found[0] if len(found) == 1 else found

    def __setitem__(self, name: str, value: Any) -> None:
        field = make_field(name, value)
        self.list[:] = [one for one in self.list if one.name != name]
        self.list.append(field)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.list[:] = [one for one in self.list if one.name != name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name()

    def has_key(self, name: str) -> bool:
        """Is there a field of this name?"""
        return name in self

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or the list of fields, of this name."""
        found = self.getlist(name)
        if not found:
            return default
        return found[0] if len(found) == 1 else found

    def getfirst(self, name: str, default: Any = None) -> Any:
        """The first field of this name."""
        fields = self.list
        index = fields.by_name if type(fields) is _Fields else None
        found = (self._by_name() if index is None else index).get(name)
        if not found:
            return default
        field = found[0]
        return field if type(field) is StringField else _looked_up(field)

    def getlist(self, name: str) -> list[Any]:
        """All fields of this name, in order."""
        fields = self.list
        index = fields.by_name if type(fields) is _Fields else None
        found = (self._by_name() if index is None else index).get(name, ())
        if len(found) == 1 and type(found[0]) is StringField:
            return [found[0]]
        return [_looked_up(field) for field in found]

    def add_field(self, name: str, value: Any) -> None:
        """Appends a field; others of this name stay."""
        self.list.append(make_field(name, value))

    def clear(self) -> None:
        """Removes all fields."""
        self.list.clear()

    def keys(self) -> list[str]:
        """The names, each once, in order."""
        fields = self.list
        index = fields.by_name if type(fields) is _Fields else None
        return list(self._by_name() if index is None else index)

    def items(self) -> list[tuple[str, Any]]:
        """(name, field) of all fields, in order."""
        return [(field.name, _looked_up(field)) for field in self.list]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._by_name())

    def __repr__(self) -> str:
        return repr(self.list)
