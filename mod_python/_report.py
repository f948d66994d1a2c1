# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What becomes of errors in handlers: lines in the log, and with PythonDebug
a page.

Nothing here raises: a failure to report is itself reported, with less and
less detail. ``traceback`` is imported when the first error comes; if that
fails too (a PythonPath without the standard library) a plain list of calls
must do.
"""

from __future__ import annotations

import os

import _apache

TYPE_CHECKING = False
if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

# Frames of these say nothing about the user's program.
_OURS = frozenset(
    os.path.join(os.path.dirname(__file__), name + ".py")
    for name in ("_dispatch", "_finder", "_importer", "_loading", "_record")
) | {"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"}

# Files of the package begin with this: what they do is run the user's.
_PACKAGE = os.path.join(os.path.dirname(__file__), "")

# Phases whose errors have nobody to be shown to.
_LOG_ONLY = frozenset(
    {
        "PythonLogHandler",
        "PythonCleanupHandler",
        "PythonChildInitHandler",
        "PythonChildExitHandler",
        "PythonImport",
    }
)

# Whose errors are shown in the middle of a page.
_PIECES = frozenset({"PythonSSI"})

_HTML = "text/html; charset=UTF-8"

_GONE = "Write failed, client closed connection"

# What extension modules say that do not work in sub-interpreters.
_REFUSALS = (
    "does not support loading in subinterpreters",
    "do not yet support subinterpreters",
    "only be loaded into one interpreter per process",
    "may only be initialized once per interpreter process",
    "cannot load module more than once per process",
)


# -- exceptions as text ------------------------------------------------------------


def _tracebacks(error: BaseException | None) -> Iterator[TracebackType]:
    tb = error.__traceback__ if error is not None else None
    while tb is not None:
        yield tb
        tb = tb.tb_next


def _trim(shown: traceback.TracebackException, depth: int = 0) -> None:
    """Takes our frames out, here and in all it came from."""
    stack = shown.stack
    last = stack[-1] if stack else None
    stack[:] = [frame for frame in stack if frame.filename not in _OURS]
    if last is not None and last not in stack and _tells(last):
        stack.append(last)  # an error of ours: its place matters
    for other in (shown.__cause__, shown.__context__):
        if other is not None and depth < 20:
            _trim(other, depth + 1)


def _tells(frame: traceback.FrameSummary) -> bool:
    """Is this frame of ours, where an error came up, worth showing?"""
    return not frame.filename.startswith("<") and frame.name not in _DELIBERATE


# Functions of ours that raise errors on purpose: their text says it all.
_DELIBERATE = frozenset(
    {
        "_attribute",
        "_checked",
        "_import_package",
        "_relative",
        "_has_class",
        "_run",
        "_walk",
        "again",
        "by_name",
        "by_path",
        "find",
        "imported",
        "read",
    }
)


def _lines(error: BaseException) -> list[str]:
    """The traceback, one item a line."""
    try:
        import traceback

        shown = traceback.TracebackException.from_exception(error)
        _trim(shown)
        text = "".join(shown.format())
    except BaseException as other:  # noqa: BLE001 - see the module
        text = _simple(error, other)
    return text.rstrip("\n").split("\n")


def _simple(error: BaseException, why: BaseException) -> str:
    """Without the help of the standard library."""
    lines = [
        f'  File "{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}'
        for tb in _tracebacks(error)
        for code in [tb.tb_frame.f_code]
    ]
    return "\n".join(
        ["Traceback (simplified, because of " + _summary(why) + "):"]
        + lines
        + [_summary(error)]
    )


def _summary(error: BaseException) -> str:
    """The last line of its traceback, and nothing of other lines."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error).split("\n")[0]
    except BaseException:  # noqa: BLE001 - __str__ of a class of the user's
        text = "<its __str__ fails>"
    return f"{name}: {text}" if text else name


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__]


# -- extensions that refuse sub-interpreters ----------------------------------------


def _refusal(error: BaseException) -> str | None:
    """A line for the log when an extension cannot run in this interpreter."""
    for one in _causes(error):
        if isinstance(one, ImportError):
            text = str(one)
            if any(part in text for part in _REFUSALS):
                return (
                    f"MP0402: extension module {_refusing_module(one)} does not "
                    "work in this interpreter: use `PythonInterpreter "
                    "main_interpreter` for what needs it"
                )
    return None


def _refusing_module(error: ImportError) -> str:
    words = str(error).split()
    if len(words) > 1 and words[0] == "module":
        return words[1].strip("'\"")
    if error.name:
        return error.name
    name = "?"
    for tb in _tracebacks(error):
        here = tb.tb_frame.f_globals.get("__name__")
        if tb.tb_frame.f_code.co_filename not in _OURS and isinstance(here, str):
            name = _imported_by(tb) or here
    return name


def _imported_by(tb: TracebackType) -> str | None:
    """The module that the import statement where tb stands asks for. CPython
    leaves it out of the traceback, and some extensions out of their message."""
    import dis

    package = tb.tb_frame.f_globals.get("__package__") or ""
    before: list[Any] = [0, None]  # what is given to it: level, names
    for instruction in dis.get_instructions(tb.tb_frame.f_code):
        if instruction.offset == tb.tb_lasti:
            if instruction.opname != "IMPORT_NAME":
                return None
            name, (level, names) = str(instruction.argval), before[-2:]
            if level == 0:
                return name
            parts = package.split(".")[: 1 - level or None]
            return ".".join([*parts, name or names[0]])
        before.append(instruction.argval)
    return None


# -- the log -----------------------------------------------------------------------


