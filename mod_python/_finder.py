# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Finds the file of a module, for handlers, for import_module() and for the
import statements of covered modules.

Two things are put in place in each interpreter. A finder on ``sys.meta_path``
sees to it that a file below a handler directory is loaded by us, whoever
imports it. A wrapper of ``builtins.__import__`` looks at the imports of
covered modules only: it alone can know who imports, and so which directory
comes first and what depends on what. (Modules with builtins of their own
would be the other way; they would not see what programs put into
``builtins``, as ``gettext.install()`` does. The wrapper is in C and adds
nothing to the imports of other code but a look at their ``__loader__``.)
"""

from __future__ import annotations

import builtins
import os
import sys
from _thread import get_ident
from importlib.machinery import PathFinder, SourceFileLoader

import _apache

from mod_python import _loading
from mod_python._loading import Loader, record_of
from mod_python._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_STDLIB = os.path.dirname(os.__file__) + "/"

_roots: set[str] = set()  # handler directories, with trailing slash
_records: dict[tuple[str, str], Record] = {}  # by file, and name if in a package
_packages: set[str] = set()  # outermost packages that have covered modules
_hints: dict[int, tuple[str, str]] = {}  # by thread: package -> its directory
_found: dict[tuple[str, str | None], tuple[Record, list[str]]] = {}


def refuse(kind: type[ImportError], message: str, name: str) -> ImportError:
    """An error that tells all by its text."""
    return kind(message, name=name)


def add_root(directory: str) -> None:
    """Files below this directory are covered."""
    if directory not in _roots:
        _roots.add(directory)


def is_covered(path: str) -> bool:
    """Is it below a handler directory, and not of an installation there?"""
    if "/site-packages/" in path or "/dist-packages/" in path:
        return False
    return path.startswith(tuple(_roots)) and not path.startswith(_STDLIB)


def records() -> list[Record]:
    """All that are covered at the moment."""
    return list(_records.values())


def record_for(file: str, name: str, package: bool = False) -> Record:
    """The one record of a file."""
    file = os.path.normpath(file)
    top, dot, _ = name.partition(".")
    inside = package or (dot != "" and not file.endswith(f"/{name}.py"))
    if inside:
        _packages.add(top)
    key = (file, name if inside else "")
    record = _records.get(key)
    if record is None:
        record = _records.setdefault(key, Record(name, file, package))
    return record


def known(file: str) -> Record | None:
    """The record of a file that is not in a package, if there is one."""
    return _records.get((file, ""))


def _file_in(directory: str, name: str) -> Record | None:
    """The record of name.py in a directory."""
    file = f"{directory}{name}.py"
    record = _records.get((file, ""))
    if record is not None:
        return record if record.look() is not None else None
    return record_for(file, name) if os.path.isfile(file) else None


def _has_package(directory: str, name: str) -> bool:
    return os.path.isfile(f"{directory}{name}/__init__.py")


def _places(module: object) -> list[str]:
    """The directories of a package."""
    return [os.path.normpath(one) for one in getattr(module, "__path__", ())]


def _import_package(name: str, directory: str) -> None:
    """Sees to it that sys.modules[name] is the package of that directory."""
    module = sys.modules.get(name)
    if module is None:
        _hints[get_ident()] = (name, directory)
        try:
            builtins.__import__(name)
        finally:
            _hints.pop(get_ident(), None)
    elif directory + name not in _places(module):
        where = getattr(module, "__file__", None)
        raise refuse(
            ImportError,
            f"package {directory}{name} cannot be imported: this interpreter "
            f"has another {name!r} already ({where}). Give them two "
            "interpreters (PythonInterpreter) or two names",
            name,
        )


# -- named in a directive or in import_module() -----------------------------------


def by_path(path: str, name: str) -> Record:
    """The record of a file given by its path; name is how it was written."""
    record = known(path)
    if record is not None and record.look() is not None:
        return record
    file = os.path.normpath(path)
    if not file.endswith(".py"):
        raise refuse(
            ImportError,
            f"{name!r} names no module: a module given by its path ends in .py",
            name,
        )
    if not os.path.isfile(file):
        raise refuse(ModuleNotFoundError, f"there is no module file {file}", name)
    directory, _, leaf = file.rpartition("/")
    add_root(directory + "/")
    return record_for(file, leaf[:-3])


def by_name(
    name: str, directory: str | None, only: Sequence[str] | None = None
) -> Record | ModuleType:
    """The record of a module, or the module where we do not cover it.

    directory (with slash) is looked in first; only: nowhere but there.
    """
    places = only if only is not None else ([directory] if directory else [])
    top, dot, _ = name.partition(".")
    if not dot:
        for place in places:
            record = _file_in(place, name)
            if record is not None:
                if only is not None:
                    add_root(place)
                return record
    if only is None:
        record = _remembered(name, directory)
        if record is not None:
            return record
    try:
        found = _search(name, places, only is not None)
    except ModuleNotFoundError as error:
        if error.name not in (name, top):
            raise
        raise _not_found(error, name, places, only is not None) from None
    if type(found) is Record and only is None:
        _found[name, directory] = (found, list(sys.path))
    return found


def _remembered(name: str, directory: str | None) -> Record | None:
    """What was found before, if it would be found again."""
    record, path = _found.get((name, directory), (None, None))
    if record is None or path != sys.path or record.look() is None:
        return None
    return record


def _not_found(
    error: ModuleNotFoundError, name: str, places: Sequence[str], only: bool
) -> ImportError:
    where = list(places) if only else [*places, "sys.path"]
    text = f"{error} (looked in {', '.join(where)})"
    if name.endswith(".py"):
        text += f"; did you mean './{name}' or {name[:-3]!r}?"
    return refuse(ModuleNotFoundError, text, name)


def _search(name: str, places: Sequence[str], only: bool) -> Record | ModuleType:
    top, dot, _ = name.partition(".")
    if top == "mod_python":  # ours belongs to the running module
        builtins.__import__(name)
        return sys.modules[name]
    place = next((one for one in places if _has_package(one, top)), None)
    if place is not None:
        _import_package(top, place)
        if only:
            add_root(place)
    elif only:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if dot:
        spec = _spec_in_package(name)
    elif place is not None:
        spec = getattr(sys.modules[name], "__spec__", None)
    else:
        _forget_deleted(name)
        spec = PathFinder.find_spec(name)
    if spec is None or type(spec.loader) not in (SourceFileLoader, Loader):
        builtins.__import__(name)
        return sys.modules[name]
    return _record_of_spec(name, spec)


def _spec_in_package(name: str) -> ModuleSpec | None:
    parent = name.rpartition(".")[0]
    builtins.__import__(parent)
    path = getattr(sys.modules[parent], "__path__", None)
    return PathFinder.find_spec(name, path) if path is not None else None


def _record_of_spec(name: str, spec: ModuleSpec) -> Record:
    assert spec.origin is not None
    package = spec.submodule_search_locations is not None
    record = record_for(spec.origin, name, package)
    module = sys.modules.get(name)
    if module is None or record_of(module) is not None:
        return record
    known = getattr(getattr(module, "__spec__", None), "origin", None)
    if known == spec.origin and record.module is None and record.failure is None:
        _loading.adopt(record, module)
    elif known != spec.origin and package:
        _import_package(name, os.path.dirname(os.path.dirname(spec.origin)) + "/")
    return record


def _forget_deleted(name: str) -> None:
    """A covered module whose file is gone is no longer to be found."""
    record = record_of(sys.modules.get(name))
    if record is not None and not os.path.isfile(record.file):
        sys.modules.pop(name, None)


# -- the finder ---------------------------------------------------------------------


class Finder:
    """For sys.meta_path, in front of PathFinder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """What importlib asks; see importlib.abc.MetaPathFinder."""
        del target
        session = _loading.current()
        if session is not None:
            loader = session.wanted.get(name)
            if loader is not None and loader.module is None:
                return loader.make_spec()
        if path is not None:
            return None
        hint = _hints.get(get_ident())
        if hint is not None and hint[0] == name:
            return PathFinder.find_spec(name, [hint[1]])
        if not _roots:
            return None
        spec = PathFinder.find_spec(name)
        if spec is None or not _is_covered_spec(spec):
            return spec
        assert spec.origin is not None
        return Loader(record_for(spec.origin, name)).make_spec()


