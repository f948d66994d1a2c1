# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions in one SQLite file, in write-ahead mode."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time

from mod_python._session_store import Codec, Record

BUSY_TIMEOUT = 30.0  # seconds to wait for other writers

SCHEMA = """
CREATE TABLE IF NOT EXISTS session
    (sid TEXT PRIMARY KEY, expires REAL NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS session_expires ON session (expires);
"""

# One connection for each thread and file: opening costs more than using.
_connections = threading.local()


class _Open:
    """A connection and the file it was opened for."""

    def __init__(self, filename: str) -> None:
        # Made here, with rights for nobody else. One that is there must not be
        # opened: closing it would drop the locks of this process's connections.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(filename, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self.connection = sqlite3.connect(
            filename,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,  # whoever ends the thread closes it
        )
        try:
            _use_wal(self.connection)
            self.connection.execute("PRAGMA synchronous=NORMAL")
            self.connection.executescript(SCHEMA)
            self.identity = _identity(filename)
        except BaseException:
            self.connection.close()
            raise

    def __del__(self) -> None:
        connection = getattr(self, "connection", None)
        if connection is not None:
            connection.close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself while others do the same."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _identity(filename: str) -> tuple[int, int] | None:
    try:
        status = os.stat(filename)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class SqliteStore:
    def __init__(self, filename: str, codec: Codec) -> None:
        self._filename = filename
        self._codec = codec

    def _connection(self) -> sqlite3.Connection:
        files: dict[str, _Open] = _connections.__dict__
        found = files.get(self._filename)
        # somebody may have removed the file
        if found is None or found.identity != _identity(self._filename):
            found = files[self._filename] = _Open(self._filename)
        return found.connection

    def load(self, sid: str) -> Record | None:
        row = (
            self._connection()
            .execute("SELECT data FROM session WHERE sid = ?", (sid,))
            .fetchone()
        )
        return None if row is None else self._codec.decode(row[0], sid)

    def save(self, sid: str, record: Record) -> None:
        expires = record["_accessed"] + record["_timeout"]
        self._connection().execute(
            "INSERT OR REPLACE INTO session (sid, expires, data) VALUES (?, ?, ?)",
            (sid, expires, self._codec.encode(record)),
        )

    def delete(self, sid: str) -> None:
        self._connection().execute("DELETE FROM session WHERE sid = ?", (sid,))

    def cleanup(self) -> None:
        self._connection().execute(
            "DELETE FROM session WHERE expires < ?", (time.time(),)
        )
