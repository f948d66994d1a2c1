# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Makes modules from covered files, and makes them again when files change.

A load is a transaction of one thread, a *session*. Modules made in it are
seen by that thread only; when its outermost load has ended, those that
succeeded take the places of the old ones and those that failed leave their
error in their record. So no other thread meets half a module, also when
modules import each other in a circle.

Sessions take turns, by one lock. CPython has import locks of its own, and a
thread can wait for one of them while it holds ours: a thread that comes from
inside an ordinary import therefore does not wait, nor does anybody wait for
ever. It then loads by itself, and if that was done twice the later one counts.
(Interpreters with a GIL of their own are serialised in C, where they meet.)
"""

from __future__ import annotations

import builtins
import os
import sys
import time
from _thread import allocate_lock, get_ident
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType

import _apache

from mod_python._record import Failure, Record, closure, importers_of, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from mod_python._record import Stamp

# How long to wait for another thread's load before loading alongside it.
PATIENCE = 20.0

_lock = allocate_lock()
_sessions: dict[int, Session] = {}  # by thread


class Loader(SourceFileLoader):
    """One attempt to make a module of a record.

    It stays the ``__loader__`` of that module, by which the import hook knows
    whose imports it sees. It always compiles from the source: a .pyc file
    tells times in whole seconds, and misses the second edit of one second.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(record.name, record.file)
        self.record = record
        self.module: ModuleType | None = None
        self.deps: dict[Record, int] = {}  # see Record.deps
        self.partial: set[Record] = set()  # those met while being loaded
        self.known: dict[str, Record | None] = {}  # top-level name -> what it is
        self.stamp: Stamp | None = None
        self.read_at = 0.0

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def make_spec(self) -> ModuleSpec:
        record = self.record
        spec = ModuleSpec(
            record.name, self, origin=record.file, is_package=record.package
        )
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(record.file.rpartition("/")[0])
        return spec

    def read(self) -> bytes:
        """The source; its stamp is from before the first byte was read."""
        self.read_at = time.monotonic()
        with open(self.record.file, "rb") as file:
            self.stamp = stamp_of(os.fstat(file.fileno()))
            return file.read()

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        del fullname
        return self.source_to_code(self.read(), self.record.file)

    def exec_module(self, module: ModuleType) -> None:
        """Called by importlib, for an import of ours or of anybody's."""
        session = _sessions.get(get_ident())
        if session is not None:
            session.execute(self, module)
            return
        locked = _lock.acquire(False)  # importlib holds a lock: never wait here
        try:
            with Session(self.record.auto_reload, self.record.log) as session:
                session.announce(self.record)
                session.execute(self, module)
        finally:
            if locked:
                _lock.release()

    def use(self, record: Record) -> ModuleType:
        """The module of a record that the module of this loader imports."""
        session = _sessions.get(get_ident())
        if session is None:
            mine = self.record
            known = record in self.deps and record.failure is None
            if known and record.module is not None:
                return record.module  # new enough: it was seen to before the call
            try:
                return use(record, mine.auto_reload, mine.log)
            finally:
                # An edge met before keeps its version: the module may hold it.
                self.deps.setdefault(record, record.version)
        if record in session.loading:
            self.partial.add(record)
        try:
            return session.use(record)
        finally:
            self.deps.setdefault(record, session.version(record))


