# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PSP pages: how they are cut, what code they become, how they run."""
from __future__ import annotations

import os
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from library_fakes import Request, ServerReturn, httpd_fake, write

__all__ = ["httpd_fake"]

@pytest.fixture(scope="module")
def psp(httpd_fake: Any) -> Any:
    httpd_fake.HandlerTimeout = TimeoutError
    httpd_fake._log = lambda *_args: None
    httpd_fake._invalidate = lambda: None
    httpd_fake.current_request = lambda: None
    from mod_python import psp

    return psp


def render(psp: Any, text: str | bytes, req: Request | None = None,
           **names: Any) -> str:
    req = req or Request(filename="/htdocs/page.psp")
    psp.PSP(req, string=text).run(names)
    return req.output.decode("utf-8", "surrogateescape")


# ---- text: test_psp_properties.py has more ----

def test_bytes_that_are_no_utf_8(psp: Any) -> None:
    raw = bytes(range(256)).replace(b"<%", b"")
    req = Request(filename="/p")
    psp.PSP(req, string=raw).run()
    assert req.output == raw


# ---- code ----

@pytest.mark.parametrize(("page", "expected"), [
    ("", ""),
    ("<%= 1 + 1 %>", "2"),
    ("<%= None %>|<%= 'ä' %>|<%= 1, 2 %>", "None|ä|(1, 2)"),
    ("<%= 'a' # comment %>b", "ab"),
    ("<%= (1 +\n 2) %>", "3"),
    ("<%= '%s %%' %>%d %%", "%s %%%d %%"),
    ("%s<%= 1 %>%%s%<%= 2 %>%%%s%", "%s1%%s%2%%%s%"),
    ("<% class A:\n    def __format__(self, spec): return 'format'\n"
     "    def __str__(self): return 'str'\n%><%\na = A()\n%><%= a %>!",
     "str!"),
    ("a<%-- <% raise %> --%>b<%----%>c", "abc"),
    ("<% x = 5 %>\n<%= x %>\n", "\n5\n"),
    ("<%\nx = 1\ny = 2\n%><%= x + y %>", "3"),
    ("<% for i in range(3): %><%= i %>,<% # end %>.", "0,1,2,."),
    ("<% if 0: %>no<% else: %>yes<% # %>!", "yes!"),
    ("<%\nif 1:\n    x = 2\n    # begin\n%>in<%\n# end\n%>out", "inout"),
    ("<%\nif 0:\n    x = 2\n    # begin\n%>in<%\n# end\n%>out", "out"),
    ("<%\nif 0:\n    x = 2\n%>in<%\nx = 1\n%>out", "out"),
    ("<%\r\nif 1:\r\n\tx = 2\r\n%>in<%\r\n# end\r\n%>out", "inout"),
    ("<%\rx = '''a\rb'''\r%><%= x %>", "a\nb"),
    ("<% def f(x): %><b><%= x %></b><% # end\nf(1)\nf(2) %>",
     "<b>1</b><b>2</b>"),
    ("<% import os.path %><%= os.path.join('a', 'b') %>", "a/b"),
])
def test_pages(psp: Any, page: str, expected: str) -> None:
    assert render(psp, page) == expected


@pytest.mark.parametrize(("page", "is_function", "expected"), [
    ("<% for n in range(3): %><%= n %><% # %>", True, "012"),
    ("<% import os\nfrom os import path as p\n%><%= p is os.path %>", True,
     "True"),
    ("<% x = 1 %><%= [x + y for y in (1, 2)] %>", True, "[2, 3]"),
    ("<% x = 1\ng = (x for _ in (1, 2))\nx = 5\n%><%= list(g) %>", True,
     "[5, 5]"),
    ("<% try: 1 / 0\nexcept ZeroDivisionError as e: %><%= e %><% # %>", True,
     "division by zero"),
    ("<%= (y := 5) + y %>", True, "10"),
    # names that are more than local variables
    ("<% x = 1\ndef f():\n    global x\n    x += 1\n# %><% f() %><%= x %>",
     False, "2"),
    ("<% x = 1 %><%= globals()['x'] %>", False, "1"),
    ("<% exec('x = 5') %><%= x %>", False, "5"),
    ("<% from os.path import * %><%= join('a', 'b') %>", False, "a/b"),
    ("<% class A: x = 5\n# %><%= A.x %>", False, "5"),
    ("<% x = 1\ndel x %><%= 'x' in dir() %>", False, "False"),
    ("<% for id in (): %>x<% # %><%= id is __builtins__['id'] %>", False,
     "True"),
    ("<% old = req.write\nreq.write = lambda s, f=1: old('[' + s + ']')\n"
     "%>a<%= 1 %>", False, "[a1]"),
    ("<% req = req %><%= 1 %>", False, "1"),
    ("<% __file__ = 'mine' %><%= __file__ %>", False, "mine"),
    ("", False, ""),
])
def test_pages_as_functions(psp: Any, page: str, is_function: bool,
                            expected: str) -> None:
    made = psp.PSP(req := Request(filename="/p"), string=page)
    assert (made._page.function is not None) == is_function
    made.run()
    assert req.output.decode() == expected


