# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The part of ``mod_python serve`` that runs inside httpd.

``report()`` is called by PythonImport when a child starts: it imports the
targets there and tells the command, in one line of the log, how that went.
``look()`` runs before each request and makes edited files live at once. What
it shall do comes in the environment, as the command starts the httpd.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import _apache

from mod_python import _dispatch, _finder, _report, apache

VARIABLE = "MOD_PYTHON_SERVE"
MARK = "mod_python serve: "

_seen: dict[str, int | None] = {}  # files the importer does not cover: mtimes


def _say(event: dict[str, Any]) -> None:
    # in pieces: httpd cuts long lines; backslashes it doubles
    text = json.dumps({"pid": os.getpid(), **event}).encode().hex()
    size = 4000
    count = (len(text) + size - 1) // size
    for number in range(count):
        piece = text[number * size : (number + 1) * size]
        apache.log_error(
            f"{MARK}{os.getpid()} {number + 1}/{count} {piece}", apache.APLOG_NOTICE
        )


def report() -> None:
    """Imports each target; the first that fails is told."""
    for target in json.loads(os.environ[VARIABLE])["targets"]:
        if target["kind"] == "pages":
            continue
        try:
            _check(target)
        except BaseException as error:  # noqa: BLE001 - told, whatever it is
            _say({
                "event": "failed",
                "error": str(error) if isinstance(error, _TargetError)
                else _report._summary(error),
                "traceback": _of_the_target(error),
            })
            return
    _say({"event": "ready"})


class _TargetError(Exception):
    """The module is there and is not what was asked for."""


def _of_the_target(error: BaseException) -> list[str]:
    """Its traceback, without our part; none when it tells nothing."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        return []
    return _report._lines(error.with_traceback(trace))


def _check(target: dict[str, str]) -> None:
    module = apache.import_module(target["module"])
    if target["kind"] == "wsgi":
        names = [target["object"] or "application"]
    else:
        names = [target["object"]] if target["object"] else [
            "handler", "requesthandler"]
    for name in names:
        if hasattr(module, name.split(".")[0]):
            found = _dispatch.resolve_object(module, name.split(".")[0])
            if not callable(found) and "." not in name:
                raise _TargetError(f"{name} of {module.__file__} is not callable")
            return
    others = [name for name in ("application", "app", "wsgi")
              if callable(getattr(module, name, None))]
    hint = ""
    if others and target["kind"] == "handler":
        hint = f"; for the WSGI application in it write {target['module']}:{others[0]}"
    raise _TargetError(
        f"{module.__file__} has no {' and no '.join(names)}{hint}")


# -- reloading ----------------------------------------------------------------------


def look(_: Any) -> int:
    """PythonPostReadRequestHandler: files are looked at for each request, not
    once a second."""
    for record in _finder.records():
        record.looked = float("-inf")
    _apache._invalidate()
    changed = _uncovered_changes()
    if changed:
        _say({"event": "changed", "file": changed})
    return int(apache.OK)


def _uncovered_changes() -> str | None:
    """A file of the project that has changed and that only a new process can
    load: modules of packages, and what plain imports found on sys.path."""
    root = json.loads(os.environ[VARIABLE])["root"]
    covered = {record.file for record in _finder.records()}
    result = None
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if (
            not isinstance(file, str)
            or file in covered
            or not file.startswith(root + os.sep)
            or "site-packages" in file
        ):
            continue
        try:
            now: int | None = os.stat(file).st_mtime_ns
        except OSError:
            now = None
        if _seen.setdefault(file, now) != now:
            _seen[file] = now
            result = file
    return result
