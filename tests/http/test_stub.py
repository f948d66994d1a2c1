# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python/_apache.pyi says what the builtin module _apache really has."""
from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.conf import EVAL
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = EXECUTE + EVAL

STUB = Path(__file__).parents[2] / "mod_python" / "_apache.pyi"

# in the stub for the type checker only
TYPING = {"__getattr__", "__setattr__", "__init__"}

DESCRIBE = """
import inspect

def describe(thing):
    if inspect.isclass(thing):
        return {name: describe_member(value)
                for name, value in vars(thing).items()}
    if callable(thing):
        return signature(thing)
    return "value"

def describe_member(value):
    return signature(value) if callable(value) else "value"

def signature(function):
    if not getattr(function, "__text_signature__", "none"):
        return "no text signature"
    try:
        found = inspect.signature(function)
    except ValueError as error:
        return str(error)
    return [[one.name, one.kind.name, one.default is not one.empty]
            for one in found.parameters.values()]

result = {name: describe(value) for name, value in vars(_apache).items()}
"""


def parameters(function: ast.FunctionDef) -> list[list[Any]]:
    """[name, kind, has a default] of each, as the handler tells them."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    required = len(plain) - len(args.defaults)
    found: list[list[Any]] = []
    for n, one in enumerate(plain):
        kind = ("POSITIONAL_ONLY" if n < len(args.posonlyargs)
                else "POSITIONAL_OR_KEYWORD")
        found.append([one.arg, kind, n >= required])
    if args.vararg:
        found.append([args.vararg.arg, "VAR_POSITIONAL", False])
    if args.kwarg:
        found.append([args.kwarg.arg, "VAR_KEYWORD", False])
    return found


def describe(body: list[ast.stmt]) -> dict[str, Any]:
    """Names of a module or class: parameters, a dict for a class, "value"."""
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = describe(node.body)
        elif isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(one) for one in node.decorator_list]
            if any(one == "property" or one.endswith(".setter")
                   for one in decorators):
                found[node.name] = "value"
            elif "overload" in decorators:
                found.setdefault(node.name, "overload")
            else:
                found[node.name] = parameters(node)
        elif isinstance(node, ast.AnnAssign):
            name = ast.unparse(node.target)
            if "TypeAlias" not in ast.unparse(node.annotation):
                found[name] = "value"
    return found


@pytest.fixture
def stub() -> dict[str, Any]:
    return describe(ast.parse(STUB.read_text("utf-8")).body)


@pytest.fixture
def real(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = run(client, DESCRIBE)
    return found


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("__")}


def test_names(stub: dict[str, Any], real: dict[str, Any]) -> None:
    assert public(stub) == public(real)


def test_members(stub: dict[str, Any], real: dict[str, Any]) -> None:
    for name, members in stub.items():
        if isinstance(members, dict):
            assert public(members) == public(real[name]), name
            special = set(members) - public(members) - TYPING
            assert special <= set(real[name]), name


def test_kinds(stub: dict[str, Any], real: dict[str, Any]) -> None:
    """A value is no function, a class no value."""
    for name, one in stub.items():
        assert isinstance(one, dict) == isinstance(real[name], dict), name
        if isinstance(one, dict):
            for member in public(one):
                assert ((one[member] == "value")
                        == (real[name][member] == "value")), (name, member)


def signatures(stub: dict[str, Any], real: dict[str, Any], prefix: str = ""
               ) -> list[tuple[str, Any, Any]]:
    found = []
    for name in public(stub):
        if isinstance(stub[name], dict):
            found += signatures(stub[name], real[name], name + ".")
        elif stub[name] not in ("value", "overload"):
            found.append((prefix + name, stub[name], real[name]))
    return found


def test_parameters(stub: dict[str, Any], real: dict[str, Any]) -> None:
    def comparable(function: Any) -> Any:
        """self is positional-only in C, by name in the stub."""
        return [one[:1] if one[0] == "self" else one for one in function]

    wrong = [f"{name}: {comparable(ours)} is really {there}"
             for name, ours, real_one in signatures(stub, real)
             if comparable(ours) != (there := comparable(real_one))]
    assert not wrong, "\n".join(wrong)


def test_every_method_is_documented(client: Client) -> None:
    assert run(client, """
        def bare(prefix, space):
            for name, value in vars(space).items():
                if name.startswith("__"):
                    continue
                if not getattr(value, "__doc__", None):
                    yield prefix + name
        ours = {name: value for name, value in vars(_apache).items()
                if not name.startswith("__") and callable(value)}
        result = [name for name, value in ours.items() if not value.__doc__]
        for value in ours.values():
            if isinstance(value, type):
                result += bare(value.__name__ + ".", value)
    """) == []


def test_type_names(real: dict[str, Any]) -> None:
    types = {name for name in real if name.startswith("mp_")
             and isinstance(real[name], dict)}
    assert types == {"mp_request", "mp_server", "mp_conn", "mp_filter",
                     "mp_finfo", "mp_hlist"}
