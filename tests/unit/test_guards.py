# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Guards of published objects: which are found, and where."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from mod_python._guards import UnclearGuardError, guards_of


def check(req: Any, user: str, password: str) -> bool:
    return user == password


def found(target: Any) -> list[dict[str, Any]]:
    return list(guards_of(target))


def value_of(target: Any, name: str = "__auth__") -> Any:
    [guard] = found(target)
    return guard[name]


# ---- functions with guards inside ----

def nested_function(req: Any) -> str:
    def __auth__(req: Any, user: str, password: str) -> bool:
        return user == password

    def __access__(req: Any, user: str) -> int:
        return user == "joe"

    __auth_realm__ = "here"
    return "page"


def nested_constants(req: Any) -> str:
    __auth__ = 1
    __access__ = ("joe", "jim")
    __auth_realm__ = "there"
    x = __auth__
    return str(x)


def nested_lambda() -> None:
    __auth__ = lambda req, u, p: u == p  # noqa: E731


def nested_false() -> None:
    __access__ = 0
    y = __access__
    return y


def used_by_a_closure() -> Any:
    __auth__ = 0
    return lambda: __auth__


def plain(req: Any, __auth__: Any = None) -> Any:
    return check.__auth__ or __access__  # type: ignore # noqa


def test_nested() -> None:
    [guard] = found(nested_function)
    assert guard["__auth__"](None, "a", "a") is True
    assert guard["__auth__"](None, "a", "b") is False
    assert guard["__access__"](None, "joe") is True
    assert guard["__auth_realm__"] == "here"
    assert found(nested_constants) == [{
        "__auth__": 1, "__access__": ("joe", "jim"),
        "__auth_realm__": "there"}]
    assert value_of(nested_lambda)(None, 1, 1)
    assert value_of(nested_false, "__access__") == 0
    assert value_of(used_by_a_closure) == 0


def test_reading_a_name_is_no_guard() -> None:
    assert found(plain) == []
    assert found(check) == []
    assert found(lambda: 1) == []


# ---- what cannot be understood ----

def twice(x: int) -> None:
    __auth__ = 1
    __auth__ = 0


def either(x: int) -> None:
    __auth__ = 0 if x else 1


def with_or(x: int) -> None:
    __auth__ = x or 1


def a_dict() -> None:
    __auth__ = {"joe": "x"}


def a_list() -> None:
    __access__ = ["joe"]


def with_defaults() -> None:
    def __auth__(req: Any, user: str, pw: str, x: int = 1) -> int:
        return x


def with_closure(secret: str) -> None:
    def __auth__(req: Any, user: str, pw: str) -> bool:
        return pw == secret


def decorated_guard() -> None:
    @functools.cache
    def __auth__(req: Any, user: str, pw: str) -> bool:
        return True


def a_class() -> None:
    class __auth__:
        pass


def imported() -> None:
    from os import getpid as __auth__  # noqa: F401


def from_a_loop() -> None:
    for __auth__ in (1, 2):
        pass


def unpacked() -> None:
    x, __auth__ = 1, check


def chained() -> None:
    __auth__ = y = check


def swapped(x: Any, y: Any) -> None:
    __access__, z = y, x


@pytest.mark.parametrize("target", [
    twice, either, with_or, a_dict, a_list, with_defaults, with_closure,
    decorated_guard, a_class, imported, from_a_loop, unpacked, chained,
    swapped])
def test_unclear(target: Callable[..., Any]) -> None:
    with pytest.raises(UnclearGuardError, match="inside"):
        found(target)


# ---- attributes ----

class Page:
    __auth__ = {"a": "b"}

    def view(self) -> str:
        return "x"

    def guarded(self) -> str:
        __access__ = 0
        return str(__access__)


def test_attributes() -> None:
    def function() -> None:
        pass

    function.__auth__ = check  # type: ignore[attr-defined]
    assert value_of(function) is check
    assert value_of(Page()) == {"a": "b"}
    page = Page()
    page.__auth__ = {}
    assert value_of(page) == {}
    assert found(Page().view) == []
    assert found(Page().guarded) == [{"__access__": 0}]
    assert found({"__auth__": 1}) == found("x") == found(5) == []


def test_what_a_function_becomes_counts() -> None:
    def function(a: Any = 1) -> None:
        pass

    assert found(function) == []
    function.__defaults__ = (nested_false,)
    assert found(function) == [{"__access__": 0}]
    function.__defaults__ = None
    assert found(function) == []
    function.__code__ = nested_false.__code__
    assert found(function) == [{"__access__": 0}]


def test_an_attribute_that_raises() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("away")

    with pytest.raises(UnclearGuardError, match="away"):
        found(Broken())


# ---- decorated functions ----

def wraps(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        return function(*args, **kw)

    return wrapper


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kw: Any) -> Any:
        return function(*args, **kw)

    return wrapper


def in_a_list(function: Callable[..., Any]) -> Callable[..., Any]:
    functions = {"all": [function]}

    def wrapper(*args: Any) -> Any:
        return functions["all"][0](*args)

    return wrapper


def by_default(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, inner: Any = function) -> Any:
        return inner(*args)

    return wrapper


class Instance:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


class Slots:
    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


class Odd:
    """Answers every question about itself."""

    def __getattribute__(self, name: str) -> Any:
        return None

    def __call__(self) -> None:
        pass


def half(function: Callable[..., Any]) -> Any:
    return functools.partial(function, None)


DECORATORS = [wraps, bare, in_a_list, by_default, Instance, Slots, half,
              functools.cache, functools.lru_cache(5), staticmethod,
              functools.singledispatch]


@pytest.mark.parametrize("outer", [lambda f: f, *DECORATORS])
@pytest.mark.parametrize("inner", DECORATORS)
def test_decorated(inner: Any, outer: Any) -> None:
    target = outer(inner(nested_constants))
    assert {"__auth__": 1, "__access__": ("joe", "jim"),
            "__auth_realm__": "there"} in found(target)
    with pytest.raises(UnclearGuardError):
        found(outer(inner(a_dict)))


def test_attributes_under_decorators() -> None:
    def function() -> None:
        pass

    function.__access__ = 0  # type: ignore[attr-defined]
    assert found(wraps(function)) == [{"__access__": 0}]  # asked once
    assert found(bare(function)) == [{"__access__": 0}]
    assert found(half(bare(Instance(function)))) == [{"__access__": 0}]


def test_decorated_methods() -> None:
    class Thing:
        @bare
        def view(self) -> None:
            __auth__ = 0

        @classmethod
        def of_class(cls) -> None:
            __auth__ = 0

        def __call__(self) -> None:
            __auth__ = 0

    for target in (Thing().view, Thing().of_class, Thing(), Thing.of_class):
        assert value_of(target) == 0


def test_one_value_for_both_names() -> None:
    def function() -> None:
        pass

    function.__auth__ = function.__access__ = check  # type: ignore
    assert found(function) == [{"__auth__": check, "__access__": check}]


def test_odd_objects() -> None:
    assert found(Odd()) in ([], [{
        "__auth__": None, "__access__": None, "__auth_realm__": None}])

    def wrapper(odd: Any = Odd()) -> Any:  # noqa: B008
        return odd

    assert found(wrapper) == []


def test_circles_end() -> None:
    def one() -> Any:
        return two

    def two() -> Any:
        return one

    assert found(one) == []
    one.__wrapped__ = two  # type: ignore[attr-defined]
    two.__wrapped__ = one  # type: ignore[attr-defined]
    assert found(one) == []
