# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Parsing of query strings and header parameters."""
from __future__ import annotations

from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mod_python import _forms, util

text = st.text(st.characters(blacklist_categories=["Cs"]))
pairs = st.lists(st.tuples(text, text))


@given(pairs)
def test_round_trip_of_text(given_pairs: list[tuple[str, str]]) -> None:
    encoded = urlencode(given_pairs)
    assert util.parse_qsl(encoded, 1) == given_pairs
    assert util.parse_qsl(encoded.encode(), 1) == [
        (name.encode(), value.encode()) for name, value in given_pairs]


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_round_trip_of_bytes(given_pairs: list[tuple[bytes, bytes]]) -> None:
    encoded = "&".join(quote_from_bytes(name) + "=" + quote_from_bytes(value)
                       for name, value in given_pairs)
    assert util.parse_qsl(encoded.encode(), 1) == given_pairs
    assert [(n.encode("utf-8", "surrogateescape"),
             v.encode("utf-8", "surrogateescape"))
            for n, v in util.parse_qsl(encoded, 1)] == given_pairs


@given(st.lists(st.sampled_from(
    [b"a", b"&", b"=", b"+", b"%26%00%3D", b"%26\0=", b"&\0=", b"%", b"%C3",
     b"\xa4", b"%4", b"1"])).map(b"".join), st.booleans())
def test_forms_are_read_as_urllib_does(query: bytes, keep: bool) -> None:
    assert _forms.parse_flat(query, keep, 0) == [
        _forms.to_text(one)
        for pair in _forms.parse_qsl_bytes(query, keep) for one in pair]


@given(st.lists(st.sampled_from(
    ["a", "&", "=", "b=c", "%41", "+", "\xe4", "\udcc3", "\udca9", "\ud800",
     "\0", "x" * 150])).map("".join), st.booleans())
def test_short_and_long_texts_are_read_alike(query: str, keep: bool) -> None:
    assert _forms.parse_flat_text(query, keep, 0) == _forms.parse_flat(
        _forms.to_bytes(query), keep, 0)


@given(st.text(st.characters()) | st.binary(), st.booleans())
def test_nothing_raises(query: str | bytes, keep: bool) -> None:
    for name, value in util.parse_qsl(query, keep):
        assert type(name) is type(query) is type(value)
    assert isinstance(util.parse_qs(query, keep), dict)
    util.parse_header(query)


@pytest.mark.parametrize(("query", "expected"), [
    ("", []),
    ("a=1&b=2", [("a", "1"), ("b", "2")]),
    ("a=1;b=2", [("a", "1;b=2")]),
    ("a=&b", []),
    ("a+b=c+d", [("a b", "c d")]),
    ("a=%e4", [("a", "\udce4")]),
    ("a=\udce4", [("a", "\udce4")]),
    ("a=\udcc3%a4", [("a", "ä")]),
    ("a=%", [("a", "%")]),
    ("a=%zz&&=x", [("a", "%zz"), ("", "x")]),
    ("a=b=c", [("a", "b=c")]),
])
def test_query_strings(query: str, expected: list[tuple[str, str]]) -> None:
    assert util.parse_qsl(query) == expected


def test_blank_values_and_separator() -> None:
    assert util.parse_qsl("a=&b", 1) == [("a", ""), ("b", "")]
    assert util.parse_qsl("a=1;b=2", separator=";") == [("a", "1"),
                                                        ("b", "2")]
    assert util.parse_qs("a=1&b=2&a=3") == {"a": ["1", "3"], "b": ["2"]}
    assert util.parse_qs(b"a=1&a=3") == {b"a": [b"1", b"3"]}


@pytest.mark.parametrize("query", ["a", "a=1&", "&a=1", "a=1&&b=2"])
def test_strict_parsing(query: str) -> None:
    with pytest.raises(ValueError, match="field"):
        util.parse_qsl(query, strict_parsing=1)


@pytest.mark.parametrize(("line", "expected"), [
    ("text/plain", ("text/plain", {})),
    ("", ("", {})),
    ("text/html; charset=utf-8", ("text/html", {"charset": "utf-8"})),
    ('form-data; NAME="a;b"; filename="x\\"y"',
     ("form-data", {"name": "a;b", "filename": 'x"y'})),
    ("a;;b=;c", ("a", {"b": ""})),
    (b"a; B=\xe4", (b"a", {b"b": b"\xe4"})),
])
def test_headers(line: str | bytes, expected: object) -> None:
    assert util.parse_header(line) == expected
