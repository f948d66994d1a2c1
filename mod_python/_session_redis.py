# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions in Redis, for sites with more than one host. Needs redis-py."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mod_python._session_store import Codec, Record, StoreError, Warn

CONNECT_TIMEOUT = 5  # seconds
ANSWER_TIMEOUT = 10
# Seconds between two attempts to get a lock: more and more, or those who wait
# would keep those they wait for from working.
FIRST_PAUSE = 0.005
LAST_PAUSE = 0.03

# One pool of connections for each URL.
_clients: dict[str, Any] = {}
_clients_lock = threading.Lock()


def _redis() -> Any:
    try:
        import redis
    except ImportError as error:
        raise StoreError(
            "MP0612: RedisSession needs the Python package 'redis' "
            f"(pip install redis): {error}"
        ) from error
    import redis.backoff
    import redis.retry

    return redis


def _client(url: str) -> Any:
    with _clients_lock:
        client = _clients.get(url)
        if client is None:
            redis = _redis()
            try:
                client = redis.Redis.from_url(
                    url,
                    socket_connect_timeout=CONNECT_TIMEOUT,
                    socket_timeout=ANSWER_TIMEOUT,
                    # once, at once: for connections from before a restart
                    retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1),
                )
            except ValueError as error:
                raise StoreError(
                    "MP0613: PythonOption mod_python.redis_session.url is no "
                    f"URL of a Redis server: {error}"
                ) from error
            _clients[url] = client
        return client


class RedisStore:
    def __init__(
        self, url: str, prefix: str, lock_timeout: int, codec: Codec, warn: Warn
    ) -> None:
        self._client = _client(url)
        self._prefix = prefix
        self._lock_timeout = lock_timeout
        self._codec = codec
        self._warn = warn

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Errors of the server become StoreError."""
        redis = _redis()
        try:
            yield
        except redis.RedisError as error:
            # not the URL, which may hold a password
            where = self._client.connection_pool.connection_kwargs
            place = where.get("path") or (
                f"{where.get('host', '?')}:{where.get('port', '?')}"
            )
            raise StoreError(
                f"MP0614: RedisSession: the Redis server at {place} does not "
                f"answer: {type(error).__name__}: {error}"
            ) from error

    def load(self, sid: str) -> Record | None:
        with self._talking():
            data = self._client.get(self._prefix + sid)
        return None if data is None else self._codec.decode(data, sid)

    def save(self, sid: str, record: Record) -> None:
        data = self._codec.encode(record)
        milliseconds = max(1, int(record["_timeout"] * 1000))
        with self._talking():
            self._client.set(self._prefix + sid, data, px=milliseconds)

    def delete(self, sid: str) -> None:
        with self._talking():
            self._client.delete(self._prefix + sid)

    def cleanup(self) -> None:
        """Redis does it."""

    def make_lock(self, sid: str) -> RedisLock:
        return RedisLock(self, sid)


class RedisLock:
    """A lock of one session on all hosts; ends by itself after lock_timeout
    seconds, should its holder die."""

    def __init__(self, store: RedisStore, sid: str) -> None:
        self.key = f"redis:{sid}"
        self._store = store
        self._lock = store._client.lock(
            f"{store._prefix}lock:{sid}",
            timeout=store._lock_timeout or None,
            thread_local=False,  # a request may end in another thread
        )

    def take(self, wait: bool) -> bool:
        pause = FIRST_PAUSE
        with self._store._talking():
            while not self._lock.acquire(blocking=False):
                if not wait:
                    return False
                time.sleep(pause)
                pause = min(pause * 1.5, LAST_PAUSE)
        return True

    def release(self) -> None:
        """Warns of what goes wrong: the lock ends by itself."""
        errors = _redis().exceptions
        try:
            with self._store._talking():
                self._release(errors.LockError)
        except StoreError as error:
            self._store._warn(str(error))

    def _release(self, lock_error: type[Exception]) -> None:
        try:
            self._lock.release()
        except lock_error:
            self._store._warn(
                "MP0615: RedisSession: the request took longer than its "
                "lock lives, others may have changed the session; see "
                "PythonOption mod_python.redis_session.lock_timeout"
            )
