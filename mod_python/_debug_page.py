# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The page of PythonDebug On: what is known about an error, as HTML for
browsers, as JSON for who asks for it, as text for all others.

Imported with the first error that is shown. What looks like a secret is not
shown, neither by its name nor where its value turns up elsewhere.
"""

from __future__ import annotations

import base64
import html
import json
import linecache
import os
import re
import reprlib
import sys
from urllib.parse import parse_qsl, unquote_plus

import _apache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType, TracebackType
    from typing import Any

_SOURCE_LINES = 5  # before and after the line of a frame
_MAX_FRAMES = 60
_MASK = "********"

_SECRET = re.compile(
    r"pass(?:$|w|phrase|code)|pwd|secret|token|credential|authorization|csrf"
    r"|(?:^|[_-])cookies?$|(?:api|private|session)[_-]?key|session[_-]?id|^p?sid$",
    re.IGNORECASE,
)
# Shorter values turn up everywhere; hiding them would hide the page.
_SHORTEST_SECRET = 4


def is_secret(name: object) -> bool:
    """Does this name (of a variable, header, field, key) promise a secret?"""
    return isinstance(name, str) and _SECRET.search(name) is not None


# -- values ------------------------------------------------------------------------


class _Repr(reprlib.Repr):
    """Short, and silent about secrets."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 300
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 20
        self.maxlevel = 4

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(
            {key: _Masked() if is_secret(key) else value for key, value in x.items()},
            level,
        )

    def repr_table(self, x: Any, level: int) -> str:
        return self.repr_dict(dict(x.items()), level)

    def repr_FieldStorage(self, x: Any, level: int) -> str:  # noqa: N802 - its name
        return f"<FieldStorage {self.repr_dict(dict(_fields(x)), level)}>"


def _fields(form: Any) -> list[tuple[str, Any]]:
    """Names and values, of uploads the file names."""
    return [(one.name, one.filename or one.value) for one in form.list]


class _Masked:
    def __repr__(self) -> str:
        return _MASK


_repr = _Repr().repr


def _shown(name: str, value: object) -> str:
    if is_secret(name):
        return _MASK
    try:
        return _repr(value)
    except BaseException as error:  # noqa: BLE001 - a __repr__ of the user's
        return f"<{type(value).__name__}, its repr fails: {type(error).__name__}>"


class _Secrets:
    """Values of this request that must not be shown."""

    def __init__(self, req: Any, tracebacks: Iterable[TracebackType]) -> None:
        self._values: set[str] = set()
        if req is not None:
            self._of_headers(req)
            self._of_arguments(req.args or "")
            self._pairs(req.get_options().items())
        for tb in tracebacks:
            variables = _locals(tb.tb_frame)
            self._pairs(variables)
            for _, value in variables:
                if type(value).__name__ == "FieldStorage":
                    self._pairs(_fields(value))
                elif type(value) is dict:
                    self._pairs(list(value.items()))
        alternatives = sorted(map(re.escape, self._values), key=len, reverse=True)
        self._pattern = re.compile("|".join(alternatives)) if alternatives else None

    def _of_headers(self, req: Any) -> None:
        for table in (req.headers_in, req.headers_out, req.err_headers_out):
            for name, value in table.items():
                if not is_secret(name):
                    continue
                self._add(value)
                scheme, _, rest = value.partition(" ")
                self._add(rest)
                if scheme.lower() == "basic":
                    self._basic(rest)
                for part in value.split(";"):  # of a cookie
                    self._add(part.partition("=")[2].strip(' "'))

    def _of_arguments(self, args: str) -> None:
        for part in args.split("&"):
            name, _, value = part.partition("=")
            if is_secret(unquote_plus(name)):
                self._add(value)  # the request line has it this way
                self._add(unquote_plus(value))

    def _basic(self, credentials: str) -> None:
        try:
            text = base64.b64decode(credentials).decode("utf-8", "replace")
        except ValueError:
            return
        self._add(text.partition(":")[2])

    def _pairs(self, pairs: Iterable[tuple[str, Any]]) -> None:
        for name, value in pairs:
            if is_secret(name):
                self._add(value)

    def _add(self, value: object) -> None:
        if isinstance(value, (bytes, bytearray)):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            self._values.add(value)

    def hide(self, text: str) -> str:
        return self._pattern.sub(_MASK, text) if self._pattern else text


