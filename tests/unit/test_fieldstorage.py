# Licensed under the Apache License, Version 2.0; see LICENSE.
"""util.FieldStorage and the fields, with a fake request."""
from __future__ import annotations

import pickle
import sys
import tempfile
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_fakes import Request, ServerReturn, httpd_fake

from mod_python import util

__all__ = ["httpd_fake"]
pytestmark = pytest.mark.usefixtures("httpd_fake")

URLENCODED = "application/x-www-form-urlencoded"
any_text = st.text(st.characters(blacklist_categories=["Cs"]))


def form(body: bytes = b"", args: str | None = None,
         kind: str | None = URLENCODED, method: str = "POST",
         options: dict[str, str] | None = None, **keywords: Any
         ) -> util.FieldStorage:
    return util.FieldStorage(request(body, args, kind, method, options),
                             **keywords)


def request(body: bytes = b"", args: str | None = None,
            kind: str | None = URLENCODED, method: str = "POST",
            options: dict[str, str] | None = None) -> Request:
    req = Request(body, args=args, method=method)
    if kind:
        req.headers_in["Content-Type"] = kind
    for key, value in (options or {}).items():
        req.options["mod_python.form." + key] = value
    return req


def part(name: str, value: bytes, filename: str | None = None,
         extra: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    return (head + "\r\n" + extra + "\r\n").encode() + value


def multipart(*parts: bytes, boundary: str = "bb") -> bytes:
    line = b"--" + boundary.encode()
    return b"".join(line + b"\r\n" + one + b"\r\n" for one in parts) + (
        line + b"--\r\n")


MULTIPART = "multipart/form-data; boundary=bb"


def refused(status: int, code: str, *args: Any, **keywords: Any) -> Request:
    req = request(*args, **keywords)
    with pytest.raises(ServerReturn) as caught:
        util.FieldStorage(req)
    assert caught.value.args == (status,)
    assert len(req.log) == 1
    assert req.log[0].startswith(code + ": ")
    return req


# ---- where fields come from ----

def test_query_and_body_in_order() -> None:
    fs = form(b"b=2&a=3", "a=1")
    assert fs.items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert fs.keys() == ["a", "b"]
    assert fs["a"] == ["1", "3"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("kind", [URLENCODED, None, URLENCODED.upper()
                                  + "; charset=latin-1"])
def test_body_of_methods(method: str, kind: str | None) -> None:
    assert form(b"a=%C3%A4", method=method, kind=kind)["a"] == "ä"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_no_body_of_others(method: str) -> None:
    assert form(b"a=1", "b=2", method=method).keys() == ["b"]


def test_other_types_are_refused() -> None:
    refused(415, "MP0607", b"{}", kind="application/json")
    refused(415, "MP0607", b"x", kind="text/plain")


def test_blank_and_strict() -> None:
    assert form(b"a=&b").keys() == []
    assert form(b"a=&b", keep_blank_values=1).keys() == ["a", "b"]
    for body in (b"a=1&b", b"a=1&&b=2", b"a=1&"):
        with pytest.raises(ValueError, match="field"):
            form(body, strict_parsing=1)
    assert form(b"", strict_parsing=1).keys() == []


@given(st.lists(st.tuples(any_text, any_text), max_size=40),
       st.integers(1, 50))
def test_urlencoded_at_any_block_size(pairs: list[tuple[str, str]],
                                      size: int) -> None:
    before, util.readBlockSize = util.readBlockSize, size
    try:
        fs = form(urlencode(pairs).encode(), keep_blank_values=1)
    finally:
        util.readBlockSize = before
    assert fs.items() == pairs


def test_every_byte_of_a_value() -> None:
    raw = bytes(range(256))
    body = b"a=" + b"".join(b"%%%02x" % byte for byte in raw)
    value = form(body)["a"]
    assert value.encode("utf-8", "surrogateescape") == raw


# ---- multipart ----

def test_multipart() -> None:
    fs = form(multipart(
        part("ä", "öü".encode()),
        part("file", b"\0\xff\r\n", "naïve.bin",
             "Content-Type: Application/X; a=b\r\nX-Other: 1\r\n"),
        part("empty", b"", ""),
    ), "q=1", MULTIPART)
    assert fs.keys() == ["q", "ä", "file", "empty"]
    text = fs["ä"]
    assert text == "öü"
    assert (text.name, text.filename, text.type) == ("ä", None, "text/plain")
    assert text.disposition == "form-data"
    assert text.file.read() == "öü".encode()
    upload = fs["file"]
    assert upload.value == b"\0\xff\r\n"
    assert upload.file.read() == b"\0\xff\r\n"
    assert upload.filename == "naïve.bin"
    assert upload.type == "Application/X"
    assert upload.type_options == {"a": "b"}
    assert upload.disposition_options == {"name": "file",
                                          "filename": "naïve.bin"}
    assert upload.headers["X-Other"] == "1"
    assert fs["empty"].filename == ""
    assert repr(upload) == r"Field('file', b'\x00\xff\r\n')"
    assert repr(text) == "Field('ä', 'öü')"


def test_names_that_are_not_utf_8() -> None:
    raw = part("n", b"v", "f").replace(b'"n"', b'"\xe4"').replace(
        b'"f"', b'"\xff\x85"')
    field = form(multipart(raw), kind=MULTIPART).list[0]
    assert (field.name, field.filename) == ("\udce4", "\udcff\udc85")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)),
                min_size=1, max_size=8), st.integers(1, 200))