class Session:
    """What one thread loads until the outermost load has ended."""

    def __init__(self, auto_reload: bool, log: bool) -> None:
        self.auto_reload = auto_reload
        self.log = log
        self.loading: dict[Record, Loader] = {}
        self.done: dict[Record, Loader] = {}
        self.failed: dict[Record, tuple[Loader, BaseException]] = {}
        self.passing: list[BaseException] = []  # errors not to be remembered
        self.wanted: dict[str, Loader] = {}  # what the finder is to answer

    def __enter__(self) -> Session:
        _sessions[get_ident()] = self
        return self

    def __exit__(self, *unused: object) -> None:
        del _sessions[get_ident()]
        self._commit()

    def version(self, record: Record) -> int:
        """The version that record has or will have in the end."""
        settled = record in self.loading or record in self.done
        return record.version + (settled or record in self.failed)

    def use(self, record: Record) -> ModuleType:
        """The module of record; half of it within a circle of imports."""
        for loaders in (self.loading, self.done):
            if record in loaders:
                module = loaders[record].module
                assert module is not None
                return module
        if record in self.failed:
            raise Failure(self.failed[record][1], None).again()
        if record.failure is not None:
            if not self._is_stale(record):
                raise record.failure.again()
        elif record.module is not None and not (
            self.auto_reload and self._is_stale(record)
        ):
            return record.module
        return self.load(record)

    def _is_stale(self, record: Record) -> bool:
        settled = {*self.loading, *self.done, *self.failed}
        among = closure(record) - settled
        changed = {one for one in among if self._changed(one)}
        return record in importers_of(changed, among)

    def _changed(self, record: Record) -> bool:
        if record.changed():
            return True
        deps = list(record.deps.items())
        return any(self.version(dep) != seen for dep, seen in deps)

    # -- making a module ----------------------------------------------------

    def announce(self, record: Record) -> None:
        if self.log:
            _apache._log(
                _apache.APLOG_NOTICE,
                f"mod_python: (Re)importing module '{record.name}'",
            )

    def load(self, record: Record) -> ModuleType:
        """Makes a new module, whatever there is."""
        self.announce(record)
        loader = Loader(record)
        if record.module is None and (record.in_package or "." not in record.name):
            module = self._by_name(loader)
            if module is not None:
                return module
        module = _new_module(loader)
        assert module.__spec__ is not None
        # makes CPython's message about circular imports the right one
        module.__spec__._initializing = True  # type: ignore[attr-defined]
        try:
            self.execute(loader, module)
        finally:
            module.__spec__._initializing = False  # type: ignore[attr-defined]
        return module

    def _by_name(self, loader: Loader) -> ModuleType | None:
        """By an ordinary import, if the name is free in sys.modules."""
        record = loader.record
        if record_of(sys.modules.get(record.name)) not in (None, record):
            return None
        if record.name in sys.modules and not record_of(sys.modules[record.name]):
            return None
        self.wanted[record.name] = loader
        try:
            builtins.__import__(record.name)
        finally:
            self.wanted.pop(record.name, None)
        module = sys.modules[record.name]
        if loader.module is not None:
            loader.module = module  # modules may replace themselves there
            return module
        # another thread was faster
        return module if record_of(module) is record else None

    def execute(self, loader: Loader, module: ModuleType) -> None:
        record = loader.record
        loader.module = module
        self.loading[record] = loader
        try:
            self._run(loader, module)
        except BaseException as error:
            self.failed[record] = (loader, error)
            raise
        finally:
            del self.loading[record]
        old = record.module
        if old is not None and old is not module:
            _call_hook(old, "__mp_clone__", module)
            if record.in_package:
                # what imports it next gets it from there, not from us
                _replace(record.name, old, module)
        self.done[record] = loader

    def _run(self, loader: Loader, module: ModuleType) -> None:
        path = loader.record.file
        try:
            source = loader.read()
        except OSError as error:
            self.passing.append(error)  # permissions change without a stamp
            raise
        linecache = sys.modules.get("linecache")
        if linecache is not None:
            linecache.cache.pop(path, None)
        exec(loader.source_to_code(source, path), module.__dict__)

    # -- the end ------------------------------------------------------------

    def _commit(self) -> None:
        again = False  # does anybody hold something old?
        for record, (loader, error) in self.failed.items():
            again |= record.module is not None
            if self._is_lasting(error):
                _fail(loader, error)
        kept = self._without_dropped()
        olds = [_publish(loader) for loader in kept]
        again |= any(old is not None for old in olds)
        for old, loader in zip(olds, kept, strict=True):
            if old is not None and old is not loader.module:
                _apache._count("reload")
            _apache._count("load")
        if again:
            _apache._invalidate()
        for old, loader in zip(olds, kept, strict=True):
            if old is not None and old is not loader.module:
                _call_hook(old, "__mp_purge__")

    def _is_lasting(self, error: BaseException) -> bool:
        """Will it be the same until a file changes?"""
        if isinstance(error, (MemoryError, RecursionError)):
            return False
        if any(error is one for one in self.passing):
            return False
        return isinstance(error, (Exception, SystemExit))

    def _without_dropped(self) -> list[Loader]:
        """Not those that hold half of a module that failed after all."""
        gone = set(self.failed)
        kept = list(self.done.values())
        while True:
            drop = [one for one in kept if not gone.isdisjoint(one.partial)]
            dropped = {one.record for one in drop}
            drop += [
                one
                for one in kept
                if one not in drop and not dropped.isdisjoint(one.deps)
            ]
            if not drop:
                return kept
            for loader in drop:
                gone.add(loader.record)
                kept.remove(loader)
                _replace(loader.record.name, loader.module, loader.record.module)


