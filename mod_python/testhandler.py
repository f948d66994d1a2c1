# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.testhandler: a page that shows what is installed
and how it is configured. Needs PythonDebug On; passwords are not shown.
"""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from mod_python import apache, util, version

LOG_SIZE = 32 * 1024  # bytes from the end of the error log
LOG_LINES = 200

_SECRET = re.compile(
    r"(?<!proxy)pass(?:w|.?phrase|=|_|\b)|pwd|secret|token|credential"
    r"|authorization|cookie|key\b|private",
    re.I,
)
_URL_PASSWORD = re.compile(r"(\w+://[^/\s:@]*:)[^/\s@]*@")
_HIDDEN = "(not shown)"


def handler(req: Any) -> int:
    """The content handler: 403 without PythonDebug."""
    if not req._debug:
        req.log_error(
            "MP0650: mod_python.testhandler needs PythonDebug On",
            apache.APLOG_WARNING,
        )
        raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    req.content_type = "text/html; charset=UTF-8"
    req.headers_out["Cache-Control"] = "no-store"
    req.write(_page(req), 0)
    return int(apache.OK)


def _page(req: Any) -> str:
    parts = [_begin()]
    parts += [_table("General information", _general(req))]
    parts += [_list("sys.path", sys.path)]
    for title, rows in (
        ("Request headers", _items(req.headers_in)),
        ("Response headers", _items(req.headers_out)),
        ("CGI environment", _environment(req)),
        ("Environment of the process", os.environ.items()),
        ("req.get_config()", _items(req.get_config())),
        ("req.get_options()", _items(req.get_options())),
        ("req.server.get_config()", _items(req.server.get_config())),
        ("req.server.get_options()", _items(req.server.get_options())),
        ("req.notes", _items(req.notes)),
    ):
        parts.append(_table(title, rows))
    parts.append(_section("Configuration tree", _tree(apache.config_tree())))
    parts.append(_log(req))
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _general(req: Any) -> list[tuple[str, Any]]:
    codes = (
        ("MPM threads", apache.AP_MPMQ_IS_THREADED),
        ("MPM forks", apache.AP_MPMQ_IS_FORKED),
        ("Maximum processes", apache.AP_MPMQ_MAX_DAEMONS),
        ("Maximum threads", apache.AP_MPMQ_MAX_THREADS),
    )
    return [
        ("mod_python", version.version),
        ("Python", sys.version),
        ("Python prefix", sys.prefix),
        ("Python executable", sys.executable or "(none)"),
        ("Built for httpd", version.HTTPD_VERSION),
        ("APR", version.APR_VERSION),
        ("Server software", req.subprocess_env.get("SERVER_SOFTWARE")),
        ("Server root", apache.server_root()),
        ("Document root", req.document_root()),
        ("Interpreter", req.interpreter),
        ("Process", os.getpid()),
        ("User", f"{os.geteuid()}:{os.getegid()}"),
        ("Handler directory", apache.get_handler_root() or "(none)"),
        ("Server", f"{req.server.server_hostname}:{req.server.port}"),
        *((title, apache.mpm_query(code)) for title, code in codes),
    ]


def _items(table: Any) -> Iterable[tuple[str, Any]]:
    return list(table.items())


def _environment(req: Any) -> Iterable[tuple[str, Any]]:
    environment: Mapping[str, str] = apache.build_cgi_env(req)
    return sorted(environment.items())


def _text(value: Any) -> str:
    """Any value as HTML; bytes that are no text are shown as escapes."""
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(_URL_PASSWORD.sub(rf"\1{_HIDDEN}@", text))


def _begin() -> str:
    return (
        "<!DOCTYPE html>\n<html><head><title>mod_python</title>\n"
        "<style>body{font-family:sans-serif} td,th{text-align:left;"
        "vertical-align:top;border:1px solid #ccc;padding:2px 6px}"
        "table{border-collapse:collapse} pre{white-space:pre-wrap}</style>"
        f"</head><body>\n<h1>mod_python {_text(version.version)}</h1>"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{_text(title)}</h2>\n{body}"


def _table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    lines = [
        f"<tr><th>{_text(name)}</th><td>"
        f"{_text(_HIDDEN if _SECRET.search(str(name)) else value)}</td></tr>"
        for name, value in rows
    ]
    return _section(title, f"<table>{''.join(lines)}</table>")


def _list(title: str, items: Iterable[Any]) -> str:
    return _section(
        title, "<ol>" + "".join(f"<li>{_text(one)}</li>" for one in items) + "</ol>"
    )


def _tree(nodes: Iterable[Any]) -> str:
    lines = []
    for node in nodes:
        if isinstance(node, list):
            lines.append(f"<li>{_tree(node)}</li>")
            continue
        name, arguments = node
        if _SECRET.search(f"{name} {arguments}"):
            arguments = _HIDDEN
        lines.append(f"<li>{_text(name)} {_text(arguments or '')}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _log(req: Any) -> str:
    title = "End of the error log"
    wanted = util.parse_qs(req.args or "").get("view_log", ["0"])[0]
    if wanted != "1":
        return _section(title, '<p><a href="?view_log=1">show</a></p>')
    name = req.server.error_fname
    if not name:
        return _section(title, "<p>(not a file)</p>")
    path = os.path.join(apache.server_root(), name)
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_SIZE))
            tail = file.read(LOG_SIZE)
    except OSError as error:
        return _section(title, f"<p>{_text(error)}</p>")
    lines = tail.decode("utf-8", "backslashreplace").splitlines()[-LOG_LINES:]
    shown = "\n".join(
        _text(_HIDDEN if _SECRET.search(line) else line) for line in lines
    )
    return _section(title, f"<pre>{shown}</pre>")
