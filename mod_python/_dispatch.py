# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What the C side calls: from a handler entry to a callable, PythonPath,
PythonImport, pdb, and the end of a child.

``resolve()`` is called on first use, then once a second at most for an entry
whose files are watched; it must be quick when nothing has changed. Errors are
left to C, which hands them to ``_report``.
"""

from __future__ import annotations

import sys

from mod_python import _finder, _importer, _syspath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import TextIO

    Handler = Callable[..., object]

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE

_terminal: list[TextIO] = []  # what call_pdb() talks to


def resolve(
    module: str,
    name: str | None,
    function: str,
    directory: str | None,
    location: bool,
    silent: bool,
    python_path: str | None,
    auto_reload: bool,
    log: bool,
    spec: str,
) -> Handler | None:
    """The callable of a handler entry, None to skip it; see the contract."""
    del spec
    if location:
        directory = None
    if python_path is not None:
        _syspath.put(python_path)
    elif directory is not None:
        _syspath.prepend(directory)
    found = _importer.load(module, directory, python_path, auto_reload, log)
    if name is None:
        name = function
        if name == "handler" and not hasattr(found, name):
            # the message, if it has neither, names the usual one
            name = "requesthandler" if hasattr(found, "requesthandler") else name
    return _callable_in(found, name, silent)


def set_path(expression: str) -> None:
    """Makes sys.path the list of a PythonPath expression."""
    _syspath.put(expression)


# -- objects in modules --------------------------------------------------------


def file_of(module: ModuleType) -> str:
    """How messages name a module."""
    return getattr(module, "__file__", None) or module.__name__


def _attribute(module: ModuleType, name: str) -> object:
    try:
        return getattr(module, name)
    except AttributeError:
        raise _missing(module, name) from None


def _missing(module: ModuleType, name: str) -> AttributeError:
    return AttributeError(f"module '{file_of(module)}' contains no '{name}'")


def _walk(first: object, names: list[str], arg: object) -> object:
    """Attributes from left to right; classes on the way are instantiated."""
    found = first
    for name in names:
        if isinstance(found, type):
            found = found(arg)
        found = getattr(found, name)
    return found


def _has_class(first: object, names: list[str]) -> bool:
    """Is there a class on the way? (Then the rest is known for a call only.)"""
    found = first
    for name in names:
        if isinstance(found, type):
            return True
        found = getattr(found, name)
    return False


def resolve_object(
    module: ModuleType, obj_str: str, arg: object = None, silent: object = 0
) -> object:
    """The object of a module that a handler string names after ``::``.

    obj_str: attribute names with dots between. A class on the way, when
    something follows it, is called with arg, and the rest taken from the
    instance. A missing first name raises AttributeError, or gives None when
    silent is true; errors further on are raised as they come.
    """
    first, *names = obj_str.split(".")
    if silent and not hasattr(module, first):
        return None
    return _walk(_attribute(module, first), names, arg)


def module_mtime(module: ModuleType) -> float:
    """Time of the last change of the module's file (seconds), 0 when there is
    no file."""
    import os

    try:
        return os.stat(module.__file__ or "").st_mtime
    except (AttributeError, OSError):
        return 0


def _is_coroutine_function(candidate: object) -> bool:
    """As inspect.iscoroutinefunction(), without its import."""
    functools = sys.modules.get("functools")
    while True:
        if hasattr(candidate, "__func__"):  # a method
            candidate = candidate.__func__
        elif functools is not None and isinstance(candidate, functools.partial):
            candidate = candidate.func
        else:
            break
    code = getattr(candidate, "__code__", None)
    if code is None and not isinstance(candidate, type):
        method = getattr(type(candidate), "__call__", None)  # noqa: B004
        code = getattr(method, "__code__", None)
    return bool(getattr(code, "co_flags", 0) & _CO_COROUTINE)


def _checked(candidate: object, module: ModuleType, name: str) -> Handler:
    """candidate, if it can be a handler."""
    what = f"'{name}' of module '{file_of(module)}'"
    if not callable(candidate):
        shown = "None" if candidate is None else f"of type {type(candidate).__name__}"
        raise TypeError(f"{what} is {shown}: a handler must be callable")
    if _is_coroutine_function(candidate):
        raise TypeError(
            f"{what} is a coroutine function: handlers are plain functions, "
            "write def in place of async def"
        )
    return candidate


def _callable_in(module: ModuleType, name: str, silent: bool) -> Handler | None:
    first, *names = name.split(".")
    if silent and not hasattr(module, first):
        return None
    found = _attribute(module, first)
    if not _has_class(found, names):
        return _checked(_walk(found, names, None), module, name)

    def call(arg: object, *rest: object) -> object:
        return _checked(_walk(found, names, arg), module, name)(arg, *rest)

    return call


# -- the other calls -------------------------------------------------------------


def call_pdb(handler: Handler, *args: object) -> object:
    """handler(*args) under pdb, on httpd's own terminal; quitting it raises
    bdb.BdbQuit."""
    import bdb
    import pdb

    class Debugger(pdb.Pdb):
        left = False

        def set_quit(self) -> None:
            self.left = True
            super().set_quit()

    if not _terminal:
        # sys.stdin and sys.stdout are others; kept, for what was read ahead
        _terminal[:] = [open(0, closefd=False), open(1, "w", closefd=False)]  # noqa: SIM115
    stdin, stdout = _terminal
    debugger = Debugger(stdin=stdin, stdout=stdout, nosigint=True)
    result: object = debugger.runcall(handler, *args)
    if debugger.left:
        raise bdb.BdbQuit("the debugger was left")
    return result


def run_import(
    module: str,
    function: str | None,
    auto_reload: bool,
    python_path: str | None = None,
    log: bool = False,
) -> None:
    """PythonImport module[::function]."""
    if python_path is not None:
        _syspath.put(python_path)
    found = _importer.load(module, None, python_path, auto_reload, log)
    if function is not None:
        _checked(resolve_object(found, function), found, function)()


def run_exit(
    cleanups: Iterable[tuple[Callable[[object], object], object, object]],
) -> None:
    """The end of this interpreter: cleanups, last registered first, then the
    functions of atexit, then what is in the streams. Errors are logged."""
    from mod_python import _report

    for function, data, server in reversed(list(cleanups)):
        try:
            function(data)
        except BaseException as error:  # noqa: BLE001 - the others must run too
            name = getattr(function, "__qualname__", None) or repr(function)
            _report.log_exception(
                f"MP0411: cleanup {name} at the end of a child failed",
                "cleanup",
                error,
                server,
            )
    try:
        import atexit

        atexit._run_exitfuncs()
    except BaseException as error:  # noqa: BLE001 - user code
        _report.log_exception("MP0412: a function of atexit failed", "atexit", error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception as error:  # noqa: BLE001 - may be anybody's object
            _report.log_exception(
                "MP0413: flushing sys.stdout or sys.stderr failed", "flush", error
            )


_finder.install()