def _new_module(loader: Loader) -> ModuleType:
    """An empty module that is not in sys.modules."""
    record = loader.record
    module = ModuleType(record.name)
    spec = module.__spec__ = loader.make_spec()
    module.__loader__ = loader
    module.__file__ = record.file
    module.__package__ = spec.parent if record.in_package else ""
    if record.package:
        assert spec.submodule_search_locations is not None
        module.__path__ = spec.submodule_search_locations
        prefix = record.name + "."
        for name, other in list(sys.modules.items()):
            if name.startswith(prefix) and "." not in name[len(prefix) :]:
                setattr(module, name[len(prefix) :], other)
    return module


def _replace(name: str, old: ModuleType | None, new: ModuleType | None) -> None:
    """Puts new where old is known by its name (None: takes old away)."""
    if old is None or sys.modules.get(name) is not old:
        return
    if new is None:
        del sys.modules[name]
        return
    sys.modules[name] = new
    parent, _, leaf = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and getattr(package, leaf, None) is old:
        setattr(package, leaf, new)


def _publish(loader: Loader) -> ModuleType | None:
    """Puts the new module in place; returns the old one."""
    record, new = loader.record, loader.module
    assert new is not None
    old = record.module
    record.module = new
    record.failure = None
    _settle(loader)
    _replace(record.name, old, new)
    return old


def _fail(loader: Loader, error: BaseException) -> None:
    missing = any(isinstance(one, ModuleNotFoundError) for one in chain(error))
    loader.record.failure = Failure(error, loader.record.base if missing else None)
    _settle(loader)


def _settle(loader: Loader) -> None:
    record = loader.record
    record.loader = loader
    record.version += 1
    record.stamp = record.latest = loader.stamp
    record.looked = loader.read_at


def adopt(record: Record, module: ModuleType) -> None:
    """Takes over a module that was imported before its file was covered."""
    loader = Loader(record)
    loader.module = module
    loader.stamp = record.look()
    loader.read_at = record.looked
    module.__loader__ = loader
    _publish(loader)


def record_of(module: object) -> Record | None:
    """The record of a module that was loaded here."""
    loader = getattr(module, "__loader__", None)
    return loader.record if type(loader) is Loader else None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _call_hook(module: ModuleType, name: str, *args: object) -> None:
    """A hook of an old module; its errors stop nothing."""
    hook: Callable[..., object] | None = getattr(module, name, None)
    if hook is None:
        return
    try:
        hook(*args)
    except Exception as error:  # noqa: BLE001 - user code
        from mod_python import _report

        _report.log_exception(
            f"MP0410: {name} of module '{module.__name__}' failed", name, error
        )


# -- the way in -----------------------------------------------------------------


def current() -> Session | None:
    """The session of this thread."""
    return _sessions.get(get_ident())


def _is_stale(record: Record) -> bool:
    if not record.deps:  # most have none, and each request comes by
        return record.changed()
    among = closure(record)
    changed = {
        one
        for one in among
        if one.changed()
        or any(dep.version != seen for dep, seen in list(one.deps.items()))
    }
    return bool(changed) and record in importers_of(changed, among)


def _is_ready(record: Record, auto_reload: bool) -> bool:
    """Can its module be used as it is? Raises an error that still holds."""
    if record.failure is not None:
        if _is_stale(record):
            return False
        raise record.failure.again()
    if record.module is None:
        return False
    return not auto_reload or not _is_stale(record)


def _inside_import() -> bool:
    """Does an ordinary import, with its lock, wait for this one?"""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def use(record: Record, auto_reload: bool = True, log: bool = False) -> ModuleType:
    """The module of record, loaded (again) when that is due.

    While another thread loads, an old module that works serves on. Raises
    what the loading raised.
    """
    session = _sessions.get(get_ident())
    if session is not None:
        return session.use(record)
    if _is_ready(record, auto_reload):
        assert record.module is not None
        return record.module
    locked = _lock.acquire(False)
    if not locked:
        if record.module is not None and record.failure is None:
            return record.module
        if not _inside_import():
            locked = _lock.acquire(True, PATIENCE)
    try:
        if _is_ready(record, auto_reload):  # another thread has done it
            assert record.module is not None
            return record.module
        with Session(auto_reload, log) as session:
            return session.use(record)
    finally:
        if locked:
            _lock.release()
