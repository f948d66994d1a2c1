# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Sessions in a dict of one interpreter."""

from __future__ import annotations

from mod_python._session_store import Record, is_expired


class MemoryStore:
    """Keeps what is in the records as it is, shared by all who load it."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def load(self, sid: str) -> Record | None:
        record = self._records.get(sid)
        return None if record is None else _copy(record)

    def save(self, sid: str, record: Record) -> None:
        self._records[sid] = _copy(record)

    def delete(self, sid: str) -> None:
        self._records.pop(sid, None)

    def cleanup(self) -> None:
        for sid, record in list(self._records.items()):
            # saved again since: then this is not its record any more
            if is_expired(record) and self._records.get(sid) is record:
                self._records.pop(sid, None)


def _copy(record: Record) -> Record:
    return {**record, "_data": dict(record["_data"])}
