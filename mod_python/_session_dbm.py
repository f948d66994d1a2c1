# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions in one dbm file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from mod_python._session_store import Codec, Record, is_expired

MODE = 0o640


class DbmStore:
    """Opens the file for each operation, alone: dbm files know no locks.

    dbmtype: a module with an open() like that of dbm. guard: makes a context
    in which no other thread or process uses the file.
    """

    def __init__(
        self,
        filename: str,
        dbmtype: Any,
        codec: Codec,
        guard: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._filename = filename
        self._dbmtype = dbmtype
        self._codec = codec
        self._guard = guard

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self._guard():
            db = self._dbmtype.open(self._filename, "c", MODE)
            with closing(db):
                yield db

    def load(self, sid: str) -> Record | None:
        with self._open() as db:
            try:
                data = db[sid.encode()]
            except KeyError:
                return None
        return self._codec.decode(data, sid)

    def save(self, sid: str, record: Record) -> None:
        data = self._codec.encode(record)
        with self._open() as db:
            db[sid.encode()] = data

    def delete(self, sid: str) -> None:
        with self._open() as db:
            try:
                del db[sid.encode()]
            except KeyError:
                pass

    def cleanup(self) -> None:
        with self._open() as db:
            for key in list(db.keys()):
                record = self._codec.decode(db[key], key.decode("latin-1"))
                if record is None or is_expired(record):
                    del db[key]
