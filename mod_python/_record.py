# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What the importer knows about each module file it covers.

A record stands for a file, not for a name: two directories may have modules
of the same name. It holds the module made from the file last, what the file
looked like then, and the covered modules that one imported; from these it is
known whether the module must be loaded anew. Records are only changed when a
load ends (see ``_loading``).
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType, TracebackType

    from mod_python._loading import Loader

Stamp = tuple[int, int]

# A file is looked at once a second. Dispatch asks once a second too, counted
# from the arrival of requests: the difference is what a request may have
# spent before it got here.
LOOK_EVERY = 0.9


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file is edited."""
    return (status.st_mtime_ns, status.st_size)


def look_at(path: str) -> Stamp | None:
    """The present stamp of a file or directory, None when it is gone."""
    try:
        return stamp_of(os.stat(path))
    except OSError:
        return None


class Failure:
    """An error that a load ended with, to be raised again."""

    __slots__ = ("directory", "error", "seen", "traceback")

    def __init__(self, error: BaseException, directory: str | None) -> None:
        self.error = error
        self.traceback: TracebackType | None = error.__traceback__
        # the directory where a missing module would have to appear
        self.directory = directory
        self.seen = look_at(directory) if directory else None

    def changed(self) -> bool:
        """Can the cause be gone although no file has changed?"""
        return self.directory is not None and look_at(self.directory) != self.seen

    def again(self) -> BaseException:
        """The same error, as another object where that is possible.

        Threads that raised one object would mix their tracebacks.
        """
        old = self.error
        try:
            new = _copied(old)
        except Exception:  # noqa: BLE001 - an exception class can do anything
            return old.with_traceback(self.traceback)
        new.__cause__, new.__context__ = old.__cause__, old.__context__
        new.__suppress_context__ = old.__suppress_context__
        return new.with_traceback(self.traceback)


def _copied(old: BaseException) -> BaseException:
    made = old.__reduce__()
    if isinstance(made, str) or made[0] is not type(old):
        raise TypeError("not an ordinary exception")
    new = made[0](*made[1])
    if not isinstance(new, type(old)):
        raise TypeError("not an ordinary exception")
    if len(made) > 2 and made[2]:
        new.__setstate__(made[2])
    return new


class Record:
    """One file that is, was or shall be a module of this interpreter."""

    __slots__ = (
        "auto_reload",
        "failure",
        "file",
        "latest",
        "loader",
        "log",
        "looked",
        "module",
        "name",
        "package",
        "stamp",
        "version",
    )

    def __init__(self, name: str, file: str, package: bool = False) -> None:
        self.name = name
        self.file = file
        self.package = package
        self.module: ModuleType | None = None
        self.version = 0  # how many modules were made of it
        self.loader: Loader | None = None  # of the last attempt
        self.failure: Failure | None = None  # of the last attempt
        self.stamp: Stamp | None = None  # the file when it was read last
        self.latest: Stamp | None = None  # the file when it was seen last
        self.looked = float("-inf")
        # what was asked for when it was last used, for imports in functions
        self.auto_reload = True
        self.log = False

    def __repr__(self) -> str:
        return f"<Record {self.name} {self.file} version {self.version}>"

    @property
    def base(self) -> str:
        """The directory, with slash, that plain imports start from: that of
        the file, for a module in a package that of the outermost package."""
        directory = os.path.dirname(self.file)
        levels = self.name.count(".") + 1 if self.package else self.name.count(".")
        for _ in range(levels if self.in_package else 0):
            directory = os.path.dirname(directory)
        return directory.rstrip("/") + "/"

    @property
    def in_package(self) -> bool:
        """A package, or a module of one (and not a file named a.b.py)."""
        return self.package or not self.file.endswith("/" + self.name + ".py")

    @property
    def deps(self) -> dict[Record, int]:
        """The covered modules it imports, with the versions it has met."""
        return self.loader.deps if self.loader is not None else {}

    def look(self) -> Stamp | None:
        """What the file looks like, known to a second."""
        now = time.monotonic()
        if now - self.looked >= LOOK_EVERY:
            self.latest = look_at(self.file)
            self.looked = now
        return self.latest

    def settled(self) -> ModuleType | None:
        """The module, when there is no need to look whether it is the right
        one: it imports nothing covered and was looked at a moment ago."""
        if (
            self.module is None
            or self.failure is not None
            or self.latest != self.stamp
            or (self.loader is not None and self.loader.deps)
            or time.monotonic() - self.looked >= LOOK_EVERY
        ):
            return None
        return self.module

    def changed(self) -> bool:
        if self.look() != self.stamp:
            return True
        return self.failure is not None and self.failure.changed()


def closure(root: Record) -> set[Record]:
    """root and all it imports, directly or not."""
    found = {root}
    todo = [root]
    while todo:
        for record in list(todo.pop().deps):
            if record not in found:
                found.add(record)
                todo.append(record)
    return found


def importers_of(stale: set[Record], among: Iterable[Record]) -> set[Record]:
    """stale and those of among that import one of them, directly or not."""
    result = set(stale)
    rest = [record for record in among if record not in result]
    while True:
        more = [record for record in rest if not result.isdisjoint(record.deps)]
        if not more:
            return result
        result.update(more)
        rest = [record for record in rest if record not in result]