def test_multipart_at_any_block_size(parts: list[tuple[bool, bytes]],
                                     size: int) -> None:
    body = multipart(*(
        part(f"n{number}", data, "f" if upload else None)
        for number, (upload, data) in enumerate(parts)), boundary="X-9-X")
    before, util.readBlockSize = util.readBlockSize, size
    try:
        fs = form(body, kind="multipart/form-data; boundary=X-9-X")
    finally:
        util.readBlockSize = before
    assert [field.file.read() for field in fs.list] == [
        data for _, data in parts]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 300))
def test_broken_multipart_is_400(noise: bytes, cut: int) -> None:
    body = multipart(part("a", b"1"), part("b", b"2", "f"))
    broken = body[:cut] + noise + body[cut + 7:]
    req = request(broken, kind=MULTIPART)
    try:
        util.FieldStorage(req)
    except ServerReturn as error:
        assert error.args == (400,)  # noqa: PT017 - may also be fine
        assert len(req.log) == 1


@pytest.mark.parametrize("body", [
    b"", b"x", b"--bb", b"--bb\r\n\r\n", b"--bb\r\n\r\nx\r\n--bb--",
    multipart(part("a", b"1"))[:-6],
    b"--bb\r\nContent-Disposition: form-data; name=a\r\n",
])
def test_malformed_multipart(body: bytes) -> None:
    refused(400, "MP0606", body, kind=MULTIPART)


