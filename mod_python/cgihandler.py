# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.cgihandler: Python CGI scripts, in httpd's process.

The script finds its directory as the current one, the CGI variables in
os.environ and the request in sys.stdin and sys.stdout. The current directory
is the process's: one script runs at a time in each. Other threads keep their
own standard files.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from _thread import get_ident
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from sysconfig import get_paths
from types import ModuleType
from typing import Any

from mod_python import apache
from mod_python._session_locks import root_of

_NOTE = "mod_python.cgihandler"
_thread_lock = threading.RLock()

# A file that each process has for itself, and all its interpreters share.
_PROCESS_FILE = "/proc/self/status"

_KEPT = ("/site-packages/", "/dist-packages/")


def handler(req: Any) -> int:
    """The content handler."""
    filename = req.filename
    if not os.path.isfile(filename):
        raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)
    with open(filename, "rb") as file:
        source = file.read()
    code = compile(source, filename, "exec", dont_inherit=True)
    with _alone(req), ExitStack() as stack:
        output = apache.CGIStdout(req)
        for context in (
            _standard_files(apache.CGIStdin(req), output),
            _environment(req),
            _place(filename),
            _own_imports(),
        ):
            stack.enter_context(context)
        main = ModuleType("__main__")
        main.__file__ = filename
        stack.enter_context(_as_main(main))
        try:
            exec(code, main.__dict__)
        except SystemExit:
            pass  # how scripts end
        output.finish()
    return int(apache.OK)


@contextmanager
def _alone(req: Any) -> Iterator[None]:
    """One script at a time in this process, whatever the interpreter. A
    script that leads to another by an internal redirect does not wait for
    itself."""
    notes = root_of(req).notes
    if _NOTE in notes:
        yield
        return
    with _thread_lock:
        try:
            file = os.open(_PROCESS_FILE, os.O_RDONLY)
        except OSError:
            file = -1  # not Linux: one in this interpreter
        try:
            if file >= 0:
                fcntl.flock(file, fcntl.LOCK_EX)
            notes[_NOTE] = "1"
            try:
                yield
            finally:
                del notes[_NOTE]
        finally:
            if file >= 0:
                # also where a child of the script still has it
                fcntl.flock(file, fcntl.LOCK_UN)
                os.close(file)


class _ThreadFile:
    """A file for one thread; all others get another."""

    def __init__(self, file: Any, others: Any) -> None:
        self._files = (file, others, get_ident())

    def _file(self) -> Any:
        mine, others, thread = self._files
        return mine if get_ident() == thread else others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file())

    def __next__(self) -> Any:
        return next(self._file())


@contextmanager
def _standard_files(stdin: Any, stdout: Any) -> Iterator[None]:
    before = sys.stdin, sys.stdout
    sys.stdin = _ThreadFile(stdin, sys.stdin)
    sys.stdout = _ThreadFile(stdout, sys.stdout)
    try:
        yield
        stdout.flush()
    finally:
        sys.stdin, sys.stdout = before


@contextmanager
def _environment(req: Any) -> Iterator[None]:
    environ, arguments = os.environ, sys.argv
    # a plain dict: the environment of the process is for all its threads
    os.environ = {  # type: ignore[assignment]  # noqa: B003
        **environ,
        **apache.build_cgi_env(req),
    }
    sys.argv = []
    try:
        yield
    finally:
        os.environ = environ  # noqa: B003
        sys.argv = arguments


@contextmanager
def _place(filename: str) -> Iterator[None]:
    """The directory of the script, for files and for modules."""
    directory = os.path.dirname(filename)
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir(directory)
        added = directory not in sys.path
        if added:
            sys.path[:0] = [directory]
        try:
            yield
        finally:
            if added and directory in sys.path:
                sys.path.remove(directory)
            # a program adds to it in each run, as it were the first
            sys.path[:] = dict.fromkeys(sys.path)
            os.fchdir(before)
    finally:
        os.close(before)


@contextmanager
def _as_main(main: ModuleType) -> Iterator[None]:
    before = sys.modules.get("__main__")
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        if before is None:
            del sys.modules["__main__"]
        else:
            sys.modules["__main__"] = before


class _Watch:
    """Stands first on sys.meta_path and notes what this thread imports."""

    def __init__(self) -> None:
        self._thread = get_ident()
        self.names: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        del path, target
        if get_ident() == self._thread:
            self.names.append(name)


@contextmanager
def _own_imports() -> Iterator[None]:
    """Forgets afterwards the modules that the script has imported, but those
    of the standard library and of installed packages."""
    watch = _Watch()
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        sys.meta_path.remove(watch)
        for name in watch.names:
            module = sys.modules.get(name)
            if module is not None and not _is_kept(module):
                del sys.modules[name]


def _is_kept(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        # builtin, or a namespace package
        return not hasattr(module, "__path__")
    if any(part in file for part in _KEPT):
        return True
    paths = get_paths()
    library = (paths["stdlib"] + "/", paths["platstdlib"] + "/")
    return bool(file.startswith(library))
