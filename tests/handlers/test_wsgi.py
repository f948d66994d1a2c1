# Licensed under the Apache License, Version 2.0; see LICENSE.
"""WSGI applications, one for each first part of PATH_INFO."""
from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain")]
events: list[str] = []  # what happened in earlier requests
kept: list[dict[str, Any]] = []
functions_kept: list[tuple[Any, Any]] = []


def _query(environ: dict[str, Any]) -> dict[str, str]:
    pairs = parse_qs(environ["QUERY_STRING"], encoding="latin-1")
    return {name: values[-1] for name, values in pairs.items()}


def _json(start_response: Any, value: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value).encode()]


class Watched:
    """A result that notes how it is used."""

    def __init__(self, name: str, items: Any) -> None:
        self.name = name
        self.items = iter(items)

    def __iter__(self) -> Watched:
        return self

    def __next__(self) -> bytes:
        return next(self.items)

    def close(self) -> None:
        events.append(f"{self.name} closed")


# -- requests ---------------------------------------------------------------


def environ(environ, start_response):
    return _json(start_response, {
        name: value if isinstance(value, (str, bool)) else repr(type(value))
        for name, value in environ.items()})


def built(environ, start_response):
    return _json(start_response, sorted(environ["wsgi.input"].build_wsgi_env()))


def keep(environ, start_response):
    kept.append(environ)
    return _json(start_response, [
        [one["PATH_INFO"], one["QUERY_STRING"], one.get("HTTP_X_NUMBER")]
        for one in kept])


def functions(environ, start_response):
    """Keeps its functions, and calls those that were kept before."""
    told = []
    for function, *given in [call for start, write in functions_kept for call in
                             ((start, "299 Late", TEXT), (write, b"late"))]:
        try:
            function(*given)
        except ReferenceError as error:
            told.append(str(error))
    same = [start_response is one[0] for one in functions_kept]
    write = start_response("200 OK", TEXT)
    functions_kept.append((start_response, write))
    write(json.dumps([told, same]).encode())
    return []


def taken_back(environ, start_response):
    """Functions that wait for their next request, found by force."""
    start_response("200 OK", TEXT)
    told = []
    for one in gc.get_objects():
        if (getattr(one, "__name__", "") in ("start_response", "write")
                and getattr(one, "__self__", 0) is None):
            try:
                one(b"data") if one.__name__ == "write" else one("200 OK", [])
            except ReferenceError as error:
                told.append(f"{one.__name__}: {error}")
    return [json.dumps(told).encode()]


def body(environ, start_response):
    """The body, read as ?how= says, and what the environ tells of it."""
    source = environ["wsgi.input"]
    pieces = {
        "read": lambda: [source.read(-1)],
        "some": lambda: iter(lambda: source.read(7), b""),
        "lines": lambda: iter(source.readline, b""),
        "readlines": lambda: source.readlines(-1),
        "iterate": lambda: iter(source),
    }[_query(environ)["how"]]()
    return _json(start_response, [
        environ.get("CONTENT_LENGTH"), environ.get("CONTENT_TYPE"),
        [piece.decode("latin-1") for piece in pieces]])


# -- responses ----------------------------------------------------------------


def hello(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"Hello ", b"World!\n"]


def status(environ, start_response):
    query = _query(environ)
    no_body = query["status"][:3] in ("204", "304")
    start_response(query["status"], [] if no_body else TEXT)
    return [query.get("body", "").encode()]


def headers(environ, start_response):
    start_response("200 OK", [
        *TEXT, ("Set-Cookie", "a=1"), ("X-Latin", "\xe4\xff"),
        ("Set-Cookie", "b=2"), ("X-Empty", "")])
    return []


def length(environ, start_response):
    """?length=, and then as many items as ?items= names."""
    query = _query(environ)
    start_response("200 OK", [*TEXT, ("Content-Length", query["length"])])
    return Watched("length", (item.encode()
                              for item in query["items"].split(",")))


def again(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-First", "1"), ("X-Both", "1"),
                              ("Content-Length", "100")])
    try:
        raise KeyError("wanted")
    except KeyError:
        start_response("503 Not Yet", [*TEXT, ("X-Both", "2")], sys.exc_info())
    return [b"again"]


def too_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"begun"
    time.sleep(0.05)  # longer than output may be held back
    try:
        raise KeyError("too late")
    except KeyError:
        start_response("500 Oops", TEXT, sys.exc_info())
    yield b"never sent"


def written(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def _wait_for(path: str) -> None:
    deadline = time.monotonic() + 10
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.005)