def _log(level: int, lines: list[str], server: Any = None) -> None:
    text = "\n".join(lines)
    try:
        if server is None:
            _apache._log(level, text)
        else:
            _apache.log_error(text, level, server)
    except Exception:  # noqa: BLE001 - there is nobody left to tell
        pass


def log_exception(
    summary: str, prefix: str, error: BaseException, server: Any = None
) -> None:
    """A coded line, then the traceback with prefix before each line."""
    lines = [f"{summary}: {_summary(error)}"]
    lines += [f"{prefix}: {line}" for line in _lines(error)]
    refusal = _refusal(error)
    if refusal is not None:
        lines.append(refusal)
    _log(_apache.APLOG_ERR, lines, server)


def _is_gone(arg: object, error: BaseException) -> bool:
    """Is it only that the client went away?"""
    if not isinstance(error, OSError):
        return False
    if error.args and str(error.args[0]).startswith(_GONE):
        return True
    request = getattr(arg, "req", arg)  # filters have one
    connection = getattr(request, "connection", None)
    return isinstance(error, ConnectionError) and bool(
        getattr(connection, "aborted", False)
    )


# -- the page ----------------------------------------------------------------------


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _module_file(error: BaseException | None) -> str:
    """The file where the handler, or the import of its module, began. Behind a
    handler of the package that is the page, module or application it runs."""
    names = [tb.tb_frame.f_code.co_filename for tb in _tracebacks(error)]
    names = [name for name in names if name not in _OURS]
    for name in names:
        if not name.startswith(_PACKAGE):
            return name
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename
    return names[0] if names else "-"


def _fragment(
    what: str, spec: str | None, lines: list[str], error: BaseException | None
) -> bytes:
    """The HTML for an error inside a page."""
    text = "\n".join(
        [
            f'Mod_python error: "{_title(what, spec)}"',
            "",
            *lines,
            "",
            f"Interpreter: {_apache.current_interpreter()}",
            f"Process: {os.getpid()}",
            f"Module file: {_module_file(error)}",
        ]
    )
    html = f"<pre>\n{_escape(text)}\n</pre>\n"
    try:
        return html.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return html.encode("utf-8", "backslashreplace")


def _title(what: str, spec: str | None) -> str:
    return f"{what} {spec}" if spec else what


def _page(
    arg: object,
    what: str,
    spec: str | None,
    lines: list[str],
    error: BaseException | None,
) -> tuple[bytes, str]:
    """A response of its own, and its content type."""
    try:
        from . import _debug_page

        req = getattr(arg, "req", arg)  # filters have one
        facts = _debug_page.collect(
            _title(what, spec),
            lines,
            [
                tb
                for tb in _tracebacks(error)
                if tb.tb_frame.f_code.co_filename not in _OURS
            ],
            error,
            _module_file(error),
            req,
            req.phase or what,  # type: ignore[attr-defined]
        )
        headers = req.headers_in  # type: ignore[attr-defined]
        kind = _debug_page.kind(headers.get("Accept"), headers.get("User-Agent"))
        body = _debug_page.render(facts, kind)
    except Exception as failed:  # noqa: BLE001 - the error itself must be told
        _failed(what, spec, failed)
        return _fragment(what, spec, lines, error), _HTML
    if kind == "application/json":
        return body, kind
    return body, f"{kind}; charset=UTF-8"


def _show(
    arg: object,
    what: str,
    spec: str | None,
    lines: list[str],
    error: BaseException | None,
) -> int:
    """Sends the page to whoever made the request."""
    send = getattr(arg, "_error_page", None)
    if send is None or what in _LOG_ONLY:
        return _apache.HTTP_INTERNAL_SERVER_ERROR
    if what in _PIECES:
        send(_fragment(what, spec, lines, error), _HTML)
    elif not send(*_page(arg, what, spec, lines, error)):
        if hasattr(arg, "is_input"):
            # a filter: half a page in the middle of its data helps nobody
            return _apache.HTTP_INTERNAL_SERVER_ERROR
        # Something was sent: what it is we do not know, it may be HTML.
        arg.write(_fragment(what, spec, lines, error))  # type: ignore[attr-defined]
    return _apache.DONE


# -- what C calls ------------------------------------------------------------------


def report(
    arg: object, what: str, spec: str | None, exception: BaseException, debug: bool
) -> int:
    """Logs what a handler did not catch, and shows it with PythonDebug.

    Returns the status for httpd.
    """
    try:
        title = _title(what, spec)
        if _is_gone(arg, exception):
            _log(_apache.APLOG_INFO, [f"{title}: {exception}"])
            return _apache.DONE
        _apache._count("error")
        log_exception(f"MP0400: {title}: uncaught exception", title, exception)
        if debug:
            return _show(arg, what, spec, _lines(exception), exception)
    except Exception as error:  # noqa: BLE001 - nobody above can handle it
        _failed(what, spec, error)
    return _apache.HTTP_INTERNAL_SERVER_ERROR


def problem(
    arg: object, what: str, spec: str | None, code: str, message: str, debug: bool
) -> int:
    """The same for a wrong result: code is the "MPnnnn" of the line."""
    try:
        title = _title(what, spec)
        _apache._count("error")
        _log(_apache.APLOG_ERR, [f"{code}: {title}: {message}"])
        if debug:
            return _show(arg, what, spec, [message], None)
    except Exception as error:  # noqa: BLE001 - nobody above can handle it
        _failed(what, spec, error)
    return _apache.HTTP_INTERNAL_SERVER_ERROR


def _failed(what: str, spec: str | None, error: BaseException) -> None:
    if isinstance(error, OSError):
        return  # the client did not wait for the page
    _log(
        _apache.APLOG_ERR,
        [f"MP0401: {_title(what, spec)}: the error page failed: {_summary(error)}"],
    )
