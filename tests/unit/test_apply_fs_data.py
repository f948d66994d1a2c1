# Licensed under the Apache License, Version 2.0; see LICENSE.
"""util.apply_fs_data: which callable gets which fields."""
from __future__ import annotations

import functools
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from mod_python import util
from mod_python._fields import FieldMap


def fields(**values: Any) -> FieldMap:
    made = FieldMap()
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            made.add_field(name, one)
    return made


def plain(a: str, b: str = "-", *, c: str = "-") -> tuple[str, ...]:
    return a, b, c


def rest(a: str, **kw: Any) -> tuple[Any, ...]:
    return a, kw


class Thing:
    def __init__(self, a: str = "-") -> None:
        self.a = a

    def method(self, a: str) -> str:
        return a

    def keywords(self, **kw: Any) -> dict[str, Any]:
        return kw

    def __call__(self, a: str, **kw: Any) -> tuple[Any, ...]:
        return a, kw

    @classmethod
    def of_class(cls, **kw: Any) -> dict[str, Any]:
        return kw

    @staticmethod
    def static(a: str) -> str:
        return a


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        return function(*args, **kw)

    return wrapper


def adding(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        return function(*args, b="db", **kw)

    return wrapper


def taking(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(user: str, **kw: Any) -> Any:
        return user, function(**kw)

    return wrapper


def test_functions() -> None:
    fs = fields(a="1", c="3", unknown="x")
    assert util.apply_fs_data(plain, fs) == ("1", "-", "3")
    assert util.apply_fs_data(rest, fs) == (
        "1", {"c": "3", "unknown": "x"})
    assert util.apply_fs_data(lambda: 5, fs) == 5
    assert util.apply_fs_data(functools.partial(plain, b="p"), fs) == (
        "1", "p", "3")


def test_args_go_before_fields() -> None:
    fs = fields(a="evil", req="evil")
    assert util.apply_fs_data(lambda req, a: (req, a), fs, req="R",
                              a="A") == ("R", "A")
    assert util.apply_fs_data(lambda **kw: kw, fields(), req="R") == {
        "req": "R"}
    assert util.apply_fs_data(lambda: 1, fields(), req="R") == 1


def test_classes_methods_instances() -> None:
    fs = fields(a="1", self="s", cls="c", z="2")
    assert util.apply_fs_data(Thing, fs).a == "1"
    assert util.apply_fs_data(Thing().method, fs) == "1"
    assert util.apply_fs_data(Thing(), fs) == ("1", {"cls": "c", "z": "2"})
    assert util.apply_fs_data(Thing().keywords, fs) == {
        "a": "1", "cls": "c", "z": "2"}
    assert util.apply_fs_data(Thing.of_class, fs) == {
        "a": "1", "self": "s", "z": "2"}
    assert util.apply_fs_data(Thing.static, fs) == "1"
    assert util.apply_fs_data(object, fs).__class__ is object


def test_what_a_function_becomes_counts() -> None:
    def function(a: str) -> str:
        return a

    assert util.apply_fs_data(function, fields(a="1", b="2")) == "1"
    function.__code__ = (lambda b: "b" + b).__code__
    assert util.apply_fs_data(function, fields(a="1", b="2")) == "b2"
    with pytest.raises(util.MissingArgumentError, match="'b'"):
        util.apply_fs_data(function, fields(a="1"))
    function.__defaults__ = ("-",)
    assert util.apply_fs_data(function, fields(a="1")) == "b-"


def test_a_method_whose_self_has_a_default() -> None:
    class Odd:
        def method(self: Any = None, a: str = "A", b: str = "B") -> str:
            return a + b

    assert util.apply_fs_data(Odd().method, fields()) == "AB"
    assert util.apply_fs_data(Odd().method, fields(b="2", self="x")) == "A2"


def test_builtins() -> None:
    assert util.apply_fs_data(len, fields(obj="abc")) == 3
    with pytest.raises(util.MissingArgumentError):
        util.apply_fs_data(len, fields(a="1"))
    # some do not tell what they take
    assert util.apply_fs_data(dict, fields(a="1")) == {}
    assert util.apply_fs_data(str, fields(object="1")) == ""


def test_decorated() -> None:
    fs = fields(a="1", c="3", x="9", user="joe")
    assert util.apply_fs_data(passing(plain), fs) == ("1", "-", "3")
    assert util.apply_fs_data(passing(passing(plain)), fs) == (
        "1", "-", "3")
    assert util.apply_fs_data(adding(plain), fs) == ("1", "db", "3")
    assert util.apply_fs_data(taking(plain), fs) == (
        "joe", ("1", "-", "3"))
    assert util.apply_fs_data(passing(rest), fields(a="1", x="2")) == (
        "1", {"x": "2"})
    assert util.apply_fs_data(passing(Thing().method), fs) == "1"


def test_missing() -> None:
    for target in (plain, rest, Thing().method, passing(plain),
                   taking(plain)):
        with pytest.raises(util.MissingArgumentError):
            util.apply_fs_data(target, fields(b="2"))
    with pytest.raises(util.MissingArgumentError):
        util.apply_fs_data(adding(plain), fields(a="1", b="2"))


def test_errors_inside_come_through() -> None:
    def wrong(a: str) -> None:
        raise TypeError("mine")

    for target in (wrong, passing(wrong)):
        with pytest.raises(TypeError, match="mine") as caught:
            util.apply_fs_data(target, fields(a="1"))
        assert not isinstance(caught.value, util.MissingArgumentError)


def test_values() -> None:
    fs = fields(a=["1", "2"], b="3")
    fs.list.append(util.Field("up", BytesIO(b"x"), disposition_options={
        "filename": "f"}))
    got = util.apply_fs_data(lambda **kw: kw, fs)
    assert got["a"] == ["1", "2"]
    assert type(got["b"]) is str
    assert isinstance(got["up"], util.Field)


def test_positional_only() -> None:
    def function(a: str, b: str = "-", /, **kw: Any) -> tuple[Any, ...]:
        return a, b, kw

    assert util.apply_fs_data(function, fields(a="1", b="2", c="3")) == (
        "1", "2", {"c": "3"})
    with pytest.raises(util.MissingArgumentError):
        util.apply_fs_data(function, fields(b="2"))


def test_wrappers_in_c() -> None:
    cached = functools.lru_cache(plain)
    assert util.apply_fs_data(cached, fields(a="1", c="3", x="4")) == (
        "1", "-", "3")
    with pytest.raises(util.MissingArgumentError):
        util.apply_fs_data(cached, fields(b="2"))
    Thing.cached = functools.lru_cache(Thing.method)  # type: ignore[attr-defined]
    try:
        assert util.apply_fs_data(
            Thing().cached,  # type: ignore[attr-defined]
            fields(a="1", self="2")) == "1"
    finally:
        del Thing.cached  # type: ignore[attr-defined]
