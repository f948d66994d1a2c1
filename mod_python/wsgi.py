# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.wsgi: a WSGI application (PEP 3333) in httpd.

PythonOption mod_python.wsgi.application names it as module[::callable],
mod_python.wsgi.base_uri or the <Location> tells where it is mounted. The
handler itself, the environ, start_response() and sending are C, see
src/objects/wsgi.h.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import _apache

from mod_python import _options, apache

OK = int(apache.OK)
DECLINED = int(apache.DECLINED)

Application = Callable[[dict[str, Any], Any], Iterable[Any]]


class FileWrapper:
    """wsgi.file_wrapper: a file as the body of a response.

    Where it is the result of the application and a real file, httpd sends it
    by itself; anything else is read in blocks.
    """

    def __init__(self, filelike: Any, blksize: int = 8192) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[Any]:
        while data := self.filelike.read(self.blksize):
            yield data


def _send_file(req: Any, file: Any) -> bool:
    """Lets httpd send the rest of a real file. False: it is none."""
    try:
        descriptor = file.fileno()
        offset = file.tell()
        status = os.fstat(descriptor)
    except (AttributeError, OSError, ValueError, TypeError):
        return False
    path = _path_of(file, descriptor, status)
    if path is None:
        return False
    return bool(req._wsgi_send_file(path, offset, max(0, status.st_size - offset)))


def _path_of(file: Any, descriptor: int, status: os.stat_result) -> str | None:
    """A name by which httpd can open an open file again."""
    if not stat.S_ISREG(status.st_mode):
        return None
    name = getattr(file, "name", None)
    for path in (f"/proc/self/fd/{descriptor}", name):
        if not isinstance(path, str):
            continue
        try:
            same = os.path.samestat(os.stat(path), status)
        except (OSError, ValueError):
            continue
        if same and os.access(path, os.R_OK):
            return path
    return None


def _application(req: Any, spec: str | None) -> Application:
    """The application that the option's value names; 500 when there is none."""
    if spec is None:
        _options.fail(
            req,
            500,
            "MP0640: mod_python.wsgi needs PythonOption "
            "mod_python.wsgi.application module[::callable]",
        )
    name, _, attribute = spec.partition("::")
    try:
        module = apache.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # something that the module imports
        _options.fail(
            req,
            500,
            f"MP0641: PythonOption mod_python.wsgi.application {spec}: "
            f"the module cannot be found: {error}",
        )
    found = module
    for part in (attribute or "application").split("."):
        found = getattr(found, part, None)  # type: ignore[assignment]
    if not callable(found):
        _options.fail(
            req,
            500,
            f"MP0642: PythonOption mod_python.wsgi.application {spec}: "
            f"{module.__file__} has no callable {attribute or 'application'!r}",
        )
    return found


def _finish(req: Any, result: Any) -> int:
    """Sends what an application has returned, if it is no list."""
    if result is NotImplemented:
        req.log_error(
            f"MP0643: mod_python.wsgi: {req.uri} is not below the path where "
            "the application is mounted",
            apache.APLOG_WARNING,
        )
        return DECLINED
    try:
        if type(result) is not FileWrapper or not _send_file(req, result.filelike):
            req._wsgi_send(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    return OK


handler = _apache._wsgi_handler(_application, _finish, FileWrapper)