def test_names_given_to_a_page(psp: Any) -> None:
    """They are the values of its variables until it sets them."""
    page = psp.PSP(req := Request(filename="/p"), string=(
        "<% if flag: x = 2\n# %><%= x %>"))
    assert page._page.function is not None
    page.run({"flag": 0, "x": 1})
    page.run({"flag": 1, "x": 1})
    page.run({"flag": 1})
    assert req.output == b"122"
    with pytest.raises(NameError, match="'x'"):
        page.run({"flag": 0})


def test_output_keeps_its_order(psp: Any) -> None:
    page = "a<%= f('b') %>c<% f('d') %>e<%= x %>f<%= f('g') or '' %>h"
    req = Request(filename="/p")

    def write_now(text: str) -> str:
        req.write(text)
        return ""

    assert render(psp, page, req, f=write_now, x="X") == "abcdeXfgh"


@pytest.mark.parametrize(("page", "line"), [
    ("\n<% x", 2), ("<%= x", 1), ("a\n\n<%-- x %>", 3), ("<%@ include", 1),
    ("\n<%@ page x='1' %>", 2), ("<%@ include file=x %>", 1),
    ("\n<%= %>", 2), ("<%= 1 + %>", 1), ("<%= x) + y %>", 1),
    ("\n\n<% x = = 1 %>", 3), ("a\n<% if x: %><% %>", 2),
    ("\n<% return %>", 2), ("<% x\0 %>", 1), ("<%=\0%>", 1),
    ("\n<%@ include file='/not/there' %>", 2),
])
def test_errors_tell_the_line(psp: Any, page: str, line: int) -> None:
    with pytest.raises(SyntaxError) as caught:
        render(psp, page)
    assert caught.value.lineno == line
    assert "PSP string" in str(caught.value.filename)


def test_tracebacks_tell_the_line(psp: Any, tmp_path: Path) -> None:
    text = "<html>\n<%\nx = 0\ndef f():\n    return 1 / x\n# %>\n<%= x %>\n"
    file = write(tmp_path / "page.psp", text + "<%= f() %>\n")
    with pytest.raises(ZeroDivisionError) as caught:
        psp.PSP(Request(filename=str(file))).run()
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "{file}", line 8, in <module>\n    <%= f() %>\n' in shown
    assert f'File "{file}", line 5, in f\n    return 1 / x\n' in shown
    with pytest.raises(ZeroDivisionError) as caught:
        render(psp, text + "<%= f() %>\n")
    shown = "".join(traceback.format_exception(caught.value))
    assert "line 8, in <module>\n    <%= f() %>\n" in shown


# ---- includes ----

def test_includes(psp: Any, tmp_path: Path) -> None:
    write(tmp_path / "page.psp", "a<%@ include file='sub/b.inc' %>c<%= x %>")
    write(tmp_path / "sub/b.inc",
          '<% x = "X" %>[<%@include file="c.inc"%>]')
    write(tmp_path / "sub/c.inc", f'<%@ include file="{tmp_path}/d" %>')
    write(tmp_path / "d", "D")
    req = Request(filename=f"{tmp_path}/page.psp")
    psp.PSP(req).run()
    assert req.output == b"a[D]cX"
    write(tmp_path / "d", "changed")
    req = Request(filename=f"{tmp_path}/page.psp")
    psp.PSP(req).run()
    assert req.output == b"a[changed]cX"


