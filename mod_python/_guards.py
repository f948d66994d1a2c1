# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Finds the guards of a published object: ``__auth__``, ``__access__`` and
``__auth_realm__``, as attributes, and inside functions as a nested function
or a constant assigned to exactly that name. Knows nothing of requests.

A function that was decorated is guarded by what is inside it: the functions
it wraps, closes over or keeps are looked at too. What has such a name inside
and cannot be understood raises UnclearGuardError: the object is not published.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from mod_python._bycode import ByCode

AUTH, ACCESS, REALM = "__auth__", "__access__", "__auth_realm__"
NAMES = (AUTH, ACCESS, REALM)
MISSING: Any = object()

# How many callables one object may consist of, and how deep a container is
# looked into.
MAX_CALLABLES = 1000
MAX_DEPTH = 4


class UnclearGuardError(Exception):
    """There is a guard, and it cannot be found out what it is."""


def guards_of(target: Any) -> list[dict[str, Any]]:
    """The guards of an object, a dict for each place where there are some,
    from the outside to the inside."""
    if _is_plain(target):
        return []
    if callable(target) or isinstance(target, classmethod):
        return list(_guards(target))
    found = {}
    name = AUTH
    try:
        for name in NAMES:
            value = getattr(target, name, MISSING)
            if value is not MISSING:
                found[name] = value
    except Exception as error:
        raise _unclear(target, name, error) from error
    return [found] if found else []


def _guards(target: Any) -> Iterator[dict[str, Any]]:
    seen: list[tuple[str, Any]] = []  # by identity; guards may not be hashable
    for layer in _layers(target):
        found = {}
        for name in NAMES:
            value = _attribute(layer, name, layer is target)
            # functools.wraps() copies the attributes
            again = any(name == other and value is one for other, one in seen)
            if value is not MISSING and not again:
                found[name] = value
                seen.append((name, value))
        if found:
            yield found
        inside = _nested(layer)
        if inside:
            yield inside


# Values that hold no callables.
_SIMPLE = frozenset([bool, bytes, float, int, str, type(None)])


def _is_plain(target: Any) -> bool:
    """Is it a module without guards, or a function, or a method of one, that
    has none in it nor calls anything that we could look into? Most are."""
    kind = type(target)
    if kind is ModuleType:
        names = target.__dict__
        return not (
            AUTH in names
            or ACCESS in names
            or REALM in names
            or "__getattr__" in names
        )
    function = target.__func__ if kind is MethodType else target
    if type(function) is not FunctionType or not _has_no_guards.of(function.__code__):
        return False
    defaults = function.__defaults__
    return (
        not function.__dict__
        and function.__closure__ is None
        and function.__kwdefaults__ is None
        and (defaults is None or _SIMPLE.issuperset(map(type, defaults)))
    )


def _attribute(layer: Any, name: str, is_target: bool) -> Any:
    # What a function happens to keep is not asked by its own code.
    if not is_target and _static(layer, name) is None:
        return MISSING
    try:
        return getattr(layer, name, MISSING)
    except Exception as error:
        raise _unclear(layer, name, error) from error


def _unclear(layer: Any, name: str, error: Exception) -> UnclearGuardError:
    return UnclearGuardError(f"{name} of {_name(layer)}: {error}")


def _layers(target: Any) -> Iterator[Any]:
    """The object itself and the callables it is made of."""
    done: dict[int, Any] = {}
    waiting = [target]
    while waiting:
        layer = waiting.pop(0)
        if id(layer) in done:
            continue
        done[id(layer)] = layer  # kept, so that the id stays its own
        if len(done) > MAX_CALLABLES:
            raise UnclearGuardError(f"{_name(target)} is made of too many callables")
        yield layer
        waiting += _parts(layer)


def _parts(layer: Any) -> list[Any]:
    """Callables that calling this object may call."""
    if isinstance(layer, (MethodType, classmethod, staticmethod)):
        return _callables(layer.__func__)
    if isinstance(layer, FunctionType):
        return _callables(
            [
                layer.__dict__.get("__wrapped__"),
                list(_cells(layer)),
                layer.__defaults__,
                layer.__kwdefaults__,
            ]
        )
    if isinstance(layer, functools.partial):
        return _callables([layer.func, layer.args, layer.keywords])
    if callable(layer):
        inside = [_static(layer, "__wrapped__"), _static(type(layer), "__call__")]
        return _callables([inside, _state(layer)])
    return []


