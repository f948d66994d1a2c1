# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What all session stores share: records, how they are written, where.

A store keeps records by session id and knows nothing of requests. A record
is a dict with _data (the session), _created, _accessed (seconds since the
epoch) and _timeout (seconds).
"""

from __future__ import annotations

import json
import os
import pickle
import stat
import tempfile
import time
from collections.abc import Callable
from typing import Any, Protocol

Record = dict[str, Any]
Warn = Callable[[str], None]


class StoreError(Exception):
    """A store cannot be used: a log line with its code."""


class Store(Protocol):
    """Where sessions are kept."""

    def load(self, sid: str) -> Record | None:
        """The record, None when there is none or it cannot be read."""

    def save(self, sid: str, record: Record) -> None:
        """Keeps the record in place of an older one."""

    def delete(self, sid: str) -> None:
        """Forgets it, if it is there."""

    def cleanup(self) -> None:
        """Forgets what has expired."""


def is_expired(record: Record, now: float | None = None) -> bool:
    """Has nobody saved this session for longer than its timeout?"""
    if now is None:
        now = time.time()
    return bool(record["_accessed"] + record["_timeout"] < now)


def is_valid(record: Any) -> bool:
    """Does the record have everything that a session needs?"""
    if not isinstance(record, dict) or not isinstance(record.get("_data"), dict):
        return False
    return (
        isinstance(record.get("_created"), (int, float))
        and isinstance(record.get("_accessed"), (int, float))
        and isinstance(record.get("_timeout"), (int, float))
    )


class Codec:
    """Records as bytes, by pickle or JSON. What cannot be read is absent:
    warn gets a line about it."""

    def __init__(self, serializer: str, warn: Warn) -> None:
        self._json = serializer == "json"
        self._warn = warn

    def encode(self, record: Record) -> bytes:
        if self._json:
            return json.dumps(record, separators=(",", ":")).encode()
        return pickle.dumps(record, pickle.HIGHEST_PROTOCOL)

    def decode(self, data: bytes, sid: str) -> Record | None:
        try:
            record = json.loads(data) if self._json else pickle.loads(data)
        except Exception as error:  # noqa: BLE001 - pickle may raise anything
            problem = f"{type(error).__name__}: {error}"
        else:
            if is_valid(record):
                return dict(record)
            problem = "not the record of a session"
        self.unreadable(sid, problem)
        return None

    def unreadable(self, sid: str, problem: str) -> None:
        """Warns of a record that counts as absent."""
        # not the whole id: who reads the log could use it
        self._warn(
            f"MP0610: session {sid[:6]}... cannot be read and counts as absent: "
            f"{problem}"
        )


def default_directory() -> str:
    """``<tempdir>/mod_python-<uid>``, made when missing. Raises StoreError
    when it belongs to somebody else, who could then write our pickles."""
    path = os.path.join(tempfile.gettempdir(), f"mod_python-{os.geteuid()}")
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(
            f"MP0611: cannot make the session directory {path}: {error}"
        ) from error
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise StoreError(
            f"MP0611: {path} is refused as session directory, because it "
            "is not a directory of the user httpd runs as; set PythonOption "
            "mod_python.session.database_directory"
        )
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)
    return path