def test_errors_in_includes(psp: Any, tmp_path: Path) -> None:
    page = write(tmp_path / "page.psp", "\n<%@ include file='b.inc' %>")
    inc = write(tmp_path / "b.inc", "\n\n<%= 1 / 0 %>")
    with pytest.raises(ZeroDivisionError) as caught:
        psp.PSP(Request(filename=str(page))).run()
    shown = "".join(traceback.format_exception(caught.value))
    assert f'"{page}", line 2' in shown
    assert f"(in {inc}, which the page includes)" in shown
    write(inc, "\n\n<% x = = 1 %>")
    with pytest.raises(SyntaxError) as error:
        psp.PSP(Request(filename=str(page))).run()
    assert (error.value.filename, error.value.lineno) == (str(inc), 3)
    write(inc, "<%@ include file='page.psp' %>")
    with pytest.raises(SyntaxError, match="includes itself"):
        psp.PSP(Request(filename=str(page))).run()


# ---- PSP objects ----

def test_arguments(psp: Any, tmp_path: Path) -> None:
    write(tmp_path / "page.psp", "page <%= x %>")
    write(tmp_path / "sub/other.psp", "other <%= x %>")
    req = Request(filename=f"{tmp_path}/page.psp")
    psp.PSP(req, vars={"x": 1}).run({"x": 2}, flush=1)
    assert req.output == b"page 2"
    assert req.flushes == 1
    psp.PSP(req, filename="sub/other.psp", vars={"x": 3}).run()
    assert req.output.endswith(b"other 3")
    psp.PSP(req, filename=tmp_path / "page.psp", vars={"x": 4}).run()
    assert str(psp.PSP(req, string="s")) == ""
    assert req.output.endswith(b"page 4s")
    with pytest.raises(ValueError, match="not both"):
        psp.PSP(req, filename="x", string="y")
    for missing in ("none.psp", "sub", "page.psp/x"):
        with pytest.raises(ServerReturn) as caught:
            psp.PSP(req, filename=missing)
        assert caught.value.args == (404,)


def test_reload(psp: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "page.psp", "one")
    for text in ("two", "three", "fours"):
        os.utime(file, ns=(time.time_ns(), 10**18 + len(text)))
        write(file, text)
        req = Request(filename=str(file))
        psp.PSP(req).run()
        assert req.output == text.encode()


def test_globals(psp: Any) -> None:
    assert render(psp, "<%= psp.req is req %> <%= PSP.__name__ %> "
                  "<%= __file__ %> <%= req.uri %>") == (
        "True PSP /htdocs/page.psp /")


def test_form(psp: Any) -> None:
    req = Request(filename="/p", args="a=&b=2")
    assert render(psp, "<%= form['b'] + repr(form['a']) %>", req) == (
        "2Field('a', '')")
    render(psp, "x", req := Request(filename="/p", args="a=1"))
    assert not hasattr(req, "form")
    req = Request(filename="/p")
    req.form = {"mine": "yes"}
    assert render(psp, "<% def f(): return form['mine'] %><%= f() %>",
                  req) == "yes"


class FakeSession(dict[str, Any]):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def save(self) -> None:
        self.calls.append("save")

    def unlock(self) -> None:
        self.calls.append("unlock")