def stream(environ, start_response):
    """Yields an item whenever a file called after its number is there."""
    start_response("200 OK", TEXT)
    place = _query(environ)["place"]

    def items():
        for number in range(4):
            _wait_for(os.path.join(place, f"{number}"))
            yield b"item %d\n" % number

    return Watched("stream", items())


def endless(environ, start_response):
    """More than any client takes; ends when the client has gone."""
    start_response("200 OK", TEXT)
    return Watched("endless", (b"x" * 65536 for _ in range(20_000)))


def lazy(environ, start_response) -> Iterator[bytes]:
    """A generator: start_response() is called with the first item."""
    start_response("202 Later", TEXT)
    yield b""
    yield b"lazy"


class Counted(io.FileIO):
    """A file that notes each read."""

    def read(self, size=-1):
        events.append("read")
        return super().read(size)

    def close(self):
        if not self.closed:
            events.append("file closed")
        super().close()


def file(environ, start_response):
    """?path= from ?offset= on, Content-Length by ?length=."""
    query = _query(environ)
    source = Counted(query["path"])
    source.seek(int(query.get("offset", 0)))
    more = ([("Content-Length", query["length"])] if "length" in query
            else [])
    start_response("200 OK", [*TEXT, *more])
    return environ["wsgi.file_wrapper"](source, 1000)


def no_file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"abc" * 5000))


# -- what is wrong ---------------------------------------------------------------


def fails(environ, start_response):
    raise ZeroDivisionError("before anything")


def fails_started(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-Mine", "1"), ("Content-Length", "9")])
    return Watched("fails_started", (1 / 0 for _ in range(3)))


def fails_sent(environ, start_response):
    start_response("200 OK", TEXT)

    def items():
        yield b"x" * 100_000
        raise ZeroDivisionError("after the headers")

    return Watched("fails_sent", items())


def fails_close(environ, start_response):
    start_response("200 OK", TEXT)

    class Result(list):
        def close(self):
            raise ZeroDivisionError("in close")

    return Result([b"x" * 100_000])


def silent(environ, start_response):
    return []


def early(environ, start_response):
    return [b"data"]


def item(environ, start_response):
    """Items that are no bytes."""
    start_response("200 OK", TEXT)
    return {"str": ["\xe4", ""], "array": [bytearray(b"ab"), b"c"],
            "view": (memoryview(b"ab"),), "none": [None], "int": [1],
            "subclass": [type("Bytes", (bytes,), {})(b"sub")],
            }[_query(environ)["type"]]


def refused(environ, start_response):
    """What start_response() raises for wrong arguments."""
    def raised(*arguments):
        try:
            start_response(*arguments)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    ok = "200 OK"
    return _json(start_response, [raised(*arguments) for arguments in [
        (ok,), (ok, TEXT, None, None), (200, TEXT), ("200OK", TEXT),
        ("20 OK", TEXT), ("600 Far", TEXT), ("099 Low", TEXT), ("", TEXT),
        ("200 O\r\nX: 1", TEXT), ("200 \u20ac", TEXT), (ok, None),
        (ok, {"a": "b"}), (ok, ["ab"]), (ok, [("a",)]), (ok, [("a", 1)]),
        (ok, [("", "b")]), (ok, [("a b", "c")]), (ok, [("a:", "c")]),
        (ok, [("a", "b\r\nc: d")]), (ok, [("a", "b\0")]),
        (ok, [("a", "\u20ac")]), (ok, [("Connection", "close")]),
        (ok, [("transfer-ENCODING", "chunked")]),
        (ok, [("Content-Length", "-1")]), (ok, [("Content-Length", "1x")]),
        (ok, [("Content-Length", "9" * 19)]), (ok, TEXT, "exc_info"),
        (ok, TEXT, (None, None, None)),
    ]])


def lenient(environ, start_response):
    start_response(b"201 Made", ([b"X-Bytes", b"\xff"], ("X-Str", "s")))
    return (b"ok",)


def twice(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    start_response("201 Made", TEXT)
    return [b"twice"]


def sent_twice(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"x" * 100_000)
    start_response("201 Made", TEXT)


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("told by write\n")
    stream.writelines(["told by ", "writelines\n"])
    stream.flush()
    start_response("200 OK", TEXT)
    return []


def server_return(environ, start_response):
    from mod_python import apache
    raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)


# -- about these ----------------------------------------------------------------


def happened(environ, start_response):
    found, events[:] = events[:], []
    return _json(start_response, found)


def objects(environ, start_response):
    gc.collect()
    return _json(start_response, len(gc.get_objects()))


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0]
    found = globals().get(name)
    if name.startswith("_") or not callable(found):
        start_response("404 Not Found", TEXT)
        return [b"no such application\n"]
    return found(environ, start_response)


validated = validator(application)
not_callable = 1
