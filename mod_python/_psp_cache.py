# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Compiled PSP pages: in memory, and in a dbm file if that is wanted.

A page is compiled again when the time or size of its file, or of one it
includes, has changed. No lock is held while a page is read or compiled.
"""

from __future__ import annotations

import importlib.util
import linecache
import marshal
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

from mod_python._psp import Generated, Generator, compile_page, names_in

ENTRIES = 512  # of each kind
DBM_MODE = 0o600

Stamp = tuple[int, int]  # mtime in ns, size


@dataclass(frozen=True)
class Page:
    """A compiled page."""

    code: CodeType
    function: CodeType | None  # see _psp.Compiled
    assigned: frozenset[str]
    names: frozenset[str]  # global names it uses
    imports: bool  # has import statements
    included: dict[int, str]  # page line -> included file
    stamps: dict[str, Stamp]  # of all files it is made of

    @classmethod
    def make(
        cls, generated: Generated, name: str, stamps: dict[str, Stamp]
    ) -> Page:
        compiled = compile_page(generated, name)
        return cls(
            compiled.code,
            compiled.function,
            compiled.assigned,
            frozenset(names_in(compiled.code)),
            generated.imports,
            generated.included,
            stamps,
        )

    def is_current(self) -> bool:
        for file, old in self.stamps.items():  # noqa: SIM110 - each request
            if stamp_of(file) != old:
                return False
        return True

    def to_bytes(self) -> bytes:
        return marshal.dumps(
            (
                importlib.util.MAGIC_NUMBER,
                self.code,
                self.function,
                self.assigned,
                self.names,
                self.imports,
                self.included,
                self.stamps,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Page | None:
        """None when it is of another Python, or no page."""
        try:
            magic, *rest = marshal.loads(data)
            if magic == importlib.util.MAGIC_NUMBER:
                return cls(*rest)
        except (ValueError, EOFError, TypeError):
            pass
        return None


def stamp_of(file: str) -> Stamp | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def read_text(file: str) -> str:
    """The text of a page; what is not UTF-8 is sent as it is."""
    with open(file, "rb") as opened:
        return opened.read().decode("utf-8", "surrogateescape")


class Cache:
    """The pages used last, by key."""

    def __init__(self, on_drop: Callable[[Page], None] | None = None) -> None:
        self._pages: OrderedDict[Any, Page] = OrderedDict()
        self._lock = threading.Lock()
        self._on_drop = on_drop

    def get(self, key: Any) -> Page | None:
        page = self._pages.get(key)
        if page is not None:
            try:
                self._pages.move_to_end(key)
            except KeyError:  # another thread has just dropped it
                pass
        return page

    def put(self, key: Any, page: Page) -> None:
        dropped = None
        with self._lock:
            self._pages[key] = page
            self._pages.move_to_end(key)
            if len(self._pages) > ENTRIES:
                dropped = self._pages.popitem(last=False)[1]
        if dropped is not None and self._on_drop is not None:
            self._on_drop(dropped)

    def __len__(self) -> int:
        return len(self._pages)


class DbmFileError(Exception):
    """The dbm file cannot be used; the text says which and why."""


class DbmFile:
    """Compiled pages in a dbm file, shared by processes.

    Whoever can write it can run code in httpd: it must belong to the user
    httpd runs as, and be writable by nobody else. guard: gives what to hold
    while the file is open. Raises DbmFileError.
    """

    # what kinds of dbm add to the name
    _ENDINGS = ("", ".db", ".dat", ".dir", ".bak", ".pag")

    def __init__(
        self, filename: str, guard: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._filename = filename
        self._guard = guard

    def _check(self) -> None:
        for ending in self._ENDINGS:
            file = self._filename + ending
            try:
                status = os.stat(file)
            except FileNotFoundError:
                continue
            if status.st_uid != os.geteuid() or status.st_mode & (
                stat.S_IWGRP | stat.S_IWOTH
            ):
                raise DbmFileError(
                    f"{file} does not belong to the user httpd runs as, or "
                    "others can write it"
                )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import dbm

        with self._guard():
            self._check()
            try:
                with dbm.open(self._filename, "c", DBM_MODE) as db:
                    yield db
            except dbm.error as error:  # of any kind of dbm, and OSError
                raise DbmFileError(f"{self._filename}: {error}") from error

    def get(self, key: str) -> Page | None:
        with self._opened() as db:
            data = db.get(os.fsencode(key))
        return None if data is None else Page.from_bytes(data)

    def put(self, key: str, page: Page) -> None:
        data = page.to_bytes()
        with self._opened() as db:
            db[os.fsencode(key)] = data


files = Cache()
strings = Cache(lambda page: _forget_lines(page.code.co_filename))
_counter = iter(range(1, 1 << 62))


def page_of_file(filename: str, find_dbm: Callable[[], DbmFile | None]) -> Page:
    """The compiled page of a file. find_dbm: called when it is not in memory.

    Raises OSError when the file cannot be read, SyntaxError, DbmFileError.
    """
    page = files.get(filename)
    if page is not None and page.is_current():
        return page
    dbm_file = find_dbm()
    page = dbm_file.get(filename) if dbm_file is not None else None
    if page is None or not page.is_current():
        page = _compile_file(filename)
        if dbm_file is not None:
            dbm_file.put(filename, page)
    files.put(filename, page)
    return page


def _compile_file(filename: str) -> Page:
    stamps: dict[str, Stamp] = {}
    generator = Generator(lambda file: _read_stamped(file, stamps))
    generator.add_file(filename)
    return Page.make(generator.finish(), filename, stamps)


def page_of_string(text: str, directory: str) -> Page:
    """The compiled page of a string; directory: where its includes are."""
    key = (text, directory)
    page = strings.get(key)
    if page is not None and page.is_current():
        return page
    name = f"<PSP string {next(_counter)}>"
    stamps: dict[str, Stamp] = {}
    generator = Generator(lambda file: _read_stamped(file, stamps))
    generator.add_text(text, name, directory)
    page = Page.make(generator.finish(), name, stamps)
    # for tracebacks
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    strings.put(key, page)
    return page


def _forget_lines(name: str) -> None:
    linecache.cache.pop(name, None)


def _read_stamped(file: str, stamps: dict[str, Stamp]) -> str:
    stamp = stamp_of(file)  # from before the first byte is read
    text = read_text(file)
    if stamp is not None:
        stamps[file] = stamp
    return text
