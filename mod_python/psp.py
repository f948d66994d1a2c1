# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.psp: pages with Python inside.

A page sees the names of this module, and req, psp, form and session. Names
are looked up when they are used, so that a replaced one counts.
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import _apache

from mod_python import _finder, _options, _psp_cache, apache, util
from mod_python._psp import Generator

_DBM_OPTION = "psp.cache_database_filename"


class PSP:
    """A page: of a file (default req.filename, relative names from its
    directory) or of a string (str or bytes).

    vars: names for the page. Raises SERVER_RETURN(404) when there is no such
    file, SyntaxError for a page that is none.
    """

    def __init__(
        self,
        req: Any,
        filename: str | os.PathLike[str] | None = None,
        string: str | bytes | None = None,
        vars: Mapping[str, Any] | None = None,
    ) -> None:
        if filename is not None and string is not None:
            raise ValueError("a PSP has a filename or a string, not both")
        self.req = req
        self.vars = dict(vars) if vars else {}
        self.filename: str | None = None
        self._text: str | None = None
        if string is None:
            self.filename = req.filename
            if filename is not None:
                name = os.path.join(_directory(req), os.fsdecode(filename))
                self.filename = os.path.normpath(name)
            self._page = self._load(self.filename)
        else:
            if isinstance(string, bytes):
                string = string.decode("utf-8", "surrogateescape")
            self._text = string
            self._page = _psp_cache.page_of_string(string, _directory(req))

    def _load(self, filename: Any) -> _psp_cache.Page:
        req = self.req
        try:
            return _psp_cache.page_of_file(filename, lambda: _dbm_file(req))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            req.log_error(
                f"mod_python.psp: there is no page {filename}", apache.APLOG_INFO
            )
            raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND) from None
        except _psp_cache.DbmFileError as error:
            _options.fail(
                req,
                500,
                f"MP0630: PythonOption {_options.PREFIX}{_DBM_OPTION}: {error}",
            )

    def run(
        self,
        vars: Mapping[str, Any] | None = None,
        flush: object = 0,
    ) -> None:
        """Sends the page. vars: more names for it; flush: push it out."""
        req = self.req
        if "session" in self._page.names and not hasattr(req, "session"):
            with _own_session(req):
                self._run(vars, flush)
        else:
            self._run(vars, flush)
        if flush:
            req.flush()

    def _run(self, vars: Mapping[str, Any] | None, flush: object) -> None:
        req = self.req
        page = self._page
        file = self._file()
        names: dict[str, Any] = globals().copy()
        if page.imports:
            names.update(_finder.importing_globals(file))
        names["__file__"] = file
        names["req"] = req
        if "form" in page.names:
            names["form"] = _form(req)
        if "session" in page.names:
            names["session"] = req.session
        interface = names["psp"] = PSPInterface(req, file)
        if self.vars:
            names.update(self.vars)
        if vars:
            names.update(vars)
        try:
            if page.function and names.keys().isdisjoint(page.assigned):
                FunctionType(page.function, names)(req, req.write)
            else:
                exec(page.code, names)
        except apache.SERVER_RETURN:
            raise
        except Exception as error:
            self._add_note(error)
            if interface.error_page is None:
                raise
            exception = (type(error), error, error.__traceback__)
            interface.error_page.run({"exception": exception}, flush)

    def _file(self) -> str:
        """A file name for what goes by it."""
        return self.filename or self.req.filename or "/"

    def _add_note(self, error: BaseException) -> None:
        """An error in an included file shows the line that includes it."""
        place = error.__traceback__
        while place is not None:
            if place.tb_frame.f_code.co_filename == self._page.code.co_filename:
                included = self._page.included.get(place.tb_lineno)
                if included is not None:
                    error.add_note(f"(in {included}, which the page includes)")
            place = place.tb_next

    def __str__(self) -> str:
        self.run()
        return ""

    def display_code(self) -> str:
        """The page beside the Python code it becomes, as HTML."""
        if self._text is not None:
            text, code = self._text, parsestring(self._text)
        else:
            assert self.filename is not None
            text, code = _psp_cache.read_text(self.filename), parse(self.filename)
        columns = "".join(
            f"<td><pre>{_numbered(column)}</pre></td>" for column in (text, code)
        )
        return (
            "<!DOCTYPE html>\n<html><head><title>PSP code</title></head>\n"
            '<body><table border="1"><tr><th>PSP</th><th>Python</th></tr>\n'
            f'<tr valign="top">{columns}</tr></table></body></html>\n'
        )


def _directory(req: Any) -> str:
    return os.path.dirname(req.filename or "")


def _numbered(text: str) -> str:
    lines = text.splitlines() or [""]
    return "\n".join(
        f"{number:4d} {html.escape(line)}" for number, line in enumerate(lines, 1)
    )


class PSPInterface:
    """What a page sees as psp."""

    def __init__(self, req: Any, filename: str) -> None:
        self.req = req
        self.error_page: PSP | None = None
        self._filename = filename

    def set_error_page(self, page: str) -> None:
        """Names the page that is shown for an exception in this one: relative
        to it, or absolute below the document root. It finds the exception as
        sys.exc_info() gives it under the name exception."""
        if page.startswith("/"):
            file = self.req.document_root().rstrip("/") + page
        else:
            file = os.path.join(os.path.dirname(self._filename), page)
        self.error_page = PSP(self.req, file)

    def apply_data(self, object: Any, **kw: Any) -> Any:
        """Calls object with kw and the form fields that it takes."""
        return util.apply_fs_data(object, _form(self.req), **kw)

    def redirect(self, location: str, permanent: object = 0) -> None:
        """Ends the page with a redirect; see util.redirect()."""
        util.redirect(self.req, location, permanent)


@contextmanager
def _own_session(req: Any) -> Iterator[None]:
    """A session in req.session, saved at the end unless there was an error,
    and unlocked."""
    from mod_python import Session

    req.session = session = Session.Session(req)
    try:
        try:
            yield
        except apache.SERVER_RETURN:
            session.save()  # redirected, after a login perhaps
            raise
        session.save()
    finally:
        del req.session
        session.unlock()


def _form(req: Any) -> Any:
    if not hasattr(req, "form"):
        req.form = util.FieldStorage(req, keep_blank_values=1)
    return req.form


def _dbm_file(req: Any) -> _psp_cache.DbmFile | None:
    name = _options.text(req, _DBM_OPTION)
    if name is None:
        return None
    server = req.server

    @contextmanager
    def reserved_lock() -> Iterator[None]:
        _apache._global_lock(server, "", 0)
        try:
            yield
        finally:
            _apache._global_unlock(server, "", 0)

    return _psp_cache.DbmFile(name, reserved_lock)


def parse(filename: str, dir: str | None = None) -> str:
    """The Python code of a page in a file; dir is put in front of its name."""
    generator = Generator(_psp_cache.read_text)
    generator.add_file((dir or "") + filename)
    return generator.finish().source


def parsestring(string: str | bytes) -> str:
    """The Python code of a page."""
    if isinstance(string, bytes):
        string = string.decode("utf-8", "surrogateescape")
    generator = Generator(_psp_cache.read_text)
    generator.add_text(string, "<string>", "")
    return generator.finish().source


def handler(req: Any) -> int:
    """The content handler. With PythonDebug, a file name with an underscore
    behind it shows the code of the page."""
    if not req._content_type_set:
        req.content_type = "text/html; charset=UTF-8"
    if req._debug and req.filename.endswith("_"):
        page = PSP(req, req.filename[:-1])
        req.write(page.display_code(), 0)
    else:
        PSP(req).run()
    return int(apache.OK)
