# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions: a dict that a visitor finds again, by an id in a cookie.

Session(req) makes one, of the class the configuration names. A session is
locked from its making to the end of the request, so that requests of one
visitor do not overwrite each other. save() keeps it.

Names of this module are looked up when they are used, so that a replaced
constant or class counts.
"""

from __future__ import annotations

import dbm as _dbm
import functools
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import _apache

from mod_python import Cookie, _options, apache
from mod_python._session_dbm import DbmStore
from mod_python._session_file import CleanupRules, FileStore
from mod_python._session_locks import RequestLocks, root_of
from mod_python._session_memory import MemoryStore
from mod_python._session_store import (
    Codec,
    Record,
    Store,
    StoreError,
    default_directory,
    is_expired,
    is_valid,
)

COOKIE_NAME = "pysid"
DFT_TIMEOUT = 1800  # seconds
DFT_LOCK = True
CLEANUP_CHANCE = 1000  # the store is cleaned up for one new session in so many

# of FileSession
DFT_FAST_CLEANUP = True
DFT_VERIFY_CLEANUP = True
DFT_GRACE_PERIOD = 240  # seconds
DFT_CLEANUP_TIME_LIMIT = 2  # seconds

# where stores without a file name of their own keep their files
DFT_DBM_NAME = "mp_sess.dbm"
DFT_SQLITE_NAME = "mp_sess.sqlite"
DFT_REDIS_URL = "redis://localhost:6379/0"
DFT_REDIS_PREFIX = "mp_sess:"
DFT_REDIS_LOCK_TIMEOUT = 60  # seconds

_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_RESERVED_LOCK = 0
_NEW_ID_TRIES = 64
_memory = MemoryStore()


def true_or_false(item: object) -> bool:
    """The truth of a flag: a bool, a number, or On/Off, yes/no, true/false,
    1/0 as text. Raises ValueError for other text."""
    if not isinstance(item, str):
        return bool(item)
    found = _options.FLAGS.get(item.strip().lower())
    if found is None:
        raise ValueError(f"neither true nor false: {item!r}")
    return found


def _new_sid() -> str:
    return secrets.token_hex(16)


def _is_sid(text: object) -> bool:
    return isinstance(text, str) and _SID.fullmatch(text) is not None


class BaseSession(dict[Any, Any]):
    """What is common to all sessions: a dict with an id, times and a lock.

    req: the request. sid: an id, for the session of somebody who sent no
    cookie; ValueError when it does not look like one. secret: sign the
    cookie. timeout: seconds after which a session that is not saved is
    forgotten, 0: DFT_TIMEOUT. lock: keep the session locked until the end
    of the request.

    A subclass has do_load() -> the record of self.id() or None,
    do_save(record), do_delete() and do_cleanup().
    """

    _new = True
    _invalid = False
    _held = False  # does this object hold the lock of the session?

    def __init__(
        self,
        req: Any,
        sid: str | int | None = None,
        secret: str | bytes | None = None,
        lock: object = 1,
        timeout: float = 0,
    ) -> None:
        self._req = req
        self._secret = secret
        self._lock = lock
        self._timeout: float = timeout or DFT_TIMEOUT
        self._created = self._accessed = time.time()
        if sid and not _is_sid(sid):
            raise ValueError("a session id is 32 hexadecimal digits in lower case")
        self._sid = str(sid) if sid else self._sid_from_cookie()
        self.init_lock()
        try:
            self._find()
        except BaseException:
            self.unlock()
            raise
        if random.random() * CLEANUP_CHANCE < 1 and CLEANUP_CHANCE > 0:
            root_of(req).register_cleanup(_clean_up, self)

    def _sid_from_cookie(self) -> str:
        """The id that the client sent, '' without a good one."""
        name = self._cookie_name()
        if self._secret:
            cookie = Cookie.get_cookie(
                self._req,
                name,
                Cookie.SignedCookie,
                secret=self._secret,
                mismatch=Cookie.IGNORE,
            )
        else:
            cookie = Cookie.get_cookie(self._req, name)
        return cookie.value if cookie and _is_sid(cookie.value) else ""

    def _find(self) -> None:
        """Loads the session, or begins a new one under a new id: an id that
        somebody made up, or that has expired, is never used."""
        if self._sid:
            self.lock()
            if self.load():
                self._new = False
                return
            self.unlock()
        self._begin()
        Cookie.add_cookie(self._req, self.make_cookie())

    def _begin(self) -> None:
        """A new id, and its lock. Different ids may share a lock: one is
        chosen that nobody else holds, so that this never waits for long."""
        for _ in range(_NEW_ID_TRIES):
            self._sid = _new_sid()
            if not self._lock or type(self).lock is not BaseSession.lock:
                break  # no lock, or one of the subclass's own
            if self._take_lock(wait=False):
                self._held = True
                return
        self.lock()

    # ---- the cookie ----

    def _cookie_name(self) -> str:
        return _cookie_option(self._req, "session.cookie_name") or COOKIE_NAME

    def make_cookie(self) -> Cookie.Cookie:
        """The cookie with the id of this session."""
        req = self._req
        name = self._cookie_name()
        if self._secret:
            cookie: Cookie.Cookie = Cookie.SignedCookie(
                name, self._sid, self._secret
            )
        else:
            cookie = Cookie.Cookie(name, self._sid)
        cookie.path = _cookie_option(req, "session.application_path") or _path(req)
        domain = _cookie_option(req, "session.application_domain")
        if domain:
            cookie.domain = domain
        secure = _options.choice(
            req, "session.cookie_secure", ["On", "Off", "Auto"], "Auto"
        )
        if secure == "On" or (secure == "Auto" and req.is_https()):
            cookie.secure = True
        if _options.flag(req, "session.cookie_httponly", True):
            cookie.httponly = True
        same_site = _options.choice(
            req, "session.cookie_samesite", ["Lax", "Strict", "None", "Off"], "Lax"
        )
        if same_site != "Off":
            cookie.samesite = same_site
        return cookie

    # ---- what an application uses ----

    def is_new(self) -> bool:
        """Was this session begun in this request?"""
        return self._new

    def id(self) -> str:
        """The session id."""
        return self._sid

    def created(self) -> float:
        """When the session was begun, in seconds since the epoch."""
        return self._created

    def last_accessed(self) -> float:
        """When the session was saved last, in seconds since the epoch."""
        return self._accessed

    def timeout(self) -> float:
        """How long the session lives after it was saved, in seconds."""
        return self._timeout

    def set_timeout(self, secs: float) -> None:
        """Sets that; counts from the next save() on."""
        self._timeout = secs

    def load(self) -> bool:
        """Reads the session from its store. Returns whether it was there and
        had not expired."""
        record = self.do_load()
        if record is None:
            return False
        if not is_valid(record):
            _warner(self._req)(
                f"MP0610: session {self._sid[:6]}... is not a session"
            )
            return False
        if is_expired(record):
            return False
        self._created = record["_created"]
        self._accessed = record["_accessed"]
        self._timeout = record["_timeout"]
        self.clear()
        self.update(record["_data"])
        return True

    def save(self) -> None:
        """Writes the session to its store and renews the time of last access.
        Does nothing after invalidate()."""
        if self._invalid:
            return
        self._accessed = time.time()
        self.do_save(
            {
                "_data": dict(self),
                "_created": self._created,
                "_accessed": self._accessed,
                "_timeout": self._timeout,
            }
        )

    def delete(self) -> None:
        """Removes the session from its store and empties it."""
        self.do_delete()
        self.clear()

    def invalidate(self) -> None:
        """Ends the session: deletes it and makes the client forget its
        cookie."""
        cookie = self.make_cookie()
        cookie.expires = 0
        cookie.max_age = 0
        Cookie.add_cookie(self._req, cookie)
        self.delete()
        self._invalid = True

    def cleanup(self) -> None:
        """Removes the expired sessions of the store."""
        self.do_cleanup()

    # ---- the lock ----

    def init_lock(self) -> None:
        """For subclasses that prepare a lock of their own."""

    def lock(self) -> None:
        """Waits until no other request holds this session. Released at the
        end of the request."""
        if not self._lock or self._held:
            return
        if not self._take_lock(wait=True):
            _options.fail(
                self._req,
                500,
                "MP0616: a request that holds a session did not get another "
                "one: two such requests may wait for each other",
            )
        self._held = True

    def unlock(self) -> None:
        """Lets others have this session."""
        if self._held:
            self._held = False
            self._give_lock_back()

    def _take_lock(self, wait: bool) -> bool:
        """Takes the lock of this session id for the whole request, where it
        may be taken again. Returns whether that was possible."""
        return _apache._request_lock(self._req, _mutex(self._sid), wait)

    def _give_lock_back(self) -> None:
        _apache._request_unlock(self._req, _mutex(self._sid))

    # ---- what a subclass has ----

    def do_load(self) -> Record | None:
        raise NotImplementedError

    def do_save(self, record: Record) -> None:
        raise NotImplementedError

    def do_delete(self) -> None:
        raise NotImplementedError

    def do_cleanup(self) -> None:
        raise NotImplementedError

    # ---- help for subclasses ----

    def _codec(self) -> Codec:
        serializer = _options.choice(
            self._req, "session.serializer", ["pickle", "json"], "pickle"
        )
        return Codec(serializer, _warner(self._req))

    def _file_name(self, own: str, filename: str) -> str:
        """The place of a store's file: filename in the directory that the
        options of this store, or of all stores, give."""
        return os.path.join(self._directory(own), filename)

    def _directory(self, own: str) -> str:
        directory = _options.text(
            self._req, f"{own}.database_directory"
        ) or _options.text(self._req, "session.database_directory")
        return directory or default_directory()


class _StoredSession(BaseSession):
    """A session whose store is an object; a StoreError becomes a log line and
    status 500."""

    def __init__(
        self,
        req: Any,
        sid: str | int | None = 0,
        secret: str | bytes | None = None,
        timeout: float = 0,
        lock: object = 1,
    ) -> None:
        self._req = req
        try:
            self._store = self._make_store()
        except StoreError as error:
            _store_failed(req, error)
        BaseSession.__init__(self, req, sid, secret, lock, timeout)

    def _make_store(self) -> Store:
        raise NotImplementedError

    def do_load(self) -> Record | None:
        try:
            return self._store.load(self._sid)
        except StoreError as error:
            _store_failed(self._req, error)

    def do_save(self, record: Record) -> None:
        try:
            self._store.save(self._sid, record)
        except StoreError as error:
            _store_failed(self._req, error)

    def do_delete(self) -> None:
        try:
            self._store.delete(self._sid)
        except StoreError as error:
            _store_failed(self._req, error)

    def do_cleanup(self) -> None:
        try:
            self._store.cleanup()
        except StoreError as error:
            _store_failed(self._req, error)


class MemorySession(_StoredSession):
    """Sessions in the memory of one interpreter of one process."""

    def _make_store(self) -> Store:
        return _memory


class DbmSession(_StoredSession):
    """Sessions in a dbm file.

    dbm: its name, default by the options. dbmtype: the module that opens it.
    """

    def __init__(
        self,
        req: Any,
        dbm: str | None = None,
        sid: str | int | None = 0,
        secret: str | bytes | None = None,
        dbmtype: Any = _dbm,
        timeout: float = 0,
        lock: object = 1,
    ) -> None:
        self._dbm = dbm
        self._dbmtype = dbmtype
        super().__init__(req, sid, secret, timeout, lock)

    def _make_store(self) -> Store:
        name = self._dbm or self._file_name(
            "dbm_session",
            _options.text(self._req, "dbm_session.database_filename") or DFT_DBM_NAME,
        )
        guard = functools.partial(_reserved_lock, self._req.server)
        return DbmStore(os.fspath(name), self._dbmtype, self._codec(), guard)


class FileSession(_StoredSession):
    """Sessions in a file each.

    fast_cleanup, verify_cleanup: how cleanup finds what has expired, -1: by
    the options.
    """

    def __init__(
        self,
        req: Any,
        sid: str | int | None = 0,
        secret: str | bytes | None = None,
        timeout: float = 0,
        lock: object = 1,
        fast_cleanup: int = -1,
        verify_cleanup: int = -1,
    ) -> None:
        self._fast_cleanup = fast_cleanup
        self._verify_cleanup = verify_cleanup
        super().__init__(req, sid, secret, timeout, lock)

    def _make_store(self) -> Store:
        rules = CleanupRules(
            self._flag(
                self._fast_cleanup, "enable_fast_cleanup", DFT_FAST_CLEANUP
            ),
            self._flag(
                self._verify_cleanup, "verify_session_timeout", DFT_VERIFY_CLEANUP
            ),
            DFT_TIMEOUT,
            self._number("cleanup_grace_period", DFT_GRACE_PERIOD),
            self._number("cleanup_time_limit", DFT_CLEANUP_TIME_LIMIT),
        )
        return FileStore(self._directory("file_session"), self._codec(), rules)

    def _flag(self, given: int, key: str, default: bool) -> bool:
        if given != -1:
            return true_or_false(given)
        return _options.flag(self._req, f"file_session.{key}", default)

    def _number(self, key: str, default: int) -> int:
        return _options.number(self._req, f"file_session.{key}", default)


class SqliteSession(_StoredSession):
    """Sessions in one SQLite file.

    filename: its name, default by the options.
    """

    def __init__(
        self,
        req: Any,
        filename: str | os.PathLike[str] | None = None,
        sid: str | int | None = 0,
        secret: str | bytes | None = None,
        timeout: float = 0,
        lock: object = 1,
    ) -> None:
        self._filename = filename
        super().__init__(req, sid, secret, timeout, lock)

    def _make_store(self) -> Store:
        from mod_python._session_sqlite import SqliteStore

        name = self._filename or self._file_name(
            "sqlite_session",
            _options.text(self._req, "sqlite_session.database_filename")
            or DFT_SQLITE_NAME,
        )
        return SqliteStore(os.fspath(name), self._codec())


class RedisSession(_StoredSession):
    """Sessions in a Redis server, locked there, so across hosts."""

    def _make_store(self) -> Store:
        from mod_python._session_redis import RedisStore

        url = _options.text(self._req, "redis_session.url")
        prefix = _options.text(self._req, "redis_session.prefix")
        self._redis = RedisStore(
            url or DFT_REDIS_URL,
            prefix or DFT_REDIS_PREFIX,
            _options.number(
                self._req, "redis_session.lock_timeout", DFT_REDIS_LOCK_TIMEOUT
            ),
            self._codec(),
            _warner(self._req),
        )
        return self._redis

    def _take_lock(self, wait: bool) -> bool:
        lock = self._redis.make_lock(self._sid)
        locks = RequestLocks.of(self._req)
        try:
            taken = locks.take(lock, wait)
        except StoreError as error:
            _store_failed(self._req, error)
        if taken:
            self._locks = locks, lock.key
        return taken

    def _give_lock_back(self) -> None:
        locks, key = self._locks
        locks.release(key)

    def __del__(self) -> None:
        # Made after the end of its request: there is no later moment.
        if self._held and self._locks[0].ended:
            self.unlock()


_CLASSES = (
    "DbmSession",
    "FileSession",
    "MemorySession",
    "RedisSession",
    "SqliteSession",
)


def Session(
    req: Any,
    sid: str | int | None = 0,
    secret: str | bytes | None = None,
    timeout: float = 0,
    lock: object = 1,
) -> Any:
    """The session of this request, of the class that PythonOption
    mod_python.session.session_type names.

    Without the option: MemorySession where all requests are served by one
    interpreter of one process, else DbmSession. See BaseSession for the
    arguments.
    """
    name = _options.text(req, "session.session_type") or _default_class()
    module, found, attribute = name.partition("::")
    if found:
        made = getattr(apache.import_module(module), attribute, None)
    else:
        made = globals()[name] if name in _CLASSES else None
    if not callable(made):
        _options.invalid(
            req,
            "session.session_type",
            name,
            "module::Class or one of " + ", ".join(_CLASSES),
        )
    return made(req, sid=sid, secret=secret, timeout=timeout, lock=lock)


def _default_class() -> str:
    threaded = apache.mpm_query(apache.AP_MPMQ_IS_THREADED)
    processes = apache.mpm_query(apache.AP_MPMQ_MAX_DAEMONS)
    _, instances = _apache._instance()
    alone = threaded and processes == 1 and instances == 1
    return "MemorySession" if alone else "DbmSession"


def _cookie_option(req: Any, key: str) -> str | None:
    """An option that becomes part of a cookie."""
    value = _options.text(req, key)
    if value is not None:
        try:
            Cookie.Cookie(value if key.endswith("_name") else "name", value)
        except ValueError:
            _options.invalid(req, key, value, "text that a cookie can hold")
    return value


def _store_failed(req: Any, error: StoreError) -> NoReturn:
    _options.fail(req, 500, str(error))


def _warner(req: Any) -> Callable[[str], None]:
    """How to log a warning; nothing in it leads back to a session."""
    return lambda message: req.log_error(message, apache.APLOG_WARNING)


def _clean_up(session: BaseSession) -> None:
    """After the request."""
    session.cleanup()


@contextmanager
def _reserved_lock(server: Any) -> Iterator[None]:
    """The lock of dbm files."""
    _apache._global_lock(server, "", _RESERVED_LOCK)
    try:
        yield
    finally:
        _apache._global_unlock(server, "", _RESERVED_LOCK)


def _mutex(sid: str) -> int:
    """The number of the mutex of a session, which several sessions share."""
    return 1 + int(sid[:7], 16)


def _path(req: Any) -> str:
    """The path of the cookie: the directory of the handler below the
    document root, where that is also the path of this request."""
    hlist = req.hlist
    directory = hlist.directory if hlist is not None else None
    if not directory or hlist.is_location:
        return "/"
    root = req.document_root().rstrip("/")
    path = directory[len(root) :] if directory.startswith(root + "/") else ""
    # an Alias leads elsewhere
    return path if path and req.uri.startswith(path) else "/"
