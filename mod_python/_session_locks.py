# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The locks of a store that one request holds.

What _apache._request_lock() does for httpd's mutexes: a lock belongs to the
whole request, the main request with its sub-requests and redirects. Taking it
again inside is counted, not waited for, and when the request ends everything
is released, whatever happened.
"""

from __future__ import annotations

import functools
import time
import weakref
from dataclasses import dataclass
from typing import Any, Protocol

NOTE = "mod_python.session_lock:"

# A request that holds a lock and wants another waits for it no longer than
# this: two such requests may wait for each other.
PATIENCE = 30.0  # seconds
PAUSE = 0.01


class Lock(Protocol):
    """A lock that all processes share."""

    @property
    def key(self) -> str:
        """A name: what has the same is the same lock."""

    def take(self, wait: bool) -> bool:
        """Takes it; returns whether that was possible (always, with wait)."""

    def release(self) -> None:
        """Gives it back, perhaps in another thread."""


def root_of(req: Any) -> Any:
    """The request that the client sent."""
    while (outer := req.main or req.prev) is not None:
        req = outer
    return req


@dataclass(slots=True)
class _Held:
    count: int
    lock: Lock


class RequestLocks:
    """The locks of one request in one interpreter. Get it by of()."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._held: dict[str, _Held] = {}
        self.ended = False  # nobody will call release_all() any more

    @classmethod
    def of(cls, req: Any) -> RequestLocks:
        """The record of the request that req belongs to."""
        root = root_of(req)
        locks: RequestLocks | None = getattr(root, "_session_locks", None)
        if locks is None:
            locks = cls(root)
            ending = functools.partial(cls.release_all, locks)
            taken = weakref.ref(ending)
            root.register_cleanup(ending)
            del ending
            # a request that is being cleaned up takes no more of them
            locks.ended = taken() is None
            root._session_locks = locks
        return locks

    def take(self, lock: Lock, wait: bool) -> bool:
        """Takes a lock unless the request holds it, to be released; returns
        whether the request has it.

        wait: wait for it, but no longer than PATIENCE in a request that holds
        another one. Nothing is to be released where the request has the lock
        in another interpreter; then releasing does nothing.
        """
        key = lock.key
        held = self._held.get(key)
        if held is not None:
            held.count += 1
            return True
        if not self.ended and NOTE + key in self._root.notes:
            return True
        if not (self._take_patiently(lock) if self._held and wait
                else lock.take(wait)):
            return False
        self._held[key] = _Held(1, lock)
        if not self.ended:
            # text, which all interpreters see
            self._root.notes[NOTE + key] = "1"
        return True

    @staticmethod
    def _take_patiently(lock: Lock) -> bool:
        deadline = time.monotonic() + PATIENCE
        while not lock.take(False):
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)
        return True

    def release(self, key: str) -> None:
        """Undoes one take() that returned True."""
        held = self._held.get(key)
        if held is None:
            return  # the request has ended meanwhile
        held.count -= 1
        if held.count == 0:
            self._drop(key, held)

    def release_all(self, _data: object = None) -> None:
        """At the end of the request."""
        self.ended = True
        problem = None
        for key, held in list(self._held.items()):
            try:
                self._drop(key, held)
            except Exception as error:  # noqa: BLE001 - first all the others
                problem = error
        if problem is not None:
            raise problem

    def _drop(self, key: str, held: _Held) -> None:
        del self._held[key]
        try:
            del self._root.notes[NOTE + key]
        except ReferenceError:
            pass  # the request is gone, its notes too
        held.lock.release()