# -- what is known -----------------------------------------------------------------


def _locals(frame: FrameType) -> list[tuple[str, Any]]:
    try:
        return list(frame.f_locals.items())
    except Exception:  # noqa: BLE001 - a namespace of the user's making
        return []


def _source(
    filename: str, line: int, names: dict[str, Any], secrets: _Secrets
) -> Iterator[list[Any]]:
    """Numbers and texts of the lines around one; names: globals of its code."""
    linecache.checkcache(filename)
    for number in range(max(1, line - _SOURCE_LINES), line + _SOURCE_LINES + 1):
        text = linecache.getline(filename, number, names)
        if text:
            yield [number, secrets.hide(text.rstrip("\n"))]


def _frame(tb: TracebackType, secrets: _Secrets) -> dict[str, Any]:
    frame, code, line = tb.tb_frame, tb.tb_frame.f_code, tb.tb_lineno or 0
    variables = _locals(frame)
    if frame.f_locals is frame.f_globals:  # a module: its own names only
        variables = [one for one in variables if not one[0].startswith("__")]
    return {
        "file": code.co_filename,
        "line": line,
        "function": getattr(code, "co_qualname", code.co_name),
        "source": list(_source(code.co_filename, line, frame.f_globals, secrets)),
        "locals": {
            name: secrets.hide(_shown(name, value)) for name, value in variables
        },
    }


def _uncompiled(error: BaseException | None, secrets: _Secrets) -> list[dict[str, Any]]:
    """Where the compiler stopped, which is no frame yet, as if it were one."""
    if not isinstance(error, SyntaxError) or not error.filename or not error.lineno:
        return []
    file, line = error.filename, error.lineno
    source = list(_source(file, line, {}, secrets))
    return [
        {"file": file, "line": line, "function": "<not compiled>", "source": source,
         "locals": {}}
    ]


def _table(pairs: Iterable[tuple[str, Any]], secrets: _Secrets) -> dict[str, str]:
    """Values under their names, those of one name joined as httpd does it."""
    shown: dict[str, str] = {}
    for name, value in pairs:
        text = _MASK if is_secret(name) else secrets.hide(str(value))
        shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def _request(req: Any, secrets: _Secrets) -> dict[str, Any]:
    host, port = req.connection.client_addr[:2]
    return {
        "request": secrets.hide(req.the_request or ""),
        "method": req.method,
        "uri": secrets.hide(req.uri or ""),
        "arguments": _table(parse_qsl(req.args or "", keep_blank_values=True), secrets),
        "file": req.filename,
        "user": req.user,
        "client": f"{host} port {port}",
        "server": f"{req.server.server_hostname} port {req.connection.local_addr[1]}",
        "headers": _table(req.headers_in.items(), secrets),
    }


def collect(
    title: str,
    lines: list[str],
    tracebacks: list[TracebackType],
    exception: BaseException | None,
    module_file: str,
    req: Any,
    phase: str,
) -> dict[str, Any]:
    """All there is to show, for JSON as for the pages made of it."""
    secrets = _Secrets(req, tracebacks)
    frames = [_frame(tb, secrets) for tb in tracebacks[-_MAX_FRAMES:]]
    facts = {
        "title": title,
        "error": secrets.hide(lines[-1]),
        "traceback": [secrets.hide(line) for line in lines],
        "frames": frames + _uncompiled(exception, secrets),
        "phase": phase,
        "interpreter": _apache.current_interpreter(),
        "process": os.getpid(),
        "module_file": module_file,
        "python": sys.version.split()[0],
    }
    if req is not None:
        facts["request"] = _request(req, secrets)
        facts["configuration"] = _table(req.get_config().items(), secrets)
        facts["options"] = _table(req.get_options().items(), secrets)
    return facts


# -- how it is shown ---------------------------------------------------------------


def kind(accept: str | None, agent: str | None) -> str:
    """The content type for an Accept header (RFC 9110, 12.5.1).

    The first of HTML, JSON and text that it names; their weights do not
    count. Who names none of them ("*/*") gets HTML, at a terminal text.
    """
    for part in (accept or "").lower().split(","):
        name = part.partition(";")[0].strip()
        if name in ("text/html", "application/xhtml+xml"):
            return "text/html"
        if name == "application/json" or name.endswith("+json"):
            return "application/json"
        if name == "text/plain":
            return "text/plain"
    at_a_terminal = (agent or "").lower().startswith(("curl/", "wget/", "httpie/"))
    return "text/plain" if at_a_terminal else "text/html"


