# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions in a file each: ``<directory>/mp_sess/<first 2 digits>/<id>``.

A file is overwritten in place by one write: putting another file in its place
makes ext4 wait for the disk, which takes a hundred times as long. Length and
checksum in front of the record tell who reads without the session's lock that
it is being written.
"""

from __future__ import annotations

import errno
import os
import struct
import time
import zlib
from dataclasses import dataclass

from mod_python._session_store import Codec, Record, is_expired

LOCK_NAME = ".mp_sess.lck"
STATUS_NAME = "fs_status.txt"
# A cleanup that is older has died.
LOCK_LIFETIME = 3600.0
DIRECTORIES = 256
BLOCK = 65536  # bytes to read at a time
HEAD = struct.Struct(">II")  # length and CRC-32 of the record behind it
WRITE = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
# For a file that is being written
READ_TRIES = 20
READ_PAUSE = 0.001  # seconds


@dataclass(slots=True)
class CleanupRules:
    """How to find out what has expired."""

    fast: bool = True  # by the time of the file; else each file is read
    verify: bool = True  # fast: read the file before it is removed
    timeout: float = 1800.0  # seconds, of a session whose file is not read
    grace_period: float = 240.0  # seconds more, fast
    time_limit: float = 2.0  # seconds; the next cleanup goes on, 0: no limit


class FileStore:
    def __init__(self, directory: str, codec: Codec, rules: CleanupRules) -> None:
        self._root = f"{directory}/mp_sess"
        self._codec = codec
        self._rules = rules

    def _path(self, sid: str) -> str:
        return f"{self._root}/{sid[:2]}/{sid}"

    def load(self, sid: str) -> Record | None:
        return self._read(self._path(sid), sid)

    def _read(self, path: str, sid: str) -> Record | None:
        for _ in range(READ_TRIES):
            try:
                content = _content(path)
            except FileNotFoundError:
                return None
            data = _checked(content)
            if data is not None:
                return self._codec.decode(data, sid)
            time.sleep(READ_PAUSE)
        self._codec.unreadable(sid, "wrong checksum")
        return None

    def save(self, sid: str, record: Record) -> None:
        data = self._codec.encode(record)
        path = self._path(sid)
        try:
            file = os.open(path, WRITE, 0o600)
        except FileNotFoundError:
            for one in (self._root, os.path.dirname(path)):  # each private
                os.makedirs(one, 0o700, exist_ok=True)
            file = os.open(path, WRITE, 0o600)
        try:
            data = HEAD.pack(len(data), zlib.crc32(data)) + data
            # What an older, longer record leaves behind does no harm.
            if os.write(file, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        finally:
            os.close(file)

    def delete(self, sid: str) -> None:
        try:
            os.unlink(self._path(sid))
        except FileNotFoundError:
            pass

    def cleanup(self) -> None:
        """Goes through the directories, on from where the last cleanup
        stopped, one process at a time."""
        if not os.path.isdir(self._root) or not self._lock():
            return
        try:
            self._clean_directories()
        finally:
            os.unlink(os.path.join(self._root, LOCK_NAME))

    def _lock(self) -> bool:
        path = os.path.join(self._root, LOCK_NAME)
        try:
            os.close(os.open(path, WRITE | os.O_EXCL, 0o600))
        except FileExistsError:
            try:
                if time.time() - os.stat(path).st_mtime > LOCK_LIFETIME:
                    os.unlink(path)  # the next cleanup will go
            except FileNotFoundError:
                pass
            return False
        return True

    def _clean_directories(self) -> None:
        limit = self._rules.time_limit
        deadline = time.monotonic() + limit if limit else None
        first = self._next_directory()
        for number in range(first, first + DIRECTORIES):
            number %= DIRECTORIES
            if deadline is not None and time.monotonic() > deadline:
                break
            self._clean(os.path.join(self._root, f"{number:02x}"))
            first = (number + 1) % DIRECTORIES
        status = os.open(
            os.path.join(self._root, STATUS_NAME),
            WRITE | os.O_TRUNC,
            0o600,
        )
        with os.fdopen(status, "w") as file:
            file.write(f"{first:02x} {time.time():.0f}\n")

    def _next_directory(self) -> int:
        try:
            with open(os.path.join(self._root, STATUS_NAME)) as status:
                number = int(status.read(2), 16)
        except (FileNotFoundError, ValueError):
            return 0
        return number % DIRECTORIES

    def _clean(self, directory: str) -> None:
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            return
        for name in names:
            path = os.path.join(directory, name)
            try:
                if self._is_stale(path, name):
                    os.unlink(path)
            except FileNotFoundError:
                continue  # somebody was faster

    def _is_stale(self, path: str, name: str) -> bool:
        rules = self._rules
        age = time.time() - os.stat(path).st_mtime
        old = age > rules.timeout + rules.grace_period
        if rules.fast and not (old and rules.verify):
            return old
        record = self._read(path, name)
        return old if record is None else is_expired(record)


def _content(path: str) -> bytes:
    # a file object would take longer than all the rest
    file = os.open(path, os.O_RDONLY)
    try:
        content = data = os.read(file, BLOCK)
        while len(data) == BLOCK:
            data = os.read(file, BLOCK)
            content += data
        return content
    finally:
        os.close(file)


def _checked(content: bytes) -> bytes | None:
    """The record in the content of a file, None when it is not whole."""
    if len(content) < HEAD.size:
        return None
    length, checksum = HEAD.unpack_from(content)
    data = content[HEAD.size : HEAD.size + length]
    return data if zlib.crc32(data) == checksum else None