def test_session(psp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mod_python import Session, util

    made: list[FakeSession] = []

    def make(_req: Any) -> FakeSession:
        made.append(FakeSession())
        return made[-1]

    monkeypatch.setattr(Session, "Session", make)
    monkeypatch.setattr(util, "readBlockSize", 1000)
    render(psp, "no such name")
    assert made == []
    req = Request(filename="/p")
    assert render(psp, "<% session['a'] = 1 %><%= session['a'] %>",
                  req) == "1"
    assert made.pop().calls == ["save", "unlock"]
    assert not hasattr(req, "session")
    with pytest.raises(ZeroDivisionError):
        render(psp, "<% session; 1/0 %>")
    assert made.pop().calls == ["unlock"]
    with pytest.raises(ServerReturn):
        render(psp, "<% session['user'] = 'joe'; psp.redirect('/') %>")
    assert made.pop().calls == ["save", "unlock"]
    req.session = own = FakeSession()
    assert render(psp, "<% session['x'] = 1 %>", req) == "1"
    assert own == {"x": 1}
    assert own.calls == []


# ---- the interface ----

def test_error_page(psp: Any, tmp_path: Path) -> None:
    write(tmp_path / "page.psp",
          "<% psp.set_error_page(where) %>begin <% 1/0 %>")
    write(tmp_path / "error.psp",
          "error <%= exception[0].__name__ %> <%= exception[1] %> "
          "<%= exception[2].tb_frame is not None %>")
    for where in ("error.psp", "/error.psp"):
        req = Request(filename=f"{tmp_path}/page.psp", root=str(tmp_path))
        psp.PSP(req).run({"where": where})
        assert req.output == (b"begin error ZeroDivisionError "
                              b"division by zero True")


def test_redirect_ignores_the_error_page(psp: Any, tmp_path: Path) -> None:
    write(tmp_path / "error.psp", "wrong")
    write(tmp_path / "page.psp", "<% psp.set_error_page('error.psp')\n"
          "psp.redirect('/there', permanent=1) %>")
    req = Request(filename=f"{tmp_path}/page.psp")
    with pytest.raises(ServerReturn) as caught:
        psp.PSP(req).run()
    assert caught.value.args == (-2,)
    assert req.status == 301
    assert b"wrong" not in req.output


def test_apply_data(psp: Any) -> None:
    req = Request(filename="/p", args="a=1&b=2")
    assert render(psp, "<%= psp.apply_data(lambda a, x: a + x, x='3') %>",
                  req) == "13"


# ---- module functions ----

def test_parse(psp: Any, tmp_path: Path) -> None:
    assert psp.parsestring("") == ""
    assert psp.parsestring("x") == psp.parsestring(b"x")
    write(tmp_path / "page.psp", "<%= 1 %>")
    code = psp.parse(f"{tmp_path}/page.psp")
    assert code == psp.parse("page.psp", f"{tmp_path}/")
    compile(code, "x", "exec")


def test_handler(psp: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "page.psp", "<b><%= 1 %></b>")
    req = Request(filename=str(file))
    assert psp.handler(req) == 0
    assert req.output == b"<b>1</b>"
    assert req.content_type == "text/html; charset=UTF-8"
    req = Request(filename=f"{file}_", _debug=True)
    psp.handler(req)
    assert b"&lt;b&gt;&lt;%= 1 %&gt;" in req.output
    assert b"req.write" in req.output
    with pytest.raises(ServerReturn):
        psp.handler(Request(filename=f"{file}_"))


def test_dbm_cache(psp: Any, tmp_path: Path, httpd_fake: Any,
                   monkeypatch: pytest.MonkeyPatch) -> None:
    from mod_python import _psp_cache

    file = write(tmp_path / "page.psp", "<%= x %>")

    def get(name: str = "cache") -> bytes:
        monkeypatch.setattr(_psp_cache, "files", _psp_cache.Cache())
        req = Request(filename=str(file))
        req.options["PSPDbmCache"] = str(tmp_path / name)
        psp.PSP(req, vars={"x": 5}).run()
        return req.output

    assert get() == b"5"
    compiled = []
    compile_file = _psp_cache._compile_file
    monkeypatch.setattr(_psp_cache, "_compile_file", lambda name: (
        compiled.append(name), compile_file(name))[1])
    assert get() == b"5"
    assert compiled == []
    write(file, "now <%= x %>")
    assert get() == b"now 5"
    assert len(compiled) == 1
    for made in tmp_path.glob("cache*"):
        made.chmod(0o666)
    req = Request(filename=str(file))
    req.options["mod_python.psp.cache_database_filename"] = str(
        tmp_path / "cache")
    monkeypatch.setattr(_psp_cache, "files", _psp_cache.Cache())
    with pytest.raises(ServerReturn) as caught:
        psp.PSP(req)
    assert caught.value.args == (500,)
    assert req.log[0].startswith("MP0630: ")


def test_cache_is_bounded(psp: Any) -> None:
    from mod_python import _psp_cache

    for number in range(_psp_cache.ENTRIES + 20):
        psp.PSP(Request(filename="/p"), string=f"page {number}")
    assert len(_psp_cache.strings) == _psp_cache.ENTRIES
    import linecache
    assert len([name for name in linecache.cache
                if name.startswith("<PSP string")]) == _psp_cache.ENTRIES


