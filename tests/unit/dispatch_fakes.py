# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A stand-in for the builtin module _apache, and fresh copies of the modules
that find, load and report.

Each test gets an interpreter's state of its own: the import hook is put in
place before it and taken away after it.
"""
from __future__ import annotations

import builtins
import importlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONSTANTS = {
    "APLOG_EMERG": 0, "APLOG_ALERT": 1, "APLOG_CRIT": 2, "APLOG_ERR": 3,
    "APLOG_WARNING": 4, "APLOG_NOTICE": 5, "APLOG_INFO": 6, "APLOG_DEBUG": 7,
    "APLOG_TRACE1": 8,
    "OK": 0, "DECLINED": -1, "DONE": -2, "HTTP_INTERNAL_SERVER_ERROR": 500,
}


class FakeApache(types.ModuleType):
    """_apache, as far as the Python package asks for it."""

    def __init__(self) -> None:
        super().__init__("_apache")
        self.__dict__.update(CONSTANTS)
        self.log: list[tuple[int, str]] = []
        self.server_log: list[tuple[object, int, str]] = []
        self.request: Any = None
        self.invalidated = 0
        self.counted: list[str] = []
        self.cleanups: list[tuple[Any, ...]] = []
        self.SERVER_RETURN = type("SERVER_RETURN", (Exception,), {})
        self.HandlerTimeout = type("HandlerTimeout", (BaseException,), {})
        self.table = dict
        self.server = types.SimpleNamespace(
            get_config=lambda: {"of": "server"},
            get_options=lambda: {"of": "server"})
        for name in ("config_tree", "mpm_query", "server_root", "stat",
                     "exists_config_define"):
            setattr(self, name, lambda *args: args)

    def _log(self, level: int, message: str) -> None:
        self.log += [(level, line) for line in message.split("\n")]

    def log_error(self, message: str, level: int = 3,
                  server: object = None) -> None:
        self.server_log.append((server, level, message))

    def _count(self, what: str) -> None:
        self.counted.append(what)

    def _invalidate(self) -> None:
        self.invalidated += 1

    @staticmethod
    def _import_hook(original: Any, hook: Any, loader_type: type) -> Any:
        """What objects/import_hook.c does."""
        def import_(name: str, globals: Any = None, locals: Any = None,
                    fromlist: Any = (), level: int = 0) -> Any:
            loader = (globals or {}).get("__loader__")
            if type(loader) is loader_type:
                module = hook(loader, globals, name, fromlist, level)
                if module is not None:
                    return module
            return original(name, globals, locals, fromlist, level)

        return import_

    def current_request(self) -> Any:
        return self.request

    def current_interpreter(self) -> str:
        return "main_interpreter"

    def main_server(self) -> Any:
        return self.server

    def register_cleanup(self, *args: Any) -> None:
        self.cleanups.append(args)

    def lines(self, level: int) -> list[str]:
        return [line for at, line in self.log if at == level]


class Package:
    """The modules under test, by their names; and help for tests."""

    def __init__(self, httpd: FakeApache, tmp_path: Path) -> None:
        self.httpd = httpd
        self.tmp_path = tmp_path
        self.original_import = builtins.__import__
        for name in ("_record", "_loading", "_finder", "_importer",
                     "_syspath", "_dispatch", "_report", "apache"):
            module = importlib.import_module(f"mod_python.{name}")
            setattr(self, name.lstrip("_"), module)
        self.now = 1000.0
        self.record.time = types.SimpleNamespace(  # type: ignore[attr-defined]
            monotonic=lambda: self.now)
        self.loading.time = self.record.time  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:  # for type checkers
        raise AttributeError(name)

    def later(self, seconds: float = 1.0) -> None:
        """Lets the time pass after which files are looked at again."""
        self.now += seconds

    def write(self, name: str, text: str) -> Path:
        """A file; each writing has a later mtime than the one before."""
        path = self.tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 10**18
        new = path.with_suffix(".new")
        new.write_text(text)
        os.utime(new, ns=(before, before + 1000))
        new.replace(path)
        return path

    def folder(self, name: str = "") -> str:
        path = self.tmp_path / name
        path.mkdir(parents=True, exist_ok=True)
        return str(path).rstrip("/") + "/"

    def load(self, name: str, folder: str | None = "", *,
             python_path: str | None = None, auto_reload: bool = True,
             log: bool = False) -> Any:
        """What a directive in that folder (of tmp_path) loads."""
        directory = None if folder is None else self.folder(folder)
        if directory is not None and python_path is None:
            self.syspath.prepend(directory)
        return self.importer.load(name, directory, python_path, auto_reload,
                                  log)


@pytest.fixture
def package(tmp_path: Path,
            monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = dict(sys.modules)
    for name in modules:
        if name == "_apache" or name.startswith("mod_python."):
            del sys.modules[name]
    sys.modules["_apache"] = httpd = FakeApache()
    made = Package(httpd, tmp_path)
    yield made
    builtins.__import__ = made.original_import
    sys.meta_path.remove(made.finder.Finder)
    for name in set(sys.modules) - set(modules):
        if name.startswith("mod_python.") or is_below(sys.modules[name],
                                                      tmp_path):
            del sys.modules[name]
    sys.modules.pop("_apache", None)
    sys.modules.update(modules)


def is_below(module: Any, path: Path) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(str(path))
