# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.cache, which needs no httpd."""
from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from mod_python import cache


class Numbers(cache.Cache):
    """Counts what it builds."""

    def __init__(self, max_size: int = 0) -> None:
        super().__init__(max_size)
        self.built: list[Any] = []
        self.commits = 0
        self.stale: set[Any] = set()

    def key(self, name: Any) -> Any:
        return name.lower()

    def check(self, key: Any, name: Any, entry: Any) -> Any:
        return "opened" if key in self.stale else None

    def build(self, key: Any, name: Any, opened: Any, entry: Any) -> Any:
        self.built.append((key, name, opened))
        return len(self.built)

    def commit(self) -> None:
        self.commits += 1


def test_build_and_keep() -> None:
    numbers = Numbers()
    assert numbers["A"] == 1
    assert numbers["a"] == 1
    assert numbers["b"] == 2
    assert numbers.built == [("a", "A", None), ("b", "b", None)]
    assert numbers.commits == 2
    numbers.stale.add("a")
    assert numbers["a"] == 3
    assert numbers.built[-1] == ("a", "a", "opened")
    numbers["c"] = 10
    assert numbers["C"] == 10
    del numbers["a"]
    assert "A" not in numbers
    assert len(numbers) == 2
    with pytest.raises(KeyError):
        del numbers["a"]
    numbers.clear()
    assert len(numbers) == 0
    with pytest.raises(NotImplementedError):
        cache.Cache()["x"]


def test_least_recently_used() -> None:
    numbers = Numbers(3)
    for name in "abc":
        numbers[name]
    assert (numbers.mru(), numbers.lru()) == ("c", "a")
    numbers["a"]
    assert (numbers.mru(), numbers.lru()) == ("a", "b")
    numbers["d"]
    assert "b" not in numbers
    assert len(numbers) == 3
    numbers.clear()
    for ask in (numbers.mru, numbers.lru):
        with pytest.raises(KeyError):
            ask()


def test_a_failed_build_leaves_nothing() -> None:
    numbers = Numbers()
    numbers["b"]

    class Failing(Numbers):
        def build(self, *_args: Any) -> Any:
            raise ValueError("no")

    failing = Failing()
    with pytest.raises(ValueError, match="no"):
        failing["a"]
    assert len(failing) == 0
    failing["b"] = 1
    failing.stale.add("b")
    with pytest.raises(ValueError, match="no"):
        failing["b"]
    failing.stale.clear()
    assert failing["b"] == 1


def test_one_builder_for_each_entry() -> None:
    class Slow(Numbers):
        def build(self, *args: Any) -> Any:
            time.sleep(0.05)
            return super().build(*args)

    slow = Slow()
    got: list[Any] = []
    threads = [threading.Thread(target=lambda name=name: got.append(
        (name, slow[name]))) for name in "ab" * 5]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slow.built) == 2
    assert len(set(got)) == 2
    assert time.monotonic() - began < 0.5


def test_weak() -> None:
    class Value:
        pass

    class Weak(cache.WeakCache):
        def build(self, *_args: Any) -> Any:
            return Value()

    weak = Weak()
    one = weak["a"]
    assert weak["a"] is one
    del one
    gc.collect()
    assert weak._unpack(weak._entry("a")) is cache.NOT_INITIALIZED
    assert isinstance(weak["a"], Value)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    os.utime(file, (1, 1))
    contents = cache.FileCache()
    assert contents[str(file)] == b"one"
    assert contents[file] is contents[str(tmp_path) + "/./f"]
    file.write_text("two")
    assert contents[file] == b"two"
    contents.clear()
    assert cache.FileCache(5, "r")[file] == "two"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        contents[file]
    assert len(contents) == 0


def test_modules(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("x = 1")
    modules = cache.ModuleCache()
    module = modules[file]
    assert (module.x, module.__name__, module.__file__) == (1, "m", str(file))
    assert modules[str(file)] is module
    file.write_text("x = 22")
    assert modules[file].x == 22
    file.write_text("1/0 #")
    with pytest.raises(ZeroDivisionError):
        modules[file]


def test_functions() -> None:
    calls: list[Any] = []

    def function(*args: Any, **kw: Any) -> Any:
        calls.append((args, kw))
        return len(calls)

    cached = cache.FunctionCache(function, 2)
    assert cached(1, b=2, a=3) == cached(1, a=3, b=2) == 1
    assert cached(2) == 2
    assert cached(3) == 3
    assert cached(1, a=3, b=2) == 4
    assert len(cached) == 2


@pytest.fixture
def server() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        requests: list[Any] = []
        headers_out: dict[str, str] = {}
        body = b"x = 1"
        status = 200

        def do_GET(self) -> None:
            self.requests.append(dict(self.headers))
            etag = self.headers_out.get("ETag")
            status = self.status
            if etag and self.headers["If-None-Match"] == etag:
                status = 304
            self.send_response(status)
            for name, value in self.headers_out.items():
                self.send_header(name, value)
            self.end_headers()
            if status != 304:
                self.wfile.write(self.body)

        def log_message(self, *_args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    Handler.url = f"http://127.0.0.1:{http.server_port}/m.py"  # type: ignore[attr-defined]
    yield Handler
    http.shutdown()
    thread.join()
    http.server_close()


def test_http(server: Any) -> None:
    resources = cache.HTTPCache(timeout=5)
    entity = resources[server.url]
    assert entity.entity == b"x = 1"
    assert "server" in entity.metadata
    assert str(entity) == "x = 1"
    assert repr(entity).startswith("HTTPEntity(b'x = 1', {")
    server.headers_out["ETag"] = '"1"'
    first = resources[server.url]
    assert first is not entity
    assert resources[server.url] is first
    assert server.requests[-1]["If-None-Match"] == '"1"'
    server.headers_out["Cache-Control"] = "max-age=60"
    assert resources[server.url] is first
    count = len(server.requests)
    assert resources[server.url] is first
    assert len(server.requests) == count
    resources.clear()
    server.status = 404
    with pytest.raises(HTTPError, match="404") as caught:
        resources[server.url]
    caught.value.close()


def test_http_modules(server: Any) -> None:
    module = cache.HttpModuleCache()[server.url]
    assert module.x == 1
    assert module.__name__ == "m"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "x"])
def test_only_http(url: str) -> None:
    with pytest.raises(ValueError, match="HTTP"):
        cache.HTTPCache()[url]


@pytest.mark.parametrize(("headers", "fresh"), [
    ({}, False), ({"Cache-Control": "max-age=5"}, True),
    ({"Cache-Control": "no-store, max-age=5"}, False),
    ({"Cache-Control": "max-age=0"}, False),
    ({"Date": "Thu, 01 Jan 1970 00:00:00 GMT",
      "Expires": "Thu, 01 Jan 1970 00:01:00 GMT"}, True),
    ({"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Expires": "0"}, False),
    ({"Expires": "Thu, 01 Jan 1970 00:01:00 GMT"}, False),
])
def test_lifetime(headers: dict[str, str], fresh: bool) -> None:
    from email.message import Message

    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert (cache._fresh_until(message) > time.monotonic()) == fresh
