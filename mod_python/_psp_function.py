# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A PSP page as the body of a function, where nobody can tell.

The names of a page are globals, found anew in a dict each time; those of a
function are found at once, which makes loops in pages a third faster. Most
pages do nothing for which it matters what their names are; the others run as
they are.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

WRITE = ".write"  # the argument for req.write; no page can name it

# In pages with these a name may be more than a local variable can be.
_UNSUITABLE = (
    ast.AnnAssign,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Delete,
    ast.FunctionDef,
    ast.Global,
    ast.Lambda,
    ast.Match,
    ast.Nonlocal,
    getattr(ast, "TypeAlias", ast.Global),  # from 3.12 on
)
_LOOKS_AT_NAMES = {"dir", "eval", "exec", "globals", "locals", "vars"}
_KEPT = {"req", "psp", "form", "session", *dir(builtins)}


def as_function(
    tree: ast.Module, writes: Iterable[ast.Call], name: str
) -> tuple[CodeType, frozenset[str]] | None:
    """The code of a function of req and its write method that does what the
    page does, unless one of these names is given to the page; None when there
    is none. writes: the calls of req.write() that were generated, which this
    changes.
    """
    if any(not _is_suitable(node) for node in ast.walk(tree)):
        return None
    assigned = frozenset(_assigned(tree))
    if not tree.body or assigned & _KEPT or any(_is_dunder(one) for one in assigned):
        return None
    for call in writes:
        call.func = ast.copy_location(ast.Name(WRITE, ast.Load()), call.func)
    module = ast.parse("def page(req, write): pass", name)
    function: Any = module.body[0]
    function.args.args[1].arg = WRITE
    function.body = tree.body
    code = compile(module, name, "exec", dont_inherit=True)
    inner = next(one for one in code.co_consts if isinstance(one, CodeType))
    return inner.replace(co_name="<module>", co_qualname="<module>"), assigned


def _is_suitable(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id not in _LOOKS_AT_NAMES
    if isinstance(node, ast.Attribute):
        # of req it would be, and the call of it would not see it
        return node.attr != "write" or isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.ImportFrom):
        return node.module != "__future__" and node.names[0].name != "*"
    return not isinstance(node, _UNSUITABLE)


def _assigned(tree: ast.Module) -> Iterator[str]:
    """The names that the page binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