@pytest.mark.parametrize("kind", [
    "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 201])
def test_bad_boundary(kind: str) -> None:
    refused(400, "MP0605", b"x", kind=kind)


def test_part_headers_over_the_limit() -> None:
    long = part("a", b"", extra="X: " + "x" * 17_000 + "\r\n")
    refused(400, "MP0606", multipart(long), kind=MULTIPART)
    many = part("a", b"", extra=("X: " + "x" * 4_000 + "\r\n") * 5)
    refused(400, "MP0606", multipart(many), kind=MULTIPART)
    counted = part("a", b"", extra="X: y\r\n" * 40)
    refused(400, "MP0606", multipart(counted), kind=MULTIPART)
    fine = part("a", b"1", extra="X: " + "x" * 16_000 + "\r\n")
    assert form(multipart(fine), kind=MULTIPART)["a"] == "1"


def test_second_storage_finds_the_body_consumed() -> None:
    for kind, body in ((MULTIPART, multipart(part("a", b"1"))),
                       (URLENCODED, b"a=1")):
        req = request(body, "q=1", kind)
        assert util.FieldStorage(req).keys() == ["q", "a"]
        assert util.FieldStorage(req).keys() == ["q"]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multipart", None)
    req = refused(500, "MP0601", multipart(part("a", b"1")), kind=MULTIPART)
    assert "pip install 'multipart>=1.3,<2'" in req.log[0]
    assert form(b"a=1")["a"] == "1"


def test_callbacks() -> None:
    made: list[Any] = []

    def upload(filename: str) -> BytesIO:
        made.append(filename)
        return BytesIO()

    def field() -> BytesIO:
        made.append("field")
        return BytesIO()

    fs = form(multipart(part("a", b"1"), part("b", b"2", "n.txt")),
              kind=MULTIPART, file_callback=upload, field_callback=field)
    assert made == ["field", "n.txt"]
    assert isinstance(fs["b"].file, BytesIO)
    assert fs["a"].file.read() == b"1"


def test_what_a_text_part_says_of_itself() -> None:
    body = (b'--bb\r\nContent-Disposition: form-data; name="a"; x=\xe4\r\n'
            b'Content-Type: text/html; charset=latin-1\r\nX-More: 1\r\n\r\n'
            b'v\xff\r\n--bb--\r\n')
    field = form(body, kind=MULTIPART)["a"]
    assert field == "v\udcff"
    assert field.headers["X-More"] == "1"
    assert (field.type, field.type_options) == (
        "text/html", {"charset": "latin-1"})
    assert field.disposition == "form-data"
    assert field.disposition_options == {"name": "a", "x": "\udce4"}
    assert field.file.read() == b"v\xff"
    assert field.file is field.file
    field.type = "text/plain"  # may be changed as ever
    assert field.type == "text/plain"


@pytest.mark.parametrize("how", ["subclass", "replaced"])
def test_another_make_field_is_used(
        how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[BytesIO] = []

    def make_field(self: Any) -> BytesIO:
        made.append(BytesIO())
        return made[-1]

    if how == "subclass":
        kind = type("Own", (util.FieldStorage,), {"make_field": make_field})
    else:
        kind = util.FieldStorage
        monkeypatch.setattr(util.FieldStorage, "make_field", make_field)
    fs = kind(request(multipart(part("a", b"text")), kind=MULTIPART))
    assert fs["a"] == "text"
    assert fs["a"].file is made[0]


def test_files_are_closed_with_their_field() -> None:
    fs = form(multipart(part("b", b"2", "n.txt")), kind=MULTIPART)
    file = fs["b"].file
    fs.clear()
    assert file.closed


def test_an_upload_cut_short_is_closed() -> None:
    files = []

    def upload(filename: str) -> Any:
        files.append(tempfile.TemporaryFile())
        return files[-1]

    with pytest.raises(ServerReturn):
        form(multipart(part("b", b"2" * 100, "n"))[:-20], kind=MULTIPART,
             file_callback=upload)
    assert files[0].closed


# ---- limits ----

def test_max_fields() -> None:
    limit = {"max_fields": "5"}
    assert len(form(b"a=1&b=2&c=3", "d=1&e=2", options=limit)) == 5
    refused(400, "MP0602", b"a=1&b=2&c=3&d", "e=1&f=2&g=1", options=limit)
    refused(400, "MP0602", multipart(*[part("a", b"")] * 6), kind=MULTIPART,
            options=limit)
    refused(400, "MP0602", args="a=1&" * 6, options=limit)
    assert len(form(b"a=1&" * 2000, options={"max_fields": "0"}).list) == 2000


def test_max_body_by_content_length_before_reading() -> None:
    req = refused(413, "MP0604", b"a=" + b"x" * 100,
                  options={"max_body": "101"})
    assert req.read_length == 0
    assert form(b"a=" + b"x" * 100, options={"max_body": "102"}).keys() == [
        "a"]


def test_max_body_of_a_chunked_body() -> None:
    body = multipart(part("a", b"x" * 500_000, "f"))
    req = request(body, kind=MULTIPART, options={"max_body": "100000"})
    del req.headers_in["Content-Length"]
    with pytest.raises(ServerReturn) as caught:
        util.FieldStorage(req)
    assert caught.value.args == (413,)
    assert req.read_length < 100_000 + 2 * util.readBlockSize


def test_max_memory() -> None:
    limit = {"max_memory": "1000"}
    big = b"x" * 400_000
    for body, kind in ((b"a=" + big, URLENCODED),
                       (b"a=1&" + b"b=" + b"%41" * 1001, URLENCODED),
                       (multipart(part("a", big)), MULTIPART),
                       (multipart(part("a" * 2000, b"")), MULTIPART)):
        req = refused(413, "MP0603", body, kind=kind, options=limit)
        assert req.read_length <= 2 * util.readBlockSize
    # uploads do not count, and escapes count as what they stand for
    assert form(multipart(part("a", big, "f")), kind=MULTIPART,
                options=limit)["a"].value == big
    assert form(b"a=" + b"%41" * 998, options=limit)["a"] == "A" * 998


def test_invalid_limit() -> None:
    req = refused(500, "MP0600", b"a=1", options={"max_body": "1G"})
    assert "mod_python.form.max_body" in req.log[0]


# ---- the mapping ----

def test_mapping() -> None:
    fs = form(b"a=1&b=2&a=3")
    assert "a" in fs
    assert fs.has_key("b")
    assert not fs.has_key("c")
    assert fs.get("a") == ["1", "3"]
    assert fs.get("b") == "2"
    assert fs.get("c") is None
    assert fs.get("c", "x") == "x"
    assert fs.getfirst("a") == "1"
    assert fs.getfirst("c", 5) == 5
    assert fs.getlist("a") == ["1", "3"]
    assert fs.getlist("c") == []
    assert list(fs) == ["a", "b"]
    assert len(fs) == 2
    assert repr(fs) == "[Field('a', '1'), Field('b', '2'), Field('a', '3')]"
    with pytest.raises(KeyError):
        fs["c"]
    fs["a"] = "new"
    assert fs.items() == [("b", "2"), ("a", "new")]
    fs["a"] = "ä".encode()
    assert fs["a"] == "ä"
    fs.add_field("a", "more")
    assert fs["a"] == ["ä", "more"]
    del fs["a"]
    assert "a" not in fs
    with pytest.raises(KeyError):
        del fs["a"]
    with pytest.raises(TypeError):
        fs["a"] = 5
    fs.clear()
    assert not fs


def test_the_list_may_be_changed() -> None:
    fs = form(b"a=1")
    fs.list.append(util.Field("b", StringIO("text"), "text/plain", {},
                              None, {}))
    fs.list.append(util.Field("c", BytesIO(b"up"), "text/plain", {},
                              "form-data", {"filename": "x"}))
    assert fs["b"] == "text"
    assert isinstance(fs["b"], util.StringField)
    assert fs["c"].value == b"up"
    fs["d"] = util.Field("x", BytesIO(b"1"), disposition_options={
        "filename": "f"})
    assert fs["d"].name == "d"
    assert fs.list.index(fs["d"]) == 3
    for change in (lambda: fs.list.insert(0, util.StringField("", "e")),
                   lambda: fs.list.extend([util.StringField("1", "f")]),
                   lambda: fs.list.pop(), fs.list.reverse,
                   lambda: fs.list.__delitem__(0)):
        change()
        assert fs.keys() == [one.name for one in fs.list]
    fs.list += [util.StringField("1", "g")]
    assert fs["g"] == "1"
    fs.list = fs.list[:1]
    assert fs.keys() == ["c"]
    fs.list.append(util.StringField("2", "h"))
    assert fs.keys() == ["c", "h"]


def test_string_field() -> None:
    field = util.StringField("v", "n")
    assert field == "v"
    assert type(field.value) is str
    assert repr(field) == "Field('n', 'v')"
    copy = pickle.loads(pickle.dumps(field))
    assert type(copy) is str
    assert copy == "v"


def test_field_value_keeps_the_position() -> None:
    field = util.Field("n", BytesIO(b"abcdef"))
    field.file.read(2)
    assert field.value == b"abcdef"
    assert field.file.read() == b"cdef"
    assert repr(util.Field("n", BytesIO(b"x" * 5000))).endswith("'...)")
    assert util.Field("n").value == b""


# ---- redirect ----

def test_redirect() -> None:
    req = Request()
    with pytest.raises(ServerReturn) as caught:
        util.redirect(req, '/a?"b"&c')
    assert caught.value.args == (-2,)
    assert req.status == 302
    assert req.err_headers_out["Location"] == '/a?"b"&c'
    assert b'href="/a?&quot;b&quot;&amp;c"' in req.output
    assert req.content_type == "text/html; charset=UTF-8"


def test_redirect_permanent_with_text() -> None:
    req = Request(content_type="text/plain")
    with pytest.raises(ServerReturn):
        util.redirect(req, "/x", permanent=1, text="moved")
    assert (req.status, req.output, req.content_type) == (
        301, b"moved", "text/plain")


@pytest.mark.parametrize("location", ["/\r\nX: y", "/\n", "/\r", "/\0"])
def test_redirect_refuses_line_breaks(location: str) -> None:
    req = Request()
    with pytest.raises(ValueError, match="line break"):
        util.redirect(req, location)
    assert (req.status, req.output) == (200, b"")


def test_redirect_after_output() -> None:
    with pytest.raises(OSError, match="already"):
        util.redirect(Request(sent_bodyct=1), "/")
