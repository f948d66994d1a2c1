# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Remembers what was found out about code objects, which never changes.

The functions of a module that is loaded again have new code objects, and a
function that is given another __code__ has another one: nothing is out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Generic, TypeVar

Fact = TypeVar("Fact")

# How many are remembered; modules that are loaded again leave some behind.
MAX_CODES = 1000


class ByCode(Generic[Fact]):
    """Asks find once for each code object."""

    def __init__(self, find: Callable[[CodeType], Fact]) -> None:
        self._find = find
        # By identity: to hash a code object or to compare two takes longer than
        # most questions. It is kept, so that the id stays its own.
        self._known: dict[int, tuple[CodeType, Fact]] = {}

    def of(self, code: CodeType) -> Fact:
        """What find tells of this code."""
        try:
            return self._known[id(code)][1]
        except KeyError:
            fact = self._find(code)
        if len(self._known) >= MAX_CODES:
            self._known.clear()
        self._known[id(code)] = (code, fact)
        return fact
