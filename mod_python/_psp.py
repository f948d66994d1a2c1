# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PSP pages to Python code, without a request.

A page is cut into pieces: text, ``<% code %>``, ``<%= expression %>``,
``<%@ include file="x" %>`` and ``<%-- comment --%>``. Code is taken over line
by line; the indentation of its last line is that of the text and expressions
up to the next code block. Each generated line knows the page line it comes
from, and so do tracebacks.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from mod_python import _psp_function

MAX_INCLUDES = 50  # files inside each other

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BLOCK = re.compile(r"<%(--|=|@|)")
_INCLUDE = re.compile(r"""\s*include\s+file\s*=\s*(?:"([^"]*)"|'([^']*)')\s*""")

Read = Callable[[str], str]  # the text of a file


@dataclass(frozen=True)
class Piece:
    """A part of a page: kind is text, code, expression or directive."""

    kind: str
    text: str
    line: int  # where its text begins, from 1


@dataclass(frozen=True)
class Origin:
    """Where a generated line comes from."""

    file: str
    line: int
    page_line: int  # of the page itself: that of the include directive


@dataclass
class Generated:
    """A page as Python code."""

    lines: list[str] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)  # one for each line
    files: list[str] = field(default_factory=list)  # that were read
    included: dict[int, str] = field(default_factory=dict)  # by page line
    writes: set[int] = field(default_factory=set)  # lines of generated calls
    imports: bool = False  # has import statements; known when compiled

    @property
    def source(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def _error(message: str, file: str, line: int, text: str = "") -> SyntaxError:
    return SyntaxError(message, (file, line, 1, text))


def pieces(text: str, file: str) -> Iterator[Piece]:
    """Cuts a page. Raises SyntaxError for a block without an end."""
    place, line = 0, 1
    while True:
        block = _BLOCK.search(text, place)
        end = len(text) if block is None else block.start()
        if end > place:
            yield Piece("text", text[place:end], line)
            line += len(_NEWLINE.findall(text, place, end))
        if block is None:
            return
        mark = block.group(1)
        closing = "--%>" if mark == "--" else "%>"
        place = block.end()
        end = text.find(closing, place)
        if end < 0:
            raise _error(f"<%{mark} without {closing}", file, line)
        inside = text[place:end]
        if mark != "--":
            kind = {"": "code", "=": "expression", "@": "directive"}[mark]
            yield Piece(kind, inside, line)
        line += len(_NEWLINE.findall(text, place, end))
        place = end + len(closing)


class Generator:
    """Makes the code of one page."""

    def __init__(self, read: Read) -> None:
        self.result = Generated()
        self._read = read
        self._indent = ""
        # with file and, in an include, the line of the page
        self._writes: list[tuple[Piece, str, int]] = []
        self._stack: list[str] = []  # files inside each other

    def add_file(self, file: str, page_line: int = 0) -> None:
        """Adds the code of a file; page_line: where the page includes it."""
        if len(self._stack) > MAX_INCLUDES or file in self._stack:
            raise _error(
                "a page includes itself: " + " > ".join([*self._stack, file]),
                self._stack[0],
                page_line,
            )
        self.result.files.append(file)
        self._stack.append(file)
        self.add_text(self._read(file), file, os.path.dirname(file), page_line)
        self._stack.pop()

    def add_text(
        self, text: str, file: str, directory: str, page_line: int = 0
    ) -> None:
        """Adds the code of a page given as text."""
        for piece in pieces(text, file):
            if piece.kind == "code":
                self._flush()
                self._add_code(piece, file, page_line)
            elif piece.kind == "directive":
                self._include(piece, file, directory, page_line or piece.line)
            else:
                self._writes.append((piece, file, page_line))

    def finish(self) -> Generated:
        """The code, complete."""
        self._flush()
        return self.result

    def _line(self, text: str, file: str, line: int, page_line: int) -> None:
        self.result.lines.append(text)
        self.result.origins.append(Origin(file, line, page_line or line))

    def _include(
        self, piece: Piece, file: str, directory: str, page_line: int
    ) -> None:
        found = _INCLUDE.fullmatch(piece.text)
        if not found:
            raise _error(
                f"unknown directive <%@{piece.text}%>; there is "
                '<%@ include file="name" %>',
                file,
                piece.line,
            )
        name = os.path.join(directory, found.group(1) or found.group(2) or "")
        self.result.included.setdefault(page_line, name)
        try:
            self.add_file(name, page_line)
        except OSError as error:
            raise _error(
                f"cannot include {name}: {error.strerror}", file, piece.line
            ) from error

    # ---- code ----

    def _add_code(self, piece: Piece, file: str, page_line: int) -> None:
        last = None
        for number, text in enumerate(_NEWLINE.split(piece.text)):
            if number == 0:
                text = text.lstrip(" \t")
            text = text.rstrip()
            if text:
                last = text
            self._line(text, file, piece.line + number, page_line)
        if last is not None:
            self._indent = last[: len(last) - len(last.lstrip(" \t"))]
            if last.endswith(":"):
                self._indent += "\t"

    # ---- text and expressions ----

    def _flush(self) -> None:
        """Writes what stands between two code blocks with as few calls as
        possible; what an expression calls may write too, so that nothing
        before it may be kept back."""
        group: list[tuple[Piece, str, int]] = []
        for one in self._writes:
            piece, file, _ = one
            if piece.kind == "expression" and _calls(piece, file):
                self._write(group)
                group = []
                self._write([one])
            else:
                group.append(one)
        self._write(group)
        self._writes = []

    def _write(self, group: list[tuple[Piece, str, int]]) -> None:
        if not group:
            return
        first, file, page_line = group[0]
        self.result.writes.add(len(self.result.lines) + 1)
        expressions = [one for one in group if one[0].kind == "expression"]
        if not expressions:
            text = "".join(piece.text for piece, _, _ in group)
            call = f"{self._indent}req.write({text!r}, 0)"
            self._line(call, file, first.line, page_line)
            return
        template = "".join(
            "%s" if piece.kind == "expression" else piece.text.replace("%", "%%")
            for piece, _, _ in group
        )
        start = f"{self._indent}req.write({template!r} % ("
        self._line(start, file, first.line, page_line)
        for piece, piece_file, piece_page_line in expressions:
            # Parentheses, and a line end for a comment in the expression.
            parts = _NEWLINE.split(f"({piece.text}\n),")
            for number, text in enumerate(parts):
                line = piece.line + min(number, len(parts) - 2)
                self._line(text.rstrip(), piece_file, line, piece_page_line)
        self._line("), 0)", file, first.line, page_line)


# Evaluating these runs no code of the page or of others but operators.
_PASSIVE = (
    ast.Attribute,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.Constant,
    ast.Expression,
    ast.FormattedValue,
    ast.IfExp,
    ast.JoinedStr,
    ast.Name,
    ast.Slice,
    ast.Subscript,
    ast.Tuple,
    ast.UnaryOp,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
)


def _calls(piece: Piece, file: str) -> bool:
    """May this expression call something that writes?"""
    if not piece.text.strip():
        raise _error("<%= without an expression", file, piece.line)
    try:
        tree = ast.parse(f"({piece.text}\n)", mode="eval")
    except SyntaxError as error:
        last = len(_NEWLINE.findall(piece.text))
        line = piece.line + min((error.lineno or 1) - 1, last)
        raise _error(error.msg, file, line, piece.text) from None
    except ValueError as error:  # a NUL
        raise _error(str(error), file, piece.line) from None
    return not all(isinstance(node, _PASSIVE) for node in ast.walk(tree))


# ---- compiling ----


@dataclass(frozen=True)
class Compiled:
    """The code objects of a page; their line numbers are those of the page."""

    code: CodeType  # of a module
    function: CodeType | None  # the same faster, see _psp_function
    assigned: frozenset[str]  # unless one of these is among its globals


def compile_page(generated: Generated, name: str) -> Compiled:
    """The code of a page.

    Raises SyntaxError with file and line of the page, or of what it includes.
    """
    origins = generated.origins
    try:
        tree = ast.parse(generated.source, name)
    except SyntaxError as error:
        number = min(max(error.lineno or 1, 1), len(origins)) - 1
        origin = origins[number]
        raise type(error)(
            error.msg, (origin.file, origin.line, 1, generated.lines[number])
        ) from None
    except ValueError as error:
        raise _error(str(error), name, 1) from None
    node: Any
    writes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.lineno in generated.writes
    ]
    for node in writes:
        if isinstance(node.args[0], ast.BinOp):
            node.args[0] = _joined(node.args[0])
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            generated.imports = True
        if hasattr(node, "lineno"):
            begin = origins[node.lineno - 1].page_line
            end = origins[(node.end_lineno or node.lineno) - 1].page_line
            node.lineno = begin
            node.end_lineno = max(begin, end)
            # columns of generated lines would point anywhere
            node.col_offset = node.end_col_offset = -1
    code: CodeType = compile(tree, name, "exec", dont_inherit=True)
    function = _psp_function.as_function(tree, writes, name)
    return Compiled(code, *(function or (None, frozenset())))


def _joined(template: Any) -> ast.expr:
    """What "...%s..." % (...) gives, as an f-string, which is faster. (Its
    text could not be written as one where an expression has lines or quotes.)
    """
    values: list[ast.expr] = []
    text = ""
    expressions = iter(template.right.elts)
    for part in re.split("(%%|%s)", template.left.value):
        if part == "%s":
            if text:
                values.append(ast.Constant(text))
            text = ""
            values.append(ast.FormattedValue(next(expressions), ord("s"), None))
        else:
            text += "%" if part == "%%" else part
    if text:
        values.append(ast.Constant(text))
    joined = ast.JoinedStr(values)
    for node in (joined, *values):
        ast.copy_location(node, template)
    return joined


def names_in(code: CodeType) -> set[str]:
    """All global names that the code, or a function in it, uses."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_in(constant)
    return names
