# Licensed under the Apache License, Version 2.0; see LICENSE.
"""httpd configuration as Python objects. Works anywhere.

str() of an object is configuration, repr() is the Python that makes it. There
is a class for each usual directive, and importing any other capitalised name
from this module gives one too::

    from mod_python.httpdconf import Container, Directory, Listen, Require
    print(Container(Listen("8080"), Directory("/srv", Require("all granted"))))
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mod_python import version  # noqa: F401 - for only_if expressions

_INDENT = "    "


def quote_if_space(s: str) -> str:
    """s in double quotes when it holds a blank (and has no quotes yet)."""
    if re.search(r"\s", s) and not re.fullmatch(r'"(?:[^"\\]|\\.)*"', s):
        escaped = re.sub(r'(["\\])', r"\\\1", s)
        return f'"{escaped}"'
    return s


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError(f"line break in a directive: {text!r}")
    return text


def _indented(text: str) -> str:
    return "".join(
        _INDENT + line if line.strip() else line for line in text.splitlines(True)
    )


class Directive:
    """A directive: name and arguments. flipslash: backslashes in them become
    slashes, as paths in httpd are written."""

    def __init__(self, name: str, val: Any, flipslash: object = 1) -> None:
        self.name = name
        self.val = str(val)
        self.flipslash = flipslash

    def __str__(self) -> str:
        val = self.val.replace("\\", "/") if self.flipslash else self.val
        return _one_line(f"{self.name} {val}".rstrip()) + "\n"

    def __repr__(self) -> str:
        flip = "" if self.flipslash else ", flipslash=0"
        return f"Directive({self.name!r}, {self.val!r}{flip})"


class _Named(Directive):
    """A directive whose class has its name."""

    _flipslash = 0

    def __init__(self, val: Any = "", flipslash: object = None) -> None:
        if flipslash is None:
            flipslash = self._flipslash
        super().__init__(type(self).__name__, val, flipslash)

    def __repr__(self) -> str:
        same = bool(self.flipslash) == bool(self._flipslash)
        flip = "" if same else f", flipslash={self.flipslash!r}"
        return f"{self.name}({self.val!r}{flip})"


class Comment:
    """A comment, of one or more lines."""

    def __init__(self, comment: str) -> None:
        self.comment = comment

    def __str__(self) -> str:
        lines = self.comment.splitlines() or [""]
        return "".join(f"# {line}".rstrip() + "\n" for line in lines)

    def __repr__(self) -> str:
        return f"Comment({self.comment!r})"


class Container:
    """Directives, containers and comments in order.

    only_if: a Python expression (or a function); where it is false when the
    configuration is made, there is nothing of this container in it.
    """

    def __init__(
        self, *args: Any, only_if: str | Callable[[], Any] | None = None
    ) -> None:
        self.args = list(args)
        self.only_if = only_if

    def append(self, value: Any) -> None:
        """Adds one more at the end."""
        self.args.append(value)

    def _is_wanted(self) -> bool:
        if self.only_if is None:
            return True
        if callable(self.only_if):
            return bool(self.only_if())
        return bool(eval(self.only_if, dict(globals())))

    def _body(self) -> Iterator[str]:
        for one in self.args:
            text = str(one)
            yield text if not text or text.endswith("\n") else text + "\n"

    def __str__(self) -> str:
        return "".join(self._body()) if self._is_wanted() else ""

    def __repr__(self) -> str:
        extra = [] if self.only_if is None else [f"only_if={self.only_if!r}"]
        return _call(type(self).__name__, [], self.args, extra)


class ContainerTag:
    """A section: ``<tag attr> args </tag>``."""

    def __init__(
        self, tag: str, attr: str, args: Sequence[Any] = (), flipslash: object = 1
    ) -> None:
        self.tag = tag
        self.attr = attr
        self.args = list(args)
        self.flipslash = flipslash

    def append(self, value: Any) -> None:
        """Adds one more at the end of the section."""
        self.args.append(value)

    def __str__(self) -> str:
        attr = self.attr.replace("\\", "/") if self.flipslash else self.attr
        head = _one_line(f"<{self.tag} {quote_if_space(attr)}>")
        body = _indented(str(Container(*self.args)))
        return f"{head}\n{body}</{self.tag}>\n"

    def __repr__(self) -> str:
        flip = "" if self.flipslash else ", flipslash=0"
        items = _call("", [], self.args, [])[1:-1]
        return f"ContainerTag({self.tag!r}, {self.attr!r}, [{items}]{flip})"


class _Section(ContainerTag):
    """A section whose class has its name."""

    _flipslash = 1

    def __init__(self, attr: str, *args: Any) -> None:
        super().__init__(type(self).__name__, attr, args, self._flipslash)

    def __repr__(self) -> str:
        return _call(self.tag, [self.attr], self.args, [])


def _call(name: str, first: list[Any], items: Sequence[Any], last: list[str]) -> str:
    """A call in Python with each of the items on a line of its own."""
    start = ", ".join(repr(one) for one in first)
    rest = [repr(one) for one in items] + last
    if not rest:
        return f"{name}({start})"
    lines = "".join(_indented(f"{one},\n") for one in rest)
    comma = "," if start else ""
    return f"{name}({start}{comma}\n{lines})"


# Arguments that are paths, in which backslashes become slashes.
_PATHS = """
    CoreDumpDirectory CustomLog DefaultRuntimeDir DocumentRoot ErrorLog
    Include IncludeOptional LoadFile LoadModule PidFile ScriptSock ServerRoot
    TransferLog TypesConfig PythonHome
