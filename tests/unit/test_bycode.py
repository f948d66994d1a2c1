# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What is remembered of code objects."""
from __future__ import annotations

import weakref
from types import CodeType
from typing import Any

import pytest

from mod_python import _bycode
from mod_python._bycode import ByCode


def made(number: int = 1) -> CodeType:
    return compile(f"{number}", "made", "eval")


def test_each_object_is_asked_once() -> None:
    asked: list[CodeType] = []
    numbers = ByCode(lambda code: asked.append(code) or len(asked))
    one, equal = made(), made()
    assert one == equal
    assert [numbers.of(one), numbers.of(equal), numbers.of(one)] == [1, 2, 1]
    assert asked[0] is one and asked[1] is equal


def test_a_remembered_id_stays_its_own() -> None:
    names = ByCode(lambda code: code.co_consts)
    alive: Any = weakref.ref(code := made(7))
    names.of(code)
    del code
    assert alive() is not None


def test_it_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bycode, "MAX_CODES", 3)
    consts = ByCode(lambda code: code.co_consts[0])
    codes = [made(1000 + number) for number in range(10)]
    assert [consts.of(code) for code in codes * 2] == [
        *range(1000, 1010)] * 2
    assert len(consts._known) <= 3


def test_errors_are_not_remembered() -> None:
    answers = iter([KeyError("not yet"), 5])

    def find(code: CodeType) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    facts, code = ByCode(find), made()
    with pytest.raises(KeyError, match="not yet"):
        facts.of(code)
    assert facts.of(code) == 5
