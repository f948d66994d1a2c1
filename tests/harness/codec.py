# SPDX-License-Identifier: Apache-2.0
"""Decoding of what handlers send with mptest.reply()."""
from __future__ import annotations

from typing import Any


def decode(mapping: dict[str, Any]) -> Any:
    """json object_hook: bytes travel as {"$bytes": latin-1 text}."""
    if mapping.keys() == {"$bytes"}:
        return mapping["$bytes"].encode("latin-1")
    if mapping.keys() == {"$repr"}:
        return Repr(mapping["$repr"])
    return mapping


class Repr(str):
    """The repr() of something JSON does not know."""

    __slots__ = ()