def _is_covered_spec(spec: ModuleSpec) -> bool:
    return (
        type(spec.loader) is SourceFileLoader
        and spec.submodule_search_locations is None
        and spec.origin is not None
        and is_covered(spec.origin)
    )


# -- import statements of covered modules ---------------------------------------------


def _find_import(importer: Record, name: str) -> Record | None:
    """What a plain import of a top-level name means in a covered module;
    None: whatever Python finds."""
    base = importer.base
    if is_covered(base):
        record = _file_in(base, name)
        if record is not None:
            return record
        if _has_package(base, name):
            module = sys.modules.get(name)
            if module is None or any(is_covered(one) for one in _places(module)):
                _import_package(name, base)
            return None
    _forget_deleted(name)
    module = sys.modules.get(name)
    if module is not None:
        record = record_of(module)
        return record if record is not None and not record.package else None
    spec = PathFinder.find_spec(name)
    if spec is None or not _is_covered_spec(spec):
        return None
    assert spec.origin is not None
    return record_for(spec.origin, name)


def _track(loader: Loader, name: str, fromlist: Iterable[str]) -> None:
    """Notes which covered modules of packages an import means."""
    names = [f"{name}.{leaf}" for leaf in fromlist]
    while name:
        names.append(name)
        name = name.rpartition(".")[0]
    for one in names:
        record = record_of(sys.modules.get(one))
        if record is not None and record is not loader.record:
            loader.use(record)


def _absolute(name: str, namespace: Mapping[str, object], level: int) -> str:
    package = str(namespace.get("__package__") or "")
    base = package.rsplit(".", level - 1)[0] if level > 1 else package
    return f"{base}.{name}" if name else base


def imported(
    loader: Loader,
    namespace: Mapping[str, object],
    name: str,
    fromlist: Iterable[str] | None,
    level: int,
) -> ModuleType | None:
    """An import statement in the module of loader.

    Returns the module, or None when Python's own import is to go on.
    """
    if level:
        _track(loader, _absolute(name, namespace, level), fromlist or ())
        return None
    top, dot, _ = name.partition(".")
    try:
        record = loader.known[top]
    except KeyError:
        record = _find_import(loader.record, top)
        if record is not None or top in sys.modules:
            loader.known[top] = record
    if record is None:
        if top in _packages:
            _track(loader, name, fromlist or ())
        return None
    if dot:
        raise refuse(
            ModuleNotFoundError,
            f"No module named {name!r}; {top!r} is not a package",
            name,
        )
    return loader.use(record)


def importing_globals(file: str) -> dict[str, object]:
    """The globals for code that is no module but has a file (PSP): its import
    statements look beside that file first."""
    directory = os.path.dirname(file) + "/"
    add_root(directory)
    return {"__file__": file, "__loader__": Loader(Record("", file))}


def install() -> None:
    """Puts finder and wrapper in place in this interpreter, once."""
    if Finder in sys.meta_path:
        return
    place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
    sys.meta_path.insert(place, Finder)
    original = builtins.__import__
    builtins.__import__ = _apache._import_hook(original, imported, Loader)
