# Licensed under the Apache License, Version 2.0; see LICENSE.
"""sys.path of this interpreter: PythonPath and the handlers' directories.

Either PythonPath is in effect and sys.path is exactly its list, or the
directories of handlers are put in front, each once. Both kinds of handler can
share an interpreter, so the path may change from request to request; a list
that others may be walking through is never shortened in place.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

import _apache

_lock = allocate_lock()
_directories: set[str] = set()  # put in front of sys.path, as written there
_values: dict[str, list[str]] = {}  # PythonPath expression -> its list
_base: list[str] | None = None  # sys.path before the first PythonPath


class _Sys:
    """What PythonPath expressions know as sys: its path is the one from before
    any PythonPath, so that the order of requests does not matter."""

    def __init__(self, path: list[str]) -> None:
        self.path = path

    def __getattr__(self, name: str) -> object:
        return getattr(sys, name)


def prepend(directory: str) -> None:
    """Puts a handler's directory in front, unless it is there already."""
    plain = directory.rstrip("/") or "/"
    if plain in sys.path or directory in sys.path:
        return
    with _lock:
        if plain in sys.path or directory in sys.path:
            return
        sys.path.insert(0, directory)
        _directories.add(directory)
    if _values:
        # handlers with a PythonPath must put their list back
        _apache._invalidate()


def put(expression: str) -> None:
    """Makes sys.path what a PythonPath expression says.

    Raises what evaluating it raises, TypeError when it is no list of paths.
    """
    with _lock:
        value = _values.get(expression)
    if value is None:
        value = _evaluate(expression)
        with _lock:
            value = _values.setdefault(expression, value)
    if sys.path == value:
        return
    sys.path = list(value)
    if _directories:
        # handlers without a PythonPath must put their directories back
        _apache._invalidate()


def _evaluate(expression: str) -> list[str]:
    from mod_python import apache

    names = {**vars(apache), "sys": _Sys(_original())}
    value = eval(expression, names)
    if not isinstance(value, (list, tuple)):
        raise TypeError(
            f"PythonPath must be a list, not {type(value).__name__}: {expression}"
        )
    items = []
    for item in value:
        path = os.fspath(item) if isinstance(item, os.PathLike) else item
        if not isinstance(path, str):
            raise TypeError(
                f"PythonPath: {item!r} is of type {type(item).__name__}; "
                "items must be str or path objects"
            )
        items.append(path)
    return list(dict.fromkeys(items))


def _original() -> list[str]:
    global _base
    with _lock:
        if _base is None:
            _base = [one for one in sys.path if one not in _directories]
        return list(_base)
