# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Modules for handlers: found by ``_finder``, made by ``_loading``.

``load()`` is what dispatch calls for a directive, ``import_module()`` is the
same for Python code, published as ``apache.import_module``.
"""

from __future__ import annotations

import os
import sys

import _apache

from mod_python import _finder, _loading
from mod_python._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any


def _relative(name: str, directory: str | None, whose: str) -> str:
    if directory is None:
        raise _finder.refuse(
            ImportError,
            f"{name!r} is relative to {whose}, which is not known here: give an "
            "absolute path",
            name,
        )
    return directory


def find(
    name: str,
    handler_directory: str | None,
    own_directory: str | None,
    searched: str | None,
    only: Sequence[str] | None = None,
) -> Record | ModuleType:
    """The record of a module as directives and import_module() name it.

    handler_directory is where ``~/`` begins, own_directory where ``./`` and
    ``../`` do, searched the directory that comes before sys.path, only the
    directories in place of all these. All with a slash at their end.
    """
    if name.startswith("~/"):
        base = _relative(name, handler_directory, "the directory of the handler")
        return _finder.by_path(base + name[2:], name)
    if name.startswith(("./", "../")):
        base = _relative(name, own_directory, "the directory of the directive")
        return _finder.by_path(base + name, name)
    if "/" in name:
        if not name.startswith("/"):
            raise _finder.refuse(
                ImportError,
                f"{name!r}: write './{name}', '~/{name}' or an absolute path",
                name,
            )
        return _finder.by_path(name, name)
    if not name or "" in name.split("."):
        raise _finder.refuse(ImportError, f"{name!r} is no module name", name)
    return _finder.by_name(name, searched, only)


def load(
    name: str,
    directory: str | None,
    python_path: str | None,
    auto_reload: bool,
    log: bool,
) -> ModuleType:
    """The module of a directive in directory (None: it has none)."""
    if directory is not None:
        _finder.add_root(directory)
    searched = directory if python_path is None else None
    found = find(name, directory, directory, searched)
    return _use(found, auto_reload, log)


def _use(found: Record | ModuleType, auto_reload: bool, log: bool) -> ModuleType:
    if type(found) is not Record:
        return found  # type: ignore[return-value]
    found.auto_reload = auto_reload
    found.log = log
    return _loading.use(found, auto_reload, log)


def import_module(
    module_name: str,
    autoreload: object = None,
    log: object = None,
    path: object = None,
) -> ModuleType:
    """Imports a module as directives do, and returns it.

    module_name: a name (looked for in the directory of the running handler,
    then on sys.path), a dotted name, or the path of a .py file: absolute,
    ``~/x.py`` from the handler's directory, ``./x.py`` or ``../x.py`` from
    the directory of the calling module.
    autoreload: load it again when its file, or one it imports, has changed;
    log: a notice in the log when it is loaded. They default to
    PythonAutoReload and PythonDebug of the running request, else true, false.
    path: a directory or a list of directories that replaces the search.

    Raises ImportError when there is no such module, and what its code raises.
    """
    caller = sys._getframe(1).f_globals
    loader = caller.get("__loader__")
    if path is None and type(loader) is not _loading.Loader:
        record = _finder.known(module_name)
        module = record.settled() if record is not None else None
        if module is not None:
            return module
    request = _apache.current_request()
    directory = None
    searched = None
    if request is not None:
        directory = request._directory
        searched = directory if request._python_path is None else None
    if autoreload is None:
        autoreload = request._auto_reload if request is not None else True
    if log is None:
        log = request._debug if request is not None else False
    if directory is not None:
        _finder.add_root(directory)
    only = _directories(path) if path is not None else None
    own = _directory_of(caller) if module_name.startswith(".") else None
    found = find(module_name, directory, own, searched, only)
    if type(found) is Record and type(loader) is _loading.Loader:
        # The caller depends on it, as if it had an import statement.
        found.auto_reload = bool(autoreload)
        found.log = bool(log)
        module = _use_for(loader, found)
        if module is not None:
            return module
    return _use(found, bool(autoreload), bool(log))


def _use_for(loader: _loading.Loader, found: Record) -> ModuleType | None:
    if found is loader.record:
        return None
    if _loading.current() is not None:
        return loader.use(found)
    module = _loading.use(found, found.auto_reload, found.log)
    loader.deps.setdefault(found, found.version)
    return module


def _directory_of(namespace: dict[str, object]) -> str | None:
    """The directory of the code with these globals."""
    file = namespace.get("__file__")
    return os.path.dirname(os.path.abspath(file)) + "/" if type(file) is str else None


def _directories(path: Any) -> list[str]:
    items = path if isinstance(path, (list, tuple)) else [path]
    plain = [os.path.abspath(os.fsdecode(item)) for item in items]
    return [one.rstrip("/") + "/" for one in plain]
