# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Calls a callable with those of many named values that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from inspect import Parameter
from types import CodeType, FunctionType, MethodType, TracebackType
from typing import Any, NamedTuple

from mod_python._bycode import ByCode


class MissingArgumentError(TypeError):
    """A callable cannot be called with the values there are."""


def call_with(target: Any, values: Mapping[str, Any]) -> Any:
    """Calls target with the values it has arguments for.

    All values go to a callable that takes ``**kw``; a decorated one, whose
    wrapper takes ``**kw``, gets what the function inside takes. A callable
    that does not tell its arguments (some builtins) gets none. Raises
    MissingArgumentError when a required argument has no value; what the
    callable raises comes through.
    """
    named_only = _named_only(target, values)
    if named_only is not None:
        return target(**named_only)
    layers = list(_layers(target))
    positional, named = _arguments(layers, values)
    try:
        return target(*positional, **named)
    except TypeError as error:
        # A wrapper may pass on more or less than we thought.
        if len(layers) > 1 and not _was_entered(layers[-1], error.__traceback__):
            raise MissingArgumentError(str(error)) from error
        raise


def _named_only(target: Any, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of the common case, a plain function or method that takes
    all by name and wraps nothing, at a fraction of the cost; None when it is
    another."""
    function, bound = target, 0
    if type(target) is MethodType:
        function, bound = target.__func__, 1
    if type(function) is not FunctionType or function.__dict__:
        return None
    names = _names_only.of(function.__code__)
    if names is None or len(names) < bound:
        return None
    optional = len(names) - len(function.__defaults__ or ())
    if optional < bound:
        optional = bound
    found = {}
    for name in names[bound:optional]:
        if name not in values:
            raise MissingArgumentError(f"missing argument {name!r}")
        found[name] = values[name]
    for name in names[optional:]:
        if name in values:
            found[name] = values[name]
    return found


def _find_names(code: CodeType) -> tuple[str, ...] | None:
    """The arguments of this code if all can be given by name, else None."""
    if (
        code.co_flags & inspect.CO_VARKEYWORDS
        or code.co_posonlyargcount
        or code.co_kwonlyargcount
    ):
        return None
    return code.co_varnames[: code.co_argcount]


_names_only = ByCode(_find_names)


def _layers(target: Any) -> Iterator[Any]:
    """The callable, then what it wraps, and so on."""
    seen = set()
    while id(target) not in seen:
        seen.add(id(target))
        yield target
        inner = _inner(target)
        if inner is None:
            return
        target = inner


def _inner(target: Any) -> Any:
    """What target wraps, or None."""
    if type(target) is MethodType:
        inner = getattr(target.__func__, "__wrapped__", None)
        if type(inner) is FunctionType:
            return inner.__get__(target.__self__)
        return inner
    return getattr(target, "__wrapped__", None)


class _Shape(NamedTuple):
    """What a callable takes."""

    by_place: tuple[str, ...]  # positional-only, in order
    by_name: tuple[str, ...]
    required: tuple[str, ...]  # of both, those without a default
    takes_rest: bool  # has **kw


def _shape(layer: Any) -> _Shape | None:
    """None when it does not tell."""
    function, bound = layer, 0
    if type(layer) is MethodType:
        function, bound = layer.__func__, 1
    if (
        type(function) is FunctionType
        and function.__code__.co_argcount >= bound
        and "__signature__" not in function.__dict__
    ):
        return _shape_of_code(function, bound)
    try:
        parameters = inspect.signature(layer, follow_wrapped=False).parameters
    except (ValueError, TypeError):
        return None
    return _shape_of(parameters.values())


def _shape_of_code(function: FunctionType, first: int) -> _Shape:
    """The common case, without the cost of a Signature; first: how many
    arguments are bound already."""
    code = function.__code__
    names = code.co_varnames
    places, count = code.co_posonlyargcount, code.co_argcount
    named = count + code.co_kwonlyargcount
    without_default = count - len(function.__defaults__ or ())
    defaults = function.__kwdefaults__ or {}
    only_named = names[count:named]
    return _Shape(
        names[first:places],
        names[max(first, places) : named],
        names[first:without_default]
        + tuple([name for name in only_named if name not in defaults]),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
    )


def _shape_of(parameters: Iterable[Parameter]) -> _Shape:
    by_place: list[str] = []
    by_name: list[str] = []
    required = []
    takes_rest = False
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_KEYWORD:
            takes_rest = True
        if parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            continue
        place = parameter.kind is Parameter.POSITIONAL_ONLY
        (by_place if place else by_name).append(parameter.name)
        if parameter.default is Parameter.empty:
            required.append(parameter.name)
    return _Shape(tuple(by_place), tuple(by_name), tuple(required), takes_rest)


def _arguments(
    layers: list[Any], values: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """What to call the first of the layers with."""
    chosen = _Arguments(values)
    for layer in layers:
        shape = _shape(layer)
        if shape is not None:
            chosen.take(shape, is_first=layer is layers[0])
            takes_rest = shape.takes_rest
        else:  # a wrapper in C, as functools.lru_cache() makes, passes all on
            takes_rest = layer is not layers[-1]
        if not takes_rest:
            break
        chosen.hidden |= _bound_names(layer)
    else:
        for name, value in values.items():
            if name not in chosen.hidden:
                chosen.named[name] = value
    return chosen.positional, chosen.named


class _Arguments:
    """The arguments of a call, collected from the shapes of its layers."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.positional: list[Any] = []
        self.named: dict[str, Any] = {}
        self.hidden: set[str] = set()  # never to be given among **kw

    def take(self, shape: _Shape, is_first: bool) -> None:
        """Takes the values for these arguments. is_first: it is an error when
        one is missing (else the wrapper outside may give it)."""
        if is_first:
            for name in shape.required:
                if name not in self.values:
                    raise MissingArgumentError(f"missing argument {name!r}")
            for name in shape.by_place:
                if name not in self.values:
                    break
                self.positional.append(self.values[name])
        self.hidden.update(shape.by_place)
        for name in shape.by_name:
            if name in self.values:
                self.named[name] = self.values[name]


def _code(layer: Any) -> Any:
    """The code object that runs when layer is called, or None."""
    function = layer
    if isinstance(layer, type):
        function = inspect.getattr_static(layer, "__init__", None)
    elif not inspect.isroutine(layer):
        function = inspect.getattr_static(type(layer), "__call__", None)
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", None)


def _bound_names(layer: Any) -> set[str]:
    """Names that a call fills already, such as self: a value of that name
    among the ``**kw`` would be an error."""
    code = _code(layer)
    if code is None or inspect.isfunction(layer):
        return set()
    if code.co_argcount > code.co_posonlyargcount:
        return {code.co_varnames[0]}
    return set()


def _was_entered(layer: Any, traceback: TracebackType | None) -> bool:
    """Did the traceback pass through the code of layer?"""
    code = _code(layer)
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return True
        traceback = traceback.tb_next
    return code is None
