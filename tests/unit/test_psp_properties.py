# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PSP: what is not code comes out byte for byte, whatever stands around it."""
from __future__ import annotations

import traceback
from collections.abc import Iterable
from types import FunctionType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mod_python import _psp

any_text = st.text(st.characters(blacklist_categories=["Cs"])
                   | st.sampled_from(list("<%=-@>\\\"'{}%\r\n\t ")))
plain = any_text.filter(lambda text: "<%" not in text)
# before a block: its last character would make a mark of the block's own
before_block = plain.map(lambda text: text.rstrip("<"))

# what may stand in a page, and what it shows
BLOCKS = {
    "<% %>": "", "<%\n\n%>": "", "<%\r\nx = 1\r%>": "",
    "<%-- <% x --%>": "", "<%----%>": "", "<%-- % > -- --%>": "",
    "<%= '<%' %>": "<%", "<%=x%>": "1", "<%= f() %>": "f",
    "<%= '%s %%' # note %>": "%s %%", "<%= (\n'a'\r\n'b') %>": "ab",
    "<% req.write('w') %>": "w", '<%@ include file="inside" %>': "{in}%\\\n",
}
blocks = st.sampled_from(sorted(BLOCKS))


class Page:
    """A request that remembers what is written."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str, _flush: int = 1) -> None:
        self.written.append(text)


def shown(page: str) -> str:
    """What the page writes, as a module and, where it can be, as a function."""
    generator = _psp.Generator({"/inside": "{in}%\\\n"}.__getitem__)
    generator.add_text(page, "/page", "/")
    compiled = _psp.compile_page(generator.finish(), "/page")
    names = {"f": lambda: "f", "x": 1}
    req = Page()
    exec(compiled.code, {"req": req, **names})
    if compiled.function and compiled.assigned.isdisjoint(names):
        faster = Page()
        FunctionType(compiled.function, names)(faster, faster.write)
        assert faster.written == req.written
    return "".join(req.written)


def joined(parts: Iterable[tuple[str, str]]) -> str:
    return "".join(text for pair in parts for text in pair)


@given(plain)
def test_text_alone(text: str) -> None:
    assert "".join(piece.text for piece in _psp.pieces(text, "x")) == text
    assert shown(text) == text


@given(st.lists(st.tuples(before_block, blocks)), plain)
def test_text_between_blocks(parts: list[tuple[str, str]], end: str) -> None:
    page = joined(parts) + end
    assert shown(page) == joined(
        (text, BLOCKS[block]) for text, block in parts) + end


@given(before_block, before_block, st.integers(0, 3), plain)
def test_text_in_loops_and_conditions(loop: str, inner: str, rounds: int,
                                      end: str) -> None:
    page = (f"<% for i in range({rounds}): %>{loop}<%= i %>"
            f"<%\n\tif i:\n\t\tpass\n%>{inner}<%\n# end\n%>{end}")
    assert shown(page) == "".join(
        f"{loop}{i}" + (inner if i else "") for i in range(rounds)) + end


@given(st.lists(st.tuples(before_block, blocks)), plain)
def test_lines_are_those_of_the_page(parts: list[tuple[str, str]], end: str
                                     ) -> None:
    before = joined(parts).replace("\r", "\n")
    with pytest.raises(ZeroDivisionError) as caught:
        shown(before + "<% 1 / 0 %>" + end)
    [line] = [frame.lineno for frame in traceback.extract_tb(caught.tb)
              if frame.filename == "/page"]
    assert line == before.count("\n") + 1
