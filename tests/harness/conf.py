# SPDX-License-Identifier: Apache-2.0
"""The configuration every test server starts from.

Tests' own text is a file of its own, included at the end, so that line
numbers in messages are right. Values reach it as httpd's ${NAME}, which
collides with nothing that httpd's own syntax uses ({ } % $1).
"""
from __future__ import annotations

from pathlib import Path

from mod_python._serverconf import (
    Workers,
    load_lines,
    owner,
    run_user,
    user_lines,
)

from .install import Installation

__all__ = [
    "BY_PATH",
    "EVAL",
    "ONE",
    "Workers",
    "base",
    "defines",
    "loads",
    "owner",
    "run_user",
]

MODULES = (
    "authz_core authz_host authz_user authz_groupfile authn_core authn_file "
    "auth_basic auth_digest access_compat unixd mime dir alias rewrite "
    "log_config env setenvif headers negotiation autoindex status include "
    "filter actions reqtimeout socache_shmcb").split()

# time | module:level | pid:tid | request id | errno | client | text
ERROR_LOG_FORMAT = ("[%{cu}t] [%-m:%-l] [%-P:%-T] [%-L] [%-E] [%-a] %M")

# A test module without configuration of its own: /name calls name(req) of
# tests/handlers/<module>.py, /-eval is for Client.eval().
EVAL = """\
<Location "/-eval">
    SetHandler mod_python
    PythonHandler mptest::evaluate
</Location>
"""
BY_PATH = """\
<Directory "${{DOCROOT}}">
    SetHandler mod_python
    PythonHandler {name}
</Directory>
"""

MIME_TYPES = """\
text/html html htm
text/plain txt
text/css css
image/png png
application/json json
"""


ONE = Workers(children=1, max_children=1)
"""One process: state in the interpreter is seen by every request."""


def loads(installation: Installation, mpm: str,
          extra: list[str]) -> list[str]:
    """LoadModule lines: the MPM, the standard modules, the extra ones."""
    names = [f"mpm_{mpm}"]
    names += [name for name in MODULES if installation.has(name)]
    names.append("cgi" if mpm == "prefork" else "cgid")
    names += [name for name in extra if name not in names]
    return load_lines(installation, names)


def base(root: Path, mpm: str, workers: Workers, ports: dict[int, int],
         modules: list[str], include: Path) -> str:
    """The text of httpd.conf."""
    lines = [f'ServerRoot "{root}"', *modules]
    lines += [f"Define {name} {value}" for name, value in
              defines(root, mpm, ports).items()]
    lines += user_lines()
    lines += [f"Listen 127.0.0.1:{port}" for port in ports.values()]
    lines += workers.directives(mpm)
    lines += [
        "ServerName localhost",
        'PidFile "${ROOT}/run/httpd.pid"', 'DefaultRuntimeDir "${ROOT}/run"',
        'ErrorLog "logs/error.log"', f'ErrorLogFormat "{ERROR_LOG_FORMAT}"',
        "LogLevel info",
        'LogFormat "%h %u \\"%r\\" %>s %b" test',
        'CustomLog "logs/access.log" test',
        'TypesConfig "conf/mime.types"',
        'DocumentRoot "${DOCROOT}"',
        "Timeout 20", "KeepAlive On", "KeepAliveTimeout 10",
        "MaxKeepAliveRequests 0",
        "<Directory />", "    Require all denied", "</Directory>",
        '<Directory "${DOCROOT}">', "    Require all granted",
        "    AllowOverride All", "</Directory>",
    ]
    if mpm != "prefork":
        lines.append('ScriptSock "${ROOT}/run/cgisock"')
    lines += ["<IfModule ssl_module>",
              '    SSLSessionCache "shmcb:${ROOT}/run/ssl_cache"',
              "</IfModule>", f'Include "{include}"']
    return "\n".join(lines) + "\n"


def defines(root: Path, mpm: str, ports: dict[int, int]) -> dict[str, str]:
    """What tests' configuration may use as ${NAME}."""
    names = {"ROOT": str(root), "DOCROOT": str(root / "htdocs"),
             "HANDLERS": str(root / "handlers"), "MPM": mpm}
    names.update({f"PORT{n}": str(port) for n, port in ports.items()})
    return names
