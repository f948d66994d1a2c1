# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The configuration that httpdconf.write_basic_config() writes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mod_python import _install, _serverconf, httpdconf, version
from mod_python.httpdconf import Comment, Container, quote_if_space

MPMS = ("event", "worker", "prefork")
MODULES = ("unixd", "authz_core", "authz_host", "mime", "dir", "log_config")

# What is built into every httpd.
STATIC = frozenset(["core", "so", "http_core"])

MIME_TYPES = """\
application/javascript js mjs
application/json json
application/pdf pdf
application/xml xml
image/gif gif
image/jpeg jpeg jpg
image/png png
image/svg+xml svg
image/webp webp
text/css css
text/html html htm
text/plain txt
"""


@dataclass(frozen=True)
class Layout:
    """The directories of a server root."""

    root: str
    conf: str
    logs: str
    htdocs: str

    def path(self, *names: str) -> str:
        return os.path.join(self.root, *names)

    def create(self) -> None:
        """Makes what is missing."""
        for name in ("", self.conf, self.logs, self.htdocs):
            os.makedirs(self.path(name), exist_ok=True)
        mime_types = self.path(self.conf, "mime.types")
        if not os.path.exists(mime_types):
            with open(mime_types, "w", encoding="ascii") as file:
                file.write(MIME_TYPES)


def built_in() -> frozenset[str]:
    """Names of the modules that are part of httpd, an MPM as ``mpm_event``."""
    try:
        return _install.Installation.find().built_in
    except _install.SetupError:
        return STATIC


def _load(name: str, file: str) -> Any:
    return httpdconf.LoadModule(f"{name}_module {quote_if_space(file)}")


def _module_lines() -> list[Any]:
    present = built_in()
    lines = []
    mpms = [f"mpm_{name}" for name in MPMS]
    names = list(MODULES)
    if not present.intersection(mpms):
        found = [name for name in mpms if _exists(name)]
        names.insert(0, found[0] if found else mpms[0])
    for name in names:
        if name not in present:
            lines.append(_load(name, _file(name)))
    own = str(_install.own_module())
    if not os.path.exists(own):
        own = _file("python")
    return lines + [_load("python", own)]


def _file(name: str) -> str:
    file = "mod_python.so" if name == "python" else f"mod_{name}.so"
    return os.path.join(version.LIBEXECDIR or "modules", file)


def _exists(name: str) -> bool:
    return os.path.exists(_file(name))


def _user_lines() -> list[Any]:
    """Root's children run as somebody else."""
    names = _serverconf.run_user()
    return [httpdconf.User(names[0]), httpdconf.Group(names[1])] if names else []


def basic_config(
    layout: Layout,
    listen: str,
    pythonhandler: str,
    pythonpath: Sequence[str],
    pythonoptions: Sequence[str],
    comments: Sequence[str],
) -> Container:
    """A whole configuration for one handler."""
    root = quote_if_space(layout.root)
    htdocs = layout.path(layout.htdocs)
    host, _, _ = listen.rpartition(":")
    config = Container(*(Comment(one) for one in comments))
    add = config.append
    add(httpdconf.ServerRoot(root))
    for line in _module_lines() + _user_lines():
        add(line)
    for name, val in (
        ("PidFile", os.path.join(layout.logs, "httpd.pid")),
        ("DefaultRuntimeDir", layout.path(layout.logs)),
        ("ServerName", host if host not in ("", "0.0.0.0", "[::]") else "localhost"),
        ("Listen", listen),
        ("TypesConfig", os.path.join(layout.conf, "mime.types")),
        ("ErrorLog", os.path.join(layout.logs, "error_log")),
    ):
        add(getattr(httpdconf, name)(quote_if_space(val)))
    add(httpdconf.LogFormat(r'"%h %l %u %t \"%r\" %>s %b" common'))
    log = quote_if_space(os.path.join(layout.logs, "access_log"))
    add(httpdconf.CustomLog(f"{log} common"))
    add(httpdconf.DocumentRoot(quote_if_space(htdocs)))
    for option in pythonoptions:
        add(httpdconf.PythonOption(option))
    if pythonpath:
        # the directory of the handler is not looked in when there is a path
        paths = [os.path.abspath(one) for one in pythonpath] + [htdocs]
        expression = f"{paths!r} + sys.path".replace("\\", "\\\\")
        escaped = expression.replace('"', '\\"')
        add(httpdconf.PythonPath(f'"{escaped}"'))
    add(httpdconf.Directory("/", httpdconf.Require("all denied")))
    add(
        httpdconf.Directory(
            htdocs,
            httpdconf.Require("all granted"),
            httpdconf.SetHandler("mod_python"),
            httpdconf.PythonHandler(quote_if_space(pythonhandler)),
        )
    )
    return config


def as_program(config: Container) -> str:
    """Python that makes the configuration and prints it."""
    text = repr(config)
    names = sorted(set(re.findall(r"^\s*([A-Z]\w*)\(", text, re.MULTILINE)))
    imports = "".join(f"    {name},\n" for name in names)
    return (
        '"""The configuration of an httpd; change it here.\n\n'
        "``mod_python genconfig`` with the name of this file prints it.\n"
        f'"""\n\nfrom mod_python.httpdconf import (\n{imports})\n\n'
        f"config = {text}\n\n"
        'if __name__ == "__main__":\n    print(config, end="")\n'
    )
