# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The configurations the command makes: of serve, and one for production to
start from."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from mod_python import _serverconf, version
from mod_python._install import Installation, own_module
from mod_python.cli._target import Target, folder, quoted
from mod_python.cli._terminal import ACCESS_FORMAT, ERROR_FORMAT, fail

# Enough for .htaccess files as people write them; each costs a little start.
MODULES = (
    "unixd authz_core authz_host authz_user authn_core authn_file auth_basic "
    "log_config mime dir alias env setenvif headers filter rewrite"
).split()
TLS_MODULES = ["socache_shmcb", "ssl"]


_ONE = _serverconf.Workers(children=1)


@dataclass(frozen=True)
class Site:
    """What ``serve`` shall serve, and how."""

    directory: Path  # for its own files
    mounts: list[tuple[str, Target]]  # URL path and what is there
    static: list[tuple[str, str]] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 8000
    mpm: str = "event"
    workers: _serverconf.Workers = _ONE
    reload: bool = True
    debug: bool = False
    tls: bool = False

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.tls}://{host}:{self.port}/"


def python_lines() -> list[str]:
    """LoadModule, and PythonHome where the module does not know itself."""
    lines = [f"LoadModule python_module {quoted(str(own_module()))}"]
    home = os.path.dirname(os.path.dirname(version.PYTHON_BIN))
    # built for one virtual environment, installed into another
    is_here = own_module().is_relative_to(os.path.realpath(sys.prefix))
    if sys.prefix != sys.base_prefix and home != sys.prefix and is_here:
        lines.append(f"PythonHome {quoted(sys.prefix)}")
    return lines


def serve_config(site: Site, installation: Installation) -> str:
    """The text of httpd.conf for ``serve``."""
    if not installation.has(f"mpm_{site.mpm}"):
        fail(f"MP0705: this httpd has no MPM {site.mpm}: choose with --mpm from "
             + ", ".join(installation.mpms()))
    names = [f"mpm_{site.mpm}", *MODULES, *(TLS_MODULES if site.tls else [])]
    wanted = [name for name in names if installation.has(name)]
    root = quoted(str(site.directory))
    host = f"[{site.host}]" if ":" in site.host else site.host
    lines = [
        f"ServerRoot {root}",
        *_serverconf.load_lines(installation, wanted),
        *python_lines(),
        *_serverconf.user_lines(),
        *site.workers.directives(site.mpm),
        "GracefulShutdownTimeout 5",
        f"Listen {host}:{site.port}",
        f"ServerName {'localhost' if site.tls else host}:{site.port}",
        "PidFile httpd.pid",
        f"DefaultRuntimeDir {root}",
        # one stream for both, in the order things happened
        "ErrorLog /dev/stderr",
        f'ErrorLogFormat "{ERROR_FORMAT}"',
        f"LogLevel warn python:{'debug' if site.debug else 'info'}",
        f'LogFormat "{ACCESS_FORMAT}" serve',
        "CustomLog /dev/stderr serve",
        "TypesConfig mime.types",
        f"DocumentRoot {quoted(str(site.directory / 'htdocs'))}",
        "<Directory />",
        "    Require all granted",
        "</Directory>",
        "PythonInterpreter main_interpreter",
        "PythonImport mod_python.cli._probe::report main_interpreter",
        f"PythonAutoReload {'On' if site.reload else 'Off'}",
        f"PythonDebug {'On' if site.debug else 'Off'}",
    ]
    if site.reload:
        lines.append("PythonPostReadRequestHandler mod_python.cli._probe::look")
    if site.tls:
        # no warnings about a certificate that is our own
        lines += ["LogLevel ssl:error", "SSLSessionCache none", "SSLEngine On",
                  "SSLCertificateFile server.crt",
                  "SSLCertificateKeyFile server.key"]
    for url, target in site.mounts:
        lines += mount(url, target)
    for url, directory in site.static:
        lines += static(url, directory)
    return "\n".join(lines) + "\n"


def mount(url: str, target: Target) -> list[str]:
    """A target at a URL path."""
    if target.kind == "pages":
        return folder(target.directory, url)
    inside = [f"    {line}" for line in target.directives()]
    if target.kind == "wsgi" and url != "/":
        inside.append(f"    PythonOption mod_python.wsgi.base_uri {quoted(url)}")
    return [f"<Location {quoted(url)}>", *inside, "</Location>"]


def static(url: str, directory: str) -> list[str]:
    """Files as they are at a URL path."""
    return [
        f"Alias {quoted(url)} {quoted(directory)}",
        f"<Location {quoted(url)}>",
        "    SetHandler none",
        "    Require all granted",
        "</Location>",
    ]


PRODUCTION = """\
# A site for production. `mod_python config` has made it; it is yours to
# change. Put it where httpd reads sites (Debian: /etc/apache2/sites-available,
# then a2ensite), check with `httpd -t`, and reload httpd.

# The module, once in the whole configuration.
<IfModule !python_module>
    {load}
</IfModule>
{home}
<VirtualHost *:{port}>
    ServerName {name}
    DocumentRoot {root}
    ErrorLog {log}
    LogLevel warn python:info

    # Handlers of this host share one interpreter, named like the host. Two
    # applications with modules of the same names get one each:
    #   PythonInterpreter shop

    # Files are not looked at once they are loaded: with a graceful restart
    # all of them change at the same moment.
    PythonAutoReload Off

    # Tracebacks go to the error log, never to the client.
    PythonDebug Off

    # A handler that runs longer than this (seconds) is interrupted.
    #   PythonHandlerTimeout 60

    # What the client may send, in bytes.
    LimitRequestBody 10485760

    # Imported when a child starts, so that the first request does not wait.
    {preload}

    <Directory {root}>
        Require all granted
        # .htaccess files cost a look in each directory for each request
        AllowOverride None
    </Directory>
{site}
    # Sessions (mod_python.Session): files in a directory of the user httpd
    # runs as; cookies over https only.
    #   PythonOption mod_python.session.database_directory /var/lib/{name}
    #   PythonOption mod_python.session.cookie_secure On

    # Who looks at the state of the interpreters. Only from this machine.
    <Location /python-status>
        SetHandler mod_python
        PythonHandler mod_python.status
        Require local
    </Location>
</VirtualHost>
"""


def production_config(target: Target, name: str, port: int, root: str,
                      log: str) -> str:
    """A complete annotated site."""
    load, *home = python_lines()
    if target.kind == "pages":
        root = target.directory
        site = folder(target.directory)[1:]
        preload = "#   PythonImport mymodule " + name
    else:
        site = mount("/", target)
        preload = f"PythonImport {quoted(target.module)} {name}"
    text = "\n".join(site)
    return PRODUCTION.format(
        load=load, home="\n".join(home), port=port, name=name,
        root=quoted(root), log=quoted(log), preload=preload,
        site="\n".join("    " + line for line in text.split("\n")),
    )
