# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The interface of mod_python for handlers: ``from mod_python import apache``.

Constants, and what is not about one request, connection or server. Works
inside httpd only.
"""

from __future__ import annotations

import os  # noqa: F401 - PythonPath expressions may use it
import sys
from types import ModuleType

try:
    import _apache
except ImportError:
    raise ImportError(
        "mod_python.apache works inside httpd only, in handlers that "
        "mod_python runs; outside, import mod_python, mod_python.httpdconf, "
        "mod_python.version, mod_python.util or mod_python.Cookie"
    ) from None

from _apache import (  # noqa: F401 - they are the interface
    SERVER_RETURN,
    HandlerTimeout,
    config_tree,
    exists_config_define,
    log_error,
    mpm_query,
    server_root,
    stat,
    table,
)

from mod_python import version as _version
from mod_python._dispatch import module_mtime, resolve_object
from mod_python._importer import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _apache import mp_server

    # properties, see _Apache; before the function of that name comes
    interpreter: str
    main_server: mp_server

    # the constants
    from _apache import *  # type: ignore[assignment]  # noqa: F403

    from mod_python._cgi import (
        CGIStdin,
        CGIStdout,
        NullIO,
        build_cgi_env,
        restore_nocgi,
        setup_cgi,
    )
    from mod_python._logging import LogHandler

# Constants: whatever _apache has in capitals.
globals().update(
    {name: value for name, value in vars(_apache).items() if name.isupper()}
)

mp_version = _version.version

__all__ = [
    *(name for name in vars(_apache) if name.isupper()),
    "CGIStdin",
    "CGIStdout",
    "HandlerTimeout",
    "LogHandler",
    "NullIO",
    "allow_methods",
    "build_cgi_env",
    "config_tree",
    "exists_config",
    "exists_config_define",
    "get_current_config",
    "get_current_options",
    "get_handler_root",
    "import_module",
    "interpreter",
    "log_error",
    "main_server",
    "make_table",
    "module_mtime",
    "mp_version",
    "mpm_query",
    "register_cleanup",
    "resolve_object",
    "restore_nocgi",
    "server_root",
    "setup_cgi",
    "stat",
    "table",
]

exists_config = exists_config_define

def make_table(*args: Any, **kw: Any) -> table:
    """A new table; the same as table()."""
    return table(*args, **kw)


def allow_methods(*methods: str | int) -> None:
    """Sets the methods of the Allow header for the request that this thread
    serves: names or M_ numbers. RuntimeError when it serves none.
    See req.allow_methods(), ap_allow_standard_methods()."""
    request = _apache.current_request()
    if request is None:
        raise RuntimeError("allow_methods(): this thread serves no request")
    request.allow_methods(methods)


def get_current_config() -> table:
    """The table of directives in effect for the running request, else that of
    the main server. See req.get_config(), server.get_config()."""
    request = _apache.current_request()
    result: table = (request or _apache.main_server()).get_config()
    return result


def get_current_options() -> table:
    """The table of PythonOptions in effect for the running request, else that
    of the main server. See req.get_options(), server.get_options()."""
    request = _apache.current_request()
    result: table = (request or _apache.main_server()).get_options()
    return result


def get_handler_root() -> str | None:
    """The directory of the running handler, with a slash at its end; None
    where there is none (in <Location>, or outside all sections)."""
    request = _apache.current_request()
    if request is None:
        return None
    directory: str | None = request._directory
    return directory


def register_cleanup(  # type: ignore[no-redef]
    callable: Callable[[Any], object],
    data: object = None,
) -> None:
    """Has callable(data) called when this child process ends, in this
    interpreter; the one registered last comes first. TypeError when it cannot
    be called; errors in it are logged."""
    name = _apache.current_interpreter()
    _apache.register_cleanup(name, None, callable, data)


def _parse_qs(*args: Any, **kw: Any) -> Any:
    """See mod_python.util.parse_qs()."""
    from mod_python import _forms

    return _forms.parse_qs(*args, **kw)


def _parse_qsl(*args: Any, **kw: Any) -> Any:
    """See mod_python.util.parse_qsl()."""
    from mod_python import _forms

    return _forms.parse_qsl(*args, **kw)


# Old code takes them from _apache; they are Python now.
_apache.parse_qs = _parse_qs
_apache.parse_qsl = _parse_qsl


class _Late:
    """An attribute that is imported when it is first asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, apache: ModuleType | None, owner: type) -> Any:
        if apache is None:
            return self
        from importlib import import_module as find

        value = getattr(find(f"mod_python.{self._module}"), self._name)
        setattr(apache, self._name, value)
        return value


class _Apache(ModuleType):
    """This module, once it is complete.

    CPython reads ``apache.OK`` from a slot ten times as fast as from a module
    that has a ``__getattr__``, which the attributes below would need.
    """

    __slots__ = tuple(name for name in __all__ if name in globals())
    # without what a module does for its __getattr__
    __getattribute__ = object.__getattribute__

    LogHandler = _Late("_logging")
    CGIStdin = _Late("_cgi")
    CGIStdout = _Late("_cgi")
    NullIO = _Late("_cgi")
    build_cgi_env = _Late("_cgi")
    restore_nocgi = _Late("_cgi")
    setup_cgi = _Late("_cgi")

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names["__name__"])
        vars(self).update(names)
        for name in self.__slots__:
            setattr(self, name, names[name])

    @property
    def interpreter(self) -> str:
        return _apache.current_interpreter()

    @property
    def main_server(self) -> mp_server:
        return _apache.main_server()

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *__all__})


sys.modules[__name__] = _Apache(globals())
