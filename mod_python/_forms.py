# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Text of form data: query strings and header parameters, without a request.

Everything here is pure. ``urllib.parse`` does the work; what is added are our
rules for text: str gives str with undecodable bytes kept as escaped
surrogates, bytes give bytes, and no input raises unless it is asked for.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import AnyStr


def to_text(data: bytes) -> str:
    """Bytes of a client as str, by the text rule of the module."""
    return data.decode("utf-8", "surrogateescape")


def latin_to_text(latin: str) -> str:
    """Text of a client that was decoded as latin-1, where no byte is an error."""
    return latin if latin.isascii() else to_text(latin.encode("latin-1"))


def to_bytes(text: str) -> bytes:
    """The bytes of a client's text; no str raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that escapes no byte
        return text.encode("utf-8", "surrogatepass")


def parse_qsl_bytes(
    qs: bytes,
    keep_blank_values: object = 0,
    strict_parsing: object = 0,
    separator: bytes = b"&",
) -> list[tuple[bytes, bytes]]:
    """The (name, value) pairs of a query string, in order.

    Works on latin-1 text inside, where every byte is one character, so that
    raw bytes and %XX escapes come out alike.
    """
    pairs = urllib.parse.parse_qsl(
        qs.decode("latin-1"),
        keep_blank_values=bool(keep_blank_values),
        strict_parsing=bool(strict_parsing),
        encoding="latin-1",
        separator=separator.decode("latin-1"),
    )
    return [(n.encode("latin-1"), v.encode("latin-1")) for n, v in pairs]


# Between names and values that are decoded all at once; if they hold it
# themselves they are decoded one by one.
_MARK = b"&\0="
_TEXT_MARK = _MARK.decode()
_NO_MARKS = bytes(set(range(256)) - set(b"&="))


def parse_flat(
    qs: bytes, keep_blank_values: object, strict_parsing: object
) -> list[str]:
    """Name, value, name, value ... that parse_qsl() gives for the text of qs,
    in a quarter of the time."""
    if not qs:
        return []
    if not strict_parsing:
        parts = _cut(qs.replace(b"+", b" "), keep_blank_values)
        joined = _MARK.join(parts)
        if b"%" in joined:
            joined = urllib.parse.unquote_to_bytes(joined)
        texts = to_text(joined).split(_TEXT_MARK)
        if len(texts) == len(parts):
            return texts
    pairs = parse_qsl_bytes(qs, keep_blank_values, strict_parsing)
    return [to_text(one) for pair in pairs for one in pair]


# Up to this length the pairs of a text are told apart one by one: even twenty
# of them then cost no more than all at once.
_SHORT = 80


def parse_flat_text(
    qs: str, keep_blank_values: object, strict_parsing: object
) -> list[str]:
    """The same of a text; of a short one that needs no decoding in as little as a
    third of the time."""
    if (
        len(qs) > _SHORT
        or "%" in qs
        or "+" in qs
        or strict_parsing
        or not qs.isascii()
    ):
        return parse_flat(to_bytes(qs), keep_blank_values, strict_parsing)
    flat: list[str] = []
    for pair in qs.split("&"):
        name, _, value = pair.partition("=")
        if value or (keep_blank_values and pair):
            flat.append(name)
            flat.append(value)
    return flat


def _cut(qs: bytes, keep_blank_values: object) -> list[bytes]:
    """Names and values of a query string that are not decoded yet."""
    marks = qs.translate(None, _NO_MARKS)
    if (
        marks == b"=&" * (len(marks) // 2) + b"="  # of each pair one, as a rule
        and (keep_blank_values or (b"=&" not in qs and qs[-1] != 61))
    ):
        return qs.replace(b"&", b"=").split(b"=")
    parts: list[bytes] = []
    for part in qs.split(b"&"):
        name, _, value = part.partition(b"=")
        if value or (keep_blank_values and part):
            parts += name, value
    return parts


def parse_qsl(
    qs: AnyStr,
    keep_blank_values: object = 0,
    strict_parsing: object = 0,
    separator: str | bytes = "&",
) -> list[tuple[AnyStr, AnyStr]]:
    """The (name, value) pairs of a query string, in order.

    str gives str, bytes give bytes. Pairs without a value are left out unless
    keep_blank_values is true. With strict_parsing a malformed pair raises
    ValueError, otherwise nothing does (but an empty separator). Only ``&``
    separates, unless another separator is given.
    """
    if isinstance(separator, str):
        separator = to_bytes(separator)
    if isinstance(qs, str):
        if separator == b"&":
            flat = parse_flat_text(qs, keep_blank_values, strict_parsing)
            return list(zip(flat[::2], flat[1::2], strict=True))
        pairs = parse_qsl_bytes(
            to_bytes(qs), keep_blank_values, strict_parsing, separator
        )
        return [(to_text(name), to_text(value)) for name, value in pairs]
    return parse_qsl_bytes(bytes(qs), keep_blank_values, strict_parsing, separator)


def parse_qs(
    qs: AnyStr,
    keep_blank_values: object = 0,
    strict_parsing: object = 0,
    separator: str | bytes = "&",
) -> dict[AnyStr, list[AnyStr]]:
    """The same as a dict: name -> list of values in order."""
    result: dict[AnyStr, list[AnyStr]] = {}
    for name, value in parse_qsl(qs, keep_blank_values, strict_parsing, separator):
        result.setdefault(name, []).append(value)
    return result


class Urlencoded:
    """Takes an application/x-www-form-urlencoded body piece by piece.

    feed() gives the pairs that are complete; what is kept is at most one
    pair, and never more than limit bytes of it (None: no limit).
    """

    def __init__(
        self,
        keep_blank_values: object = 0,
        strict_parsing: object = 0,
        limit: int | None = None,
    ) -> None:
        self._keep_blank = keep_blank_values
        self._strict = strict_parsing
        self._limit = limit
        self._rest = b""
        self._any = False  # was there something before the rest?

    def feed(self, data: bytes) -> list[str]:
        """Names and values of the pairs that end in data, in turn.

        Raises ValueError with strict_parsing, OverflowError over the limit.
        """
        head, found, rest = (self._rest + data).rpartition(b"&")
        self._rest = rest
        if self._limit is not None and len(rest) > self._limit:
            raise OverflowError("a form field is too long")
        if not found:
            return []
        self._any = True
        return self._parse(head)

    def close(self, data: bytes = b"") -> list[str]:
        """The same of data, which nothing follows."""
        rest, self._rest = self._rest + data, b""
        if not self._any and not rest:
            return []
        return self._parse(rest)

    def _parse(self, data: bytes) -> list[str]:
        if self._strict and b"" in data.split(b"&"):
            raise ValueError("empty field in a form")
        return parse_flat(data, self._keep_blank, self._strict)


# A piece of a header up to a semicolon outside of quotes. Quotes that nobody
# closes reach to the end.
_PIECE = re.compile(r'''(?:[^;"]+|"(?:[^"\\]+|\\.)*(?:"|\\?\Z))*''', re.DOTALL)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)


def _parts(text: str) -> list[str]:
    """Splits at semicolons outside quoted strings."""
    if '"' not in text:
        return text.split(";")
    parts, place = [], -1
    while place < len(text):
        piece = _PIECE.match(text, place + 1)
        assert piece is not None  # it matches nothing, too
        parts.append(piece[0])
        place = piece.end()
    return parts


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(r"\1", value[1:-1]) if "\\" in value else value[1:-1]


def parse_header(line: AnyStr) -> tuple[AnyStr, dict[AnyStr, AnyStr]]:
    """The value of a header such as Content-Type and its parameters.

    Names of parameters are in lower case, quotes are taken off. str gives
    str, bytes give bytes; nothing raises.
    """
    if isinstance(line, bytes):
        value, parameters = parse_header(line.decode("latin-1"))
        return value.encode("latin-1"), {
            name.lower().encode("latin-1", "ignore"): text.encode("latin-1")
            for name, text in parameters.items()
        }
    if ";" not in line:
        return line.strip(), {}
    first, *others = _parts(line)
    result = {}
    for part in others:
        name, found, text = part.partition("=")
        if found:
            result[name.strip().lower()] = _unquoted(text.strip())
    return first.strip(), result
