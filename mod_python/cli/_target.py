# Licensed under the Apache License, Version 2.0; see LICENSE.
"""TARGET of the command line: what is to be served, checked and as
configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from mod_python.cli._terminal import fail
from mod_python.httpdconf import quote_if_space

KINDS = {"handler": "handler", "wsgi": "WSGI application", "pages": "folder"}


@dataclass(frozen=True)
class Target:
    """A handler, a WSGI application or a folder of pages."""

    text: str  # as given
    kind: str  # a key of KINDS
    module: str = ""  # its name, or its file
    object: str = ""  # in the module; "": the default one
    directory: str = ""  # of a folder

    @classmethod
    def parse(cls, text: str) -> Target:
        """From the command line; raises CommandError."""
        if os.path.isdir(text):
            return cls(text, "pages", directory=os.path.abspath(text))
        module, separator, name = text.partition("::")
        if separator:
            return cls(text, "handler", _module(text, module), name)
        module, separator, name = text.partition(":")
        if separator:
            return cls(text, "wsgi", _module(text, module), name)
        return cls(text, "handler", _module(text, text))

    def as_dict(self) -> dict[str, Any]:
        """For the probe in httpd."""
        return {"kind": self.kind, "module": self.module, "object": self.object}

    def directives(self) -> list[str]:
        """What stands in its <Location> (a folder has more, see folder())."""
        spec = self.module + (f"::{self.object}" if self.object else "")
        if self.kind == "handler":
            return ["SetHandler mod_python", f"PythonHandler {quoted(spec)}"]
        return [
            "SetHandler mod_python",
            "PythonHandler mod_python.wsgi",
            f"PythonOption mod_python.wsgi.application {quoted(spec)}",
        ]


def _module(text: str, name: str) -> str:
    """A file when there is one by that name; else the name, for sys.path."""
    is_path = name.endswith(".py") or os.sep in name
    if not is_path and not all(part.isidentifier() for part in name.split(".")):
        fail(
            f"MP0701: {text!r} is no target: give a module, module::object, "
            "module:application (WSGI) or a folder that exists"
        )
    file = name if name.endswith(".py") else name + ".py"
    if os.path.isfile(file):
        return os.path.abspath(file)
    if is_path:
        fail(f"MP0702: {file} does not exist: name a file that does, or start in "
             "its folder")
    return name


def quoted(text: str) -> str:
    """A word of a configuration; # $ and the like are nothing special there,
    but ${NAME} is, and so are quotes and backslashes."""
    if "${" in text or "\n" in text:
        fail(f"MP0701: {text!r} cannot stand in httpd's configuration: rename it")
    return quote_if_space(text)


# Never sent as they are: sources, caches, hidden files.
_PRIVATE = r"""
    <FilesMatch "^\.|\.py[co]$|\.dbm$">
        Require all denied
    </FilesMatch>"""


def folder(directory: str, url: str = "/") -> list[str]:
    """The configuration of a folder of pages: PSP pages, publisher modules and
    static files, each known by its name."""
    if url == "/":
        lines = [f"DocumentRoot {quoted(directory)}"]
    else:
        lines = [f"Alias {quoted(url)} {quoted(directory)}"]
    # httpd wants the name of a section in quotes when it has blanks
    return lines + f'''\
<Directory "{quoted(directory).strip('"')}">
    Require all granted
    AllowOverride All
    DirectoryIndex index.html index.psp index.py{_PRIVATE}
    <FilesMatch "\\.psp$">
        SetHandler mod_python
        PythonHandler mod_python.psp
    </FilesMatch>
    <FilesMatch "\\.py$">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </FilesMatch>
    # what is neither a file nor a folder is a name in a publisher module
    <If "! -f %{{REQUEST_FILENAME}} && ! -d %{{REQUEST_FILENAME}}">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </If>
</Directory>'''.split("\n")