def _cells(function: FunctionType) -> Iterator[Any]:
    """What a function closes over."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue  # empty


def _static(value: Any, name: str) -> Any:
    """An attribute, without running code of value's class; else None."""
    if type(value) is FunctionType:
        return value.__dict__.get(name)
    return inspect.getattr_static(value, name, None)


def _state(instance: Any) -> list[Any]:
    """What an object keeps in its attributes."""
    names = ["__dict__"]
    for kind in type(instance).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    values = []
    for name in names:
        try:
            values.append(object.__getattribute__(instance, name))
        except AttributeError:
            continue
    return values


def _callables(value: Any, depth: int = 0) -> list[Any]:
    """The callables in value: itself or, in a container, its items. Not
    classes and builtin functions, which have no guards inside."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        if depth > MAX_DEPTH:
            return []
        return [found for item in value for found in _callables(item, depth + 1)]
    if isinstance(value, (classmethod, staticmethod)):
        return [value]
    if isinstance(value, (type, BuiltinFunctionType, WrapperDescriptorType)):
        return []
    return [value] if callable(value) else []


def _name(layer: Any) -> str:
    if isinstance(layer, (FunctionType, MethodType)):
        return layer.__qualname__
    return type(layer).__qualname__


# ---- inside functions ----


def _nested(layer: Any) -> dict[str, Any]:
    """The guards inside a function."""
    if not isinstance(layer, FunctionType):
        return {}
    found = {}
    for name, value in _nested_in.of(layer.__code__).items():
        if isinstance(value, CodeType):
            found[name] = FunctionType(value, layer.__globals__, name)
        elif value is not MISSING:
            found[name] = value
        elif name != REALM:
            raise UnclearGuardError(
                f"{name} inside {_name(layer)} is neither a plain nested "
                "function nor a constant"
            )
    return found


def _guard_names(code: CodeType) -> list[str]:
    """The names of guards that occur in this code."""
    local = {*code.co_varnames, *code.co_cellvars, *code.co_names}
    return [name for name in NAMES if name in local]


def _find_nested(code: CodeType) -> dict[str, Any]:
    """Names of guards and what is assigned to them in this code: a constant,
    a code object, MISSING when that is not clear."""
    names = _guard_names(code)
    return dict(_assigned(code, names)) if names else {}


_has_no_guards = ByCode(lambda code: not _guard_names(code))
_nested_in = ByCode(_find_nested)


def _assigned(code: CodeType, names: list[str]) -> Iterator[tuple[str, Any]]:
    instructions = [
        one for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"
    ]
    for name in names:
        places = [
            number
            for number, one in enumerate(instructions)
            if name in _stored(one)
        ]
        if len(places) == 1:
            yield name, _value_before(instructions, places[0], name)
        elif places:
            yield name, MISSING


def _stored(instruction: dis.Instruction) -> tuple[str, ...]:
    """The names that an instruction binds."""
    opname, value = instruction.opname, instruction.argval
    if not opname.startswith("STORE_") or opname == "STORE_ATTR":
        return ()
    if not isinstance(value, tuple):  # one of a pair since 3.13
        return (value,) if isinstance(value, str) else ()
    return value if opname == "STORE_FAST_STORE_FAST" else value[:1]


def _value_before(
    instructions: list[dis.Instruction], place: int, name: str
) -> Any:
    """What the instruction at this place stores."""
    store = instructions[place]
    if store.is_jump_target or _stored(store)[0] != name:
        return MISSING  # from several sides, or the lower one of two values
    place -= 1
    attributes = 0
    while instructions[place].opname == "SET_FUNCTION_ATTRIBUTE":
        attributes |= instructions[place].arg or 0
        place -= 1
    made = instructions[place]
    if made.opname == "MAKE_FUNCTION":
        attributes |= made.arg or 0
        code = instructions[place - 1].argval
        # defaults or a closure: cannot be had without running the function
        if attributes & ~_ANNOTATIONS or not isinstance(code, CodeType):
            return MISSING
        return code
    if made.is_jump_target or attributes:
        return MISSING
    if made.opname.startswith("LOAD_CONST") or made.opname == "LOAD_SMALL_INT":
        return MISSING if isinstance(made.argval, CodeType) else made.argval
    return MISSING


# Flags of MAKE_FUNCTION and SET_FUNCTION_ATTRIBUTE that are about
# annotations: as a tuple, or as a function (from 3.14 on).
_ANNOTATIONS = 0x04 | 0x10
