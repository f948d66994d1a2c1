# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The stores of sessions and what they share, without requests."""
from __future__ import annotations

import dbm.dumb
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mod_python import _session_locks, _session_store
from mod_python._session_dbm import DbmStore
from mod_python._session_file import CleanupRules, FileStore
from mod_python._session_locks import RequestLocks
from mod_python._session_memory import MemoryStore
from mod_python._session_sqlite import SqliteStore
from mod_python._session_store import Codec, StoreError

SID = "0123456789abcdef" * 2
OTHER = "f" * 32

Make = Callable[..., Any]


def record(age: float = 0, timeout: float = 100, **data: Any) -> Any:
    return {"_data": data, "_created": 1.5, "_accessed": time.time() - age,
            "_timeout": timeout}


class Guard:
    """The reserved lock, which is not re-entrant."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        assert self.lock.acquire(timeout=10)
        try:
            yield
        finally:
            self.lock.release()


@pytest.fixture(params=["memory", "dbm", "dumb", "file", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """make(serializer="pickle", warnings=None) -> a store, again and again
    over the same place."""
    memory, guard = MemoryStore(), Guard()

    def made(serializer: str = "pickle",
             warnings: list[str] | None = None) -> Any:
        codec = Codec(serializer, (
            [] if warnings is None else warnings).append)
        place = str(tmp_path / "sessions")
        if request.param == "dbm":
            return DbmStore(place, dbm, codec, guard)
        if request.param == "dumb":
            return DbmStore(place, dbm.dumb, codec, guard)
        if request.param == "file":
            return FileStore(str(tmp_path), codec, CleanupRules(
                timeout=100, grace_period=10))
        if request.param == "sqlite":
            return SqliteStore(place, codec)
        return memory

    return made


@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_save_load_delete(make: Make, serializer: str) -> None:
    store = make(serializer)
    assert store.load(SID) is None
    store.delete(SID)
    one = record(n=1, text="ä")
    store.save(SID, one)
    store.save(OTHER, record(n=2))
    assert make(serializer).load(SID) == one
    two = record(n=5)
    store.save(SID, two)
    assert store.load(SID) == two
    store.delete(SID)
    assert store.load(SID) is None
    assert store.load(OTHER)["_data"] == {"n": 2}


def test_changes_are_not_shared(make: Make) -> None:
    store = make()
    data = record(n=1)
    store.save(SID, data)
    data["_data"]["n"] = 2
    store.load(SID)["_data"]["n"] = 3
    assert store.load(SID)["_data"] == {"n": 1}


def test_cleanup(make: Make, tmp_path: Path) -> None:
    store = make()
    store.save(SID, record(age=1000))
    store.save(OTHER, record(age=1))
    for file in tmp_path.rglob(SID):  # FileStore looks at these times
        os.utime(file, (time.time() - 1000,) * 2)
    store.cleanup()
    assert store.load(SID) is None
    assert store.load(OTHER) is not None
    store.cleanup()


def test_unreadable_is_absent(make: Make, request: pytest.FixtureRequest
                              ) -> None:
    if "memory" in request.node.name:
        pytest.skip("nothing is written")
    make("json").save(SID, record(n=1))
    warnings: list[str] = []
    assert make("pickle", warnings).load(SID) is None
    assert len(warnings) == 1
    assert warnings[0].startswith("MP0610: ")
    assert SID not in warnings[0]


def test_threads(make: Make) -> None:
    store = make()
    sids = [f"{n:032x}" for n in range(8)]
    problems: list[BaseException] = []

    def work(sid: str) -> None:
        try:
            for n in range(30):
                store.save(sid, record(n=n))
                assert store.load(sid)["_data"]["n"] == n
            store.cleanup()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(sid,)) for sid in sids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


# ---- codecs ----

@pytest.mark.parametrize("data", [
    b"", b"x", b"\x80\x04", b"[]", b"{}", b'{"_data": {}}',
    b'{"_data": [], "_created": 1, "_accessed": 1, "_timeout": 1}'])
@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_codec_takes_anything(data: bytes, serializer: str) -> None:
    warnings: list[str] = []
    assert Codec(serializer, warnings.append).decode(data, SID) is None
    assert len(warnings) == 1


def test_json_never_unpickles() -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return exec, ("raise SystemExit",)

    data = Codec("pickle", print).encode({"_data": Bomb()})
    assert Codec("json", [].append).decode(data, SID) is None


def test_json_refuses_what_it_cannot_write() -> None:
    with pytest.raises(TypeError):
        Codec("json", print).encode(record(x=object()))


# ---- directories ----

def test_default_directory(tmp_path: Path,
                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = Path(_session_store.default_directory())
    assert path.parent == tmp_path
    assert path.name == f"mod_python-{os.geteuid()}"
    assert path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o777)
    assert _session_store.default_directory() == str(path)
    assert path.stat().st_mode & 0o777 == 0o700
    path.rmdir()
    path.symlink_to("/tmp")
    with pytest.raises(StoreError, match="MP0611"):
        _session_store.default_directory()


def test_default_directory_of_somebody_else(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real = os.geteuid()
    (tmp_path / f"mod_python-{real + 1}").mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: real + 1)
    with pytest.raises(StoreError, match="refused"):
        _session_store.default_directory()


def test_rights(tmp_path: Path) -> None:
    codec = Codec("pickle", print)
    FileStore(str(tmp_path), codec, CleanupRules()).save(SID, record())
    DbmStore(str(tmp_path / "d"), dbm.dumb, codec, Guard()).save(
        SID, record())
    SqliteStore(str(tmp_path / "s"), codec).save(SID, record())
    assert (tmp_path / "mp_sess").stat().st_mode & 0o077 == 0
    assert (tmp_path / "mp_sess/01").stat().st_mode & 0o077 == 0
    assert (tmp_path / "mp_sess/01" / SID).stat().st_mode & 0o077 == 0
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    assert (tmp_path / "d.dat").stat().st_mode & 0o027 == 0


# ---- FileStore ----

def file_store(path: Path, **rules: Any) -> FileStore:
    return FileStore(str(path), Codec("pickle", print), CleanupRules(
        **{"timeout": 100, "grace_period": 10, **rules}))


def age(path: Path, sid: str, seconds: float) -> None:
    when = time.time() - seconds
    os.utime(path / "mp_sess" / sid[:2] / sid, (when, when))


@pytest.mark.parametrize(("rules", "kept"), [
    ({}, True),  # the file itself says that it lives longer
    ({"verify": False}, False),
    ({"fast": False}, True),
])
def test_file_cleanup_rules(tmp_path: Path, rules: dict[str, Any],
                            kept: bool) -> None:
    store = file_store(tmp_path, **rules)
    store.save(SID, record(timeout=5000))
    age(tmp_path, SID, 1000)
    store.cleanup()
    assert (store.load(SID) is not None) == kept


def test_file_cleanup_slow_reads_each(tmp_path: Path) -> None:
    for fast, kept in ((True, True), (False, False)):
        store = file_store(tmp_path, fast=fast)
        store.save(SID, record(age=50, timeout=10))
        store.cleanup()
        assert (store.load(SID) is not None) == kept


def test_file_cleanup_goes_on_where_it_stopped(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = file_store(tmp_path, time_limit=1)
    sids = [f"{n:02x}" * 16 for n in range(256)]
    for sid in sids:
        store.save(sid, record(age=1000))
        age(tmp_path, sid, 1000)
    clock = iter(range(10_000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock) / 50)
    store.cleanup()
    left = [sid for sid in sids if store.load(sid)]
    assert 0 < len(left) < 256
    assert left == sids[-len(left):]
    for _ in range(10):
        store.cleanup()
    assert not any(store.load(sid) for sid in sids)


def test_file_cleanup_one_at_a_time(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    store.save(SID, record(age=1000))
    age(tmp_path, SID, 1000)
    lock = tmp_path / "mp_sess" / ".mp_sess.lck"
    lock.touch()
    store.cleanup()
    assert store.load(SID) is not None
    os.utime(lock, (1, 1))  # of a process that died
    store.cleanup()
    store.cleanup()
    assert store.load(SID) is None
    assert not lock.exists()


def test_file_that_is_being_written(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    store = FileStore(str(tmp_path), Codec("pickle", warned.append),
                      CleanupRules())
    path = tmp_path / "mp_sess" / SID[:2] / SID
    for big in ("x" * 200_000, "short", ""):
        store.save(SID, record(text=big))
        found = store.load(SID)
        assert found is not None and found["_data"] == {"text": big}
    whole = path.read_bytes()
    def goes_on(_seconds: float) -> None:
        path.write_bytes(whole)

    for half in (b"", whole[:5], whole[:30], whole[:9] + b"\xff" + whole[10:]):
        path.write_bytes(half)
        assert store.load(SID) is None
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", goes_on)
            assert store.load(SID) == found
    assert len(warned) == 4 and "wrong checksum" in warned[0]
    store.save(SID, record(n=1))
    assert store.load(SID) is not None


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = file_store(tmp_path)
    monkeypatch.setattr("os.write", lambda _file, data: len(data) // 2)
    with pytest.raises(OSError, match="No space left"):
        store.save(SID, record(n=2))


# ---- SqliteStore ----

def test_sqlite_survives_removal_of_its_file(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "s"), Codec("pickle", print))
    store.save(SID, record(n=1))
    for file in tmp_path.iterdir():
        file.unlink()
    assert store.load(SID) is None
    store.save(SID, record(n=2))
    assert (tmp_path / "s").exists()
    assert store.load(SID)["_data"] == {"n": 2}


# ---- locks of a request ----

class Root:
    def __init__(self) -> None:
        self.main = self.prev = None
        self.notes: dict[str, str] = {}
        self.cleanups: list[Any] = []

    def register_cleanup(self, function: Any) -> None:
        self.cleanups.append(function)


class Inside:
    """A sub-request, or what a redirect made."""

    def __init__(self, main: Any = None, prev: Any = None) -> None:
        self.main, self.prev = main, prev


class FakeLock:
    """A lock that notes what happens to it."""

    def __init__(self, key: str = "k", free: bool = True) -> None:
        self.key = key
        self.free = free
        self.events: list[str] = []

    def take(self, wait: bool) -> bool:
        if not self.free:
            assert not wait
            return False
        self.events.append("take")
        return True

    def release(self) -> None:
        self.events.append("release")


def test_locks_are_counted_over_a_whole_request() -> None:
    root = Root()
    page = Inside(prev=root)
    included = Inside(main=page)
    lock = FakeLock()
    for req in (root, page, included):
        locks = RequestLocks.of(req)
        assert locks.take(FakeLock() if req is not root else lock, True)
    assert lock.events == ["take"]
    assert len(root.cleanups) == 1
    locks.release("k")
    locks.release("k")
    assert lock.events == ["take"]
    assert locks.take(FakeLock(), False)
    locks.release("k")
    locks.release("k")
    assert lock.events == ["take", "release"]
    assert root.notes == {}
    locks.release("k")  # once too often is no error


def test_locks_end_with_the_request() -> None:
    class Failing(FakeLock):
        def release(self) -> None:
            raise OSError("no")

    root = Root()
    locks = RequestLocks.of(root)
    other = FakeLock("b")
    locks.take(Failing("a"), True)
    locks.take(other, True)
    with pytest.raises(OSError, match="no"):
        root.cleanups[0](None)
    assert other.events == ["take", "release"]
    assert root.notes == {}


def test_a_lock_that_cannot_be_taken_is_not_held() -> None:
    class Failing(FakeLock):
        def take(self, wait: bool) -> bool:
            raise OSError("no")

    locks = RequestLocks.of(Root())
    with pytest.raises(OSError, match="no"):
        locks.take(Failing(), True)
    locks.release_all()


def test_another_interpreter_of_the_request_has_the_lock() -> None:
    one, two = Root(), Root()
    two.notes = one.notes  # objects of one request in two interpreters
    lock = FakeLock()
    assert RequestLocks.of(one).take(lock, True)
    assert RequestLocks.of(two).take(lock, True)
    assert lock.events == ["take"]
    RequestLocks.of(two).release("k")
    assert lock.events == ["take"]
    RequestLocks.of(one).release("k")
    assert RequestLocks.of(two).take(lock, True)
    assert lock.events == ["take", "release", "take"]


def test_a_second_lock_is_not_waited_for_forever(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_session_locks, "PATIENCE", 0.05)
    locks = RequestLocks.of(Root())
    assert locks.take(FakeLock("a"), True)
    assert not locks.take(FakeLock("b", free=False), True)
    assert not locks.take(FakeLock("b", free=False), False)
    assert locks.take(FakeLock("b"), True)