def render(facts: dict[str, Any], content_type: str) -> bytes:
    """The body of the response, in UTF-8."""
    if content_type == "application/json":
        return json.dumps(facts, indent=1).encode("ascii") + b"\n"
    text = _page(facts) if content_type == "text/html" else "\n".join(summary(facts))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def summary(facts: dict[str, Any]) -> list[str]:
    """The lines that every form of the page begins with."""
    return [
        f'Mod_python error: "{facts["title"]}"',
        "",
        *facts["traceback"],
        "",
        f"Interpreter: {facts['interpreter']}",
        f"Process: {facts['process']}",
        f"Module file: {facts['module_file']}",
    ]


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --hot: #c22; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem;
  padding: 1.5rem; }
h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.where { color: GrayText; margin: .25rem 0 1rem; }
pre, code, td, th { font: 13px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: 6px; margin: 0; overflow-x: auto;
  padding: .75rem; }
h1 { border-left: 4px solid var(--hot); padding-left: .75rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; padding: .5rem .75rem; }
details > div { padding: 0 .75rem .75rem; }
.source { padding: .5rem 0; }
.source span { display: block; min-width: max-content; padding: 0 .75rem; }
.source .hot { background: #c222; font-weight: 600; }
.source i { color: GrayText; display: inline-block; font-style: normal;
  min-width: 3.5em; user-select: none; }
table { border-collapse: collapse; margin-top: .5rem; width: 100%; }
th { font-weight: 600; text-align: left; white-space: nowrap; width: 1%; }
td, th { border-top: 1px solid var(--line); padding: .2rem .75rem .2rem 0;
  vertical-align: top; }
td { overflow-wrap: anywhere; white-space: pre-wrap; }
"""


def _escape(value: object) -> str:
    return html.escape(str(value), quote=False)  # never in attributes


def _rows(pairs: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_escape(name)}</th><td>{_escape(value)}</td></tr>\n"
        for name, value in pairs.items()
    )
    return f"<table>\n{rows}</table>\n" if rows else ""


def _section(heading: str, pairs: dict[str, Any]) -> str:
    return f"<h2>{heading}</h2>\n{_rows(pairs)}" if pairs else ""


def _frame_html(frame: dict[str, Any], opened: bool) -> str:
    source = "".join(
        f"<span{' class=hot' if number == frame['line'] else ''}>"
        f"<i>{number}</i>{_escape(text)}</span>"
        for number, text in frame["source"]
    )
    return (
        f"<details{' open' if opened else ''}>\n"
        f"<summary><b>{_escape(frame['function'])}</b> "
        f"<code>{_escape(frame['file'])}:{frame['line']}</code></summary>\n<div>\n"
        + (f"<pre class=source>{source}</pre>\n" if source else "")
        + _rows(frame["locals"])
        + "</div>\n</details>\n"
    )


def _page(facts: dict[str, Any]) -> str:
    frames = facts["frames"]
    request = dict(facts.get("request", {}))
    headers = request.pop("headers", {})
    arguments = request.pop("arguments", {})
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{_escape(facts['error'])}</title>\n<style>{_STYLE}</style>\n"
        f"</head>\n<body>\n<h1>{_escape(facts['error'])}</h1>\n"
        f"<p class=where>in {_escape(facts['title'])}</p>\n"
        f"<pre>\n{_escape(chr(10).join(summary(facts)))}\n</pre>\n"
        + ("<h2>Calls, the last one first</h2>\n" if frames else "")
        + "".join(
            _frame_html(frame, index == 0)
            for index, frame in enumerate(reversed(frames))
        )
        + _section("Request", {k: v for k, v in request.items() if v})
        + _section("Arguments", arguments)
        + _section("Headers", headers)
        + _section("Configuration in effect", facts.get("configuration", {}))
        + _section("PythonOption", facts.get("options", {}))
        + _section(
            "Where",
            {
                "phase": facts["phase"],
                "interpreter": facts["interpreter"],
                "process": facts["process"],
                "Python": facts["python"],
            },
        )
        + "</body>\n</html>"
    )