"""

_OTHERS = """
    AcceptPathInfo AddDefaultCharset AddHandler AddInputFilter AddOutputFilter
    AddType Alias AllowOverride AuthBasicProvider AuthDigestProvider AuthName
    AuthType Define DirectoryIndex DirectorySlash EnableMMAP EnableSendfile
    ErrorDocument ErrorLogFormat FileETag Group KeepAlive KeepAliveTimeout
    LimitRequestBody Listen LogFormat LogLevel MaxConnectionsPerChild
    MaxKeepAliveRequests MaxMemFree MaxRequestWorkers MaxRequestsPerChild
    MaxSpareServers MaxSpareThreads MinSpareServers MinSpareThreads Mutex
    NameVirtualHost Options Protocols Redirect RequestHeader Require
    RewriteCond RewriteEngine RewriteRule ScriptAlias ServerAdmin ServerAlias
    ServerLimit ServerName ServerPath ServerSignature ServerTokens SetEnv
    SetHandler SetInputFilter SetOutputFilter StartServers ThreadLimit
    ThreadsPerChild Timeout TraceEnable UseCanonicalName User

    PythonAccessHandler PythonAuthenHandler PythonAuthnProvider
    PythonAuthzHandler PythonAuthzProvider PythonAutoReload
    PythonChildExitHandler PythonChildInitHandler PythonCleanupHandler
    PythonConnectionHandler PythonDebug PythonEnablePdb PythonFixupHandler
    PythonHandler PythonHandlerModule PythonHandlerTimeout
    PythonHeaderParserHandler PythonHtaccess PythonImport PythonInitHandler
    PythonInputFilter PythonInterpPerDirective PythonInterpPerDirectory
    PythonInterpreter PythonInterpreterOptions PythonLogHandler
    PythonMapToStorageHandler PythonOptimize PythonOption PythonOutputFilter
    PythonPath PythonPostReadRequestHandler PythonPreConnectionHandler
    PythonPreTranslateHandler PythonQuickHandler PythonSwitchInterval
    PythonTransHandler PythonTypeHandler
"""

_SECTIONS = """
    Directory DirectoryMatch Files FilesMatch Location LocationMatch
    VirtualHost IfModule IfDefine IfVersion If ElseIf Limit LimitExcept Proxy
    Macro RequireAll RequireAny RequireNone
"""


def _make(name: str, base: type, flipslash: int) -> type:
    kind = "section" if base is _Section else "directive"
    return type(
        name,
        (base,),
        {
            "__module__": __name__,
            "__doc__": f"The {kind} {name}.",
            "_flipslash": flipslash,
        },
    )


for _name in _PATHS.split():
    globals()[_name] = _make(_name, _Named, 1)
for _name in _OTHERS.split():
    globals()[_name] = _make(_name, _Named, 0)
for _name in _SECTIONS.split():
    # regular expressions and conditions keep their backslashes
    _is_path = _name in ("Directory", "Files", "Location")
    globals()[_name] = _make(_name, _Section, int(_is_path))
del _name, _is_path

__all__ = [
    "Comment",
    "Container",
    "ContainerTag",
    "Directive",
    "quote_if_space",
    "write_basic_config",
    *_PATHS.split(),
    *_OTHERS.split(),
    *_SECTIONS.split(),
]


def __getattr__(name: str) -> Any:
    """A class for a directive that is not listed above."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        made = globals()[name] = _make(name, _Named, 0)
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def write_basic_config(
    server_root: str | os.PathLike[str],
    listen: str = "0.0.0.0:8888",
    conf: str = "conf",
    logs: str = "logs",
    htdocs: str = "public",
    pythonhandler: str = "mod_python.publisher",
    pythonpath: Sequence[str] = (),
    pythonoptions: Sequence[str] = (),
    mp_comments: Sequence[str] = (),
    conf_name: str = "httpd_conf.py",
    createdirs: bool = True,
    replace_config: bool = False,
) -> str | None:
    """Writes a Python file that makes a small configuration for one handler.

    server_root: the directory for everything; conf, logs and htdocs are below
    it, made if createdirs is true, with a mime.types in conf. listen:
    [ip:]port. pythonpath: more directories for modules. pythonoptions: "key
    value" each. mp_comments: comments for the top. Returns the name of the
    file; None when there is one already and replace_config is false.
    """
    from mod_python import _basic_config

    root = os.path.abspath(os.fspath(server_root))
    file = os.path.join(root, conf, conf_name)
    if os.path.exists(file) and not replace_config:
        return None
    layout = _basic_config.Layout(root, conf, logs, htdocs)
    if createdirs:
        layout.create()
    config = _basic_config.basic_config(
        layout, listen, pythonhandler, pythonpath, pythonoptions, mp_comments
    )
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(_basic_config.as_program(config))
    return file
