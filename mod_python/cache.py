# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Caches that build what is missing or stale: of files, of HTTP resources,
of modules and of results of functions. Works anywhere; thread-safe.

``cache[name]`` gives a value. A subclass says how: key(name) under what it
is kept, check() whether it is stale, build() how to make it. Different
entries are built at the same time, each by one thread while others wait.
"""

from __future__ import annotations

import email.utils
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock, RLock
from types import ModuleType
from typing import Any

NOT_INITIALIZED: Any = object()  # the value of an entry that was not built yet


class Entry:
    """One entry of a cache; check() and build() may keep attributes in it."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self._value: Any = NOT_INITIALIZED
        self._lock = RLock()  # held while it is checked and built

    def __repr__(self) -> str:
        return f"<Entry {self._key!r}>"


class Cache:
    """A cache of max_size entries, beyond which the least recently used is
    dropped; 0: no limit."""

    def __init__(self, max_size: int = 0) -> None:
        self._max_size = max_size
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._lock = Lock()  # of _entries; never held while building

    # ---- for subclasses ----

    def key(self, name: Any) -> Any:
        """The key under which the value of name is kept: name itself."""
        return name

    def check(self, key: Any, name: Any, entry: Entry) -> Any:
        """None when the entry is fresh, else something that build() gets as
        opened. Also called before an entry is built for the first time."""
        del key, name, entry

    def build(self, key: Any, name: Any, opened: Any, entry: Entry) -> Any:
        """The value for name; opened is what check() returned."""
        raise NotImplementedError

    def commit(self) -> None:
        """Called after each change of the cache."""

    def _pack(self, entry: Entry, value: Any) -> None:
        entry._value = value

    def _unpack(self, entry: Entry) -> Any:
        return entry._value

    # ---- for everybody ----

    def __getitem__(self, name: Any) -> Any:
        """The value of name, built if there is none or it is stale."""
        key = self.key(name)
        entry = self._entry(key)
        with entry._lock:
            try:
                opened = self.check(key, name, entry)
                value = self._unpack(entry)
                if value is not NOT_INITIALIZED and opened is None:
                    return value
                value = self.build(key, name, opened, entry)
                self._pack(entry, value)
            except BaseException:
                self._forget_unbuilt(key, entry)
                raise
            self.commit()
            return value

    def __setitem__(self, name: Any, value: Any) -> None:
        entry = self._entry(self.key(name))
        with entry._lock:
            self._pack(entry, value)
            self.commit()

    def __delitem__(self, name: Any) -> None:
        with self._lock:
            del self._entries[self.key(name)]
        self.commit()

    def __contains__(self, name: Any) -> bool:
        return self.key(name) in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def mru(self) -> Any:
        """The key used last; KeyError when the cache is empty."""
        with self._lock:
            if not self._entries:
                raise KeyError("the cache is empty")
            return next(reversed(self._entries))

    def lru(self) -> Any:
        """The key not used for the longest time; KeyError when empty."""
        with self._lock:
            if not self._entries:
                raise KeyError("the cache is empty")
            return next(iter(self._entries))

    def clear(self) -> None:
        """Drops all entries."""
        with self._lock:
            self._entries.clear()
        self.commit()

    def _entry(self, key: Any) -> Entry:
        """The entry of a key, now the one used last."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = Entry(key)
                if self._max_size and len(self._entries) > self._max_size:
                    self._entries.popitem(last=False)
            else:
                self._entries.move_to_end(key)
            return entry

    def _forget_unbuilt(self, key: Any, entry: Entry) -> None:
        with self._lock:
            if entry._value is NOT_INITIALIZED and self._entries.get(key) is entry:
                del self._entries[key]


class WeakCache(Cache):
    """A cache that keeps only what somebody else uses too."""

    def _pack(self, entry: Entry, value: Any) -> None:
        entry._value = weakref.ref(value)

    def _unpack(self, entry: Entry) -> Any:
        if entry._value is NOT_INITIALIZED:
            return NOT_INITIALIZED
        value = entry._value()
        return NOT_INITIALIZED if value is None else value


class FileCache(Cache):
    """Contents of files, by name; read again when time or size changed.

    mode: as for open(), ``"r"`` or ``"rb"``.
    """

    def __init__(self, max_size: int = 0, mode: str = "rb") -> None:
        super().__init__(max_size)
        self.mode = mode

    def key(self, name: Any) -> str:
        return os.path.abspath(os.fsdecode(name))

    def check(self, key: Any, name: Any, entry: Any) -> Any:
        del name
        status = os.stat(key)
        stamp = status.st_mtime_ns, status.st_size
        if getattr(entry, "stamp", None) == stamp:
            return None
        opened = open(key, self.mode)  # noqa: SIM115 - build() closes it
        entry.new_stamp = stamp
        return opened

    def build(self, key: Any, name: Any, opened: Any, entry: Any) -> Any:
        if opened is None:  # not stale, but gone
            opened = open(key, self.mode)  # noqa: SIM115
        with opened:
            value = self.build_from(opened, name)
        entry.stamp = entry.new_stamp
        return value

    def build_from(self, opened: Any, name: Any) -> Any:
        """The value of an open file: its content."""
        del name
        return opened.read()


class HTTPEntity:
    """What came from an HTTP server: entity (bytes) and metadata (dict of
    headers, names in lower case)."""

    def __init__(self, entity: bytes, metadata: dict[str, str]) -> None:
        self.entity = entity
        self.metadata = metadata

    def __repr__(self) -> str:
        return f"HTTPEntity({self.entity!r}, {self.metadata!r})"

    def __str__(self) -> str:
        return self.entity.decode("utf-8", "replace")


class HTTPCache(Cache):
    """HTTP resources, by URL (http and https), as HTTPEntity.

    A resource is asked for again, under the condition that it has changed,
    when the lifetime that the server gave is over. timeout: seconds to wait
    for the server.
    """

    def __init__(self, max_size: int = 0, timeout: float = 10) -> None:
        super().__init__(max_size)
        self.timeout = timeout

    def check(self, key: Any, name: Any, entry: Any) -> Any:
        del name
        if time.monotonic() < getattr(entry, "fresh_until", -1.0):
            return None
        if urllib.parse.urlsplit(key).scheme not in ("http", "https"):
            raise ValueError(f"not the URL of an HTTP resource: {key!r}")
        # nothing is sent with a request for what is not there any more
        known = self._unpack(entry) is not NOT_INITIALIZED
        conditions = getattr(entry, "conditions", {}) if known else {}
        request = urllib.request.Request(key, headers=conditions)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise
            with error:
                entry.fresh_until = _fresh_until(error.headers)
            return None

    def build(self, key: Any, name: Any, opened: Any, entry: Any) -> Any:
        if opened is None:  # fresh, but gone
            entry.fresh_until = -1.0
            opened = self.check(key, name, entry)
        with opened:
            value = self.build_from(opened, name)
            headers = opened.headers
        entry.fresh_until = _fresh_until(headers)
        entry.conditions = {}
        for header, condition in (
            ("ETag", "If-None-Match"),
            ("Last-Modified", "If-Modified-Since"),
        ):
            if headers[header]:
                entry.conditions[condition] = headers[header]
        return value

    def build_from(self, opened: Any, name: Any) -> Any:
        """The value of an HTTP response."""
        del name
        metadata = {key.lower(): value for key, value in opened.headers.items()}
        return HTTPEntity(opened.read(), metadata)


def _fresh_until(headers: Any) -> float:
    """Until when a response may be used unasked, by time.monotonic()."""
    control = headers.get("Cache-Control", "").lower()
    if re.search(r"\bno-(?:cache|store)\b", control):
        return -1.0
    age = re.search(r"\bmax-age=(\d+)", control)
    if age:
        seconds = float(age.group(1))
    else:
        expires = email.utils.parsedate_to_datetime
        try:
            end = expires(headers["Expires"])
            begin = expires(headers["Date"])
            seconds = (end - begin).total_seconds()
        except (TypeError, ValueError):
            return -1.0
    return time.monotonic() + seconds


def _module(source: bytes, name: str) -> ModuleType:
    module = ModuleType(name.rpartition("/")[2].removesuffix(".py"))
    module.__file__ = name
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
    return module


class ModuleCache(FileCache):
    """Modules made of Python files, by name of the file."""

    def build_from(self, opened: Any, name: Any) -> ModuleType:
        return _module(opened.read(), os.path.abspath(os.fsdecode(name)))


class HttpModuleCache(HTTPCache):
    """Modules made of Python source from an HTTP server, by URL. The server
    can then run code here."""

    def build_from(self, opened: Any, name: Any) -> ModuleType:
        return _module(opened.read(), name)


class FunctionCache(Cache):
    """Results of a function, by its arguments, which must be hashable. Called
    as the function is."""

    def __init__(self, function: Callable[..., Any], max_size: int = 0) -> None:
        super().__init__(max_size)
        self.function = function

    def __call__(self, *args: Any, **kw: Any) -> Any:
        return self[args, tuple(sorted(kw.items()))]

    def build(self, key: Any, name: Any, opened: Any, entry: Entry) -> Any:
        del name, opened, entry
        args, kw = key
        return self.function(*args, **dict(kw))
