# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PSP pages in a running httpd."""
from __future__ import annotations

import os
import re
import stat
import threading
from itertools import count
from typing import Any

import pytest

from harness import conf
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.raw import Connection
from harness.tools import concurrently

WORKERS = ONE  # one interpreter sees all requests

CONFIG = """\
<Directory "${DOCROOT}">
    AddHandler mod_python .psp .psp_
    PythonHandler mod_python.psp
    PythonDebug Off
    PythonOption mod_python.session.database_directory "${ROOT}/var"
</Directory>
<Directory "${DOCROOT}/debug">
    PythonDebug On
</Directory>
<Directory "${DOCROOT}/dbm">
    PythonOption mod_python.psp.cache_database_filename "${ROOT}/var/pages"
</Directory>
<Directory "${DOCROOT}/olddbm">
    PythonOption PSPDbmCache "${ROOT}/var/old_pages"
</Directory>
<Directory "${DOCROOT}/foreign">
    PythonOption mod_python.psp.cache_database_filename "${ROOT}/var/foreign"
</Directory>
<Directory "${DOCROOT}/nowhere">
    PythonOption mod_python.psp.cache_database_filename "/none/there/cache"
</Directory>
<Directory "${DOCROOT}/second">
    PythonInterpreter second
</Directory>
<LocationMatch "^/do_">
    SetHandler mod_python
    PythonHandler test_psp
</LocationMatch>
"""

HTML = "text/html; charset=UTF-8"
_numbers = count()


def configure(env: Env) -> None:
    add_packages(env, "multipart")
    env.write("objects/page.psp", "[<%= x %>]")
    env.write("objects/sub/other.psp", "[other <%= x %>]")


def put(env: Env, text: str | bytes, directory: str = "") -> str:
    """Writes a page under a new name; its path."""
    name = f"{directory}/page{next(_numbers)}.psp"
    env.write(name.lstrip("/"), text)
    return name


@pytest.fixture
def show(env: Env, client: Client) -> Any:
    """show(text of a page) -> what httpd sends of it."""
    def get(text: str | bytes, **options: Any) -> str:
        return client.text(put(env, text), **options)

    return get


# -- text ------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    b"\n", b"\r", b"\r\n", b"a\r\nb\rc\n\n\r\r", b"\\n \\ \\' \\\"",
    b"'''\"\"\"'\"", b"%s %d %% %(x)s {x} ${x}", b"\t a \t\n \n", b"%> %%> > <",
    b"< % = %>", b"\xef\xbb\xbf<html>", "\u00e4\u20ac\U0001f600".encode(),
    "\u2028\u2029\x85\x0b\x0c".encode(), b"<?xml version='1.0'?>",
    bytes(range(256)), bytes(range(255, -1, -1)) * 300,
    b"# no code\n    if x:\n", b"x" * 100_000, b"<", b"%", b"<html>\0</html>",
], ids=repr)
def test_text_is_sent_as_it_is(env: Env, client: Client, text: bytes) -> None:
    for page, expected in ((text, text),
                           (text.removesuffix(b"<") + b"<%= 1 %>" + text,
                            text.removesuffix(b"<") + b"1" + text),
                           (b"<% if 1:%>" + text + b"<% # %>", text)):
        response = client.get(put(env, page))
        assert response.status_code == 200
        assert response.content == expected


def test_empty_page(show: Any) -> None:
    assert show("") == ""


def test_headers(env: Env, client: Client) -> None:
    response = client.get(put(env, "\u00e4"))
    assert response.headers["Content-Type"] == HTML
    assert response.headers["Content-Length"] == "2"
    response = client.head(put(env, "\u00e4"))
    assert (response.status_code, response.content) == (200, b"")
    response = client.get(put(env, (
        "<% req.content_type = 'text/plain'\nreq.status = 201\n"
        "req.headers_out['X-Page'] = 'yes' %>text")))
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["X-Page"] == "yes"


def test_streams(env: Env, raw: Connection) -> None:
    raw.send_request(put(env, (
        "first<% req.flush()\nimport os\nwhile not os.path.exists(\n"
        f"        {str(env.var / 'go')!r}):\n    time.sleep(0.01)\n#\n%>last"
    ).replace("import os", "import os, time")))
    head = raw.read_head()
    assert head.header("Transfer-Encoding") == "chunked"
    assert raw.read_line() == b"5"
    assert raw.read_line() == b"first"
    (env.var / "go").touch()
    assert [raw.read_line() for _ in range(2)] == [b"4", b"last"]


# -- expressions -----------------------------------------------------------------


@pytest.mark.parametrize(("page", "expected"), [
    ("<%= 1 + 1 %>", "2"),
    ("<%=None%>|<%= 1, 2 %>|<%= [] %>|<%= b'x' %>", "None|(1, 2)|[]|b'x'"),
    ("<%= '\u00e4' %>\u00e4<%= chr(8364) %>", "\u00e4\u00e4\u20ac"),
    ("<%= 'a' # comment %>b", "ab"),
    ("<%= (1 +\n 2) %>", "3"),
    ("<%=\n'lines'\n%>", "lines"),
    ("<%= '%s %%' %>%d %%<%= 5 %>", "%s %%%d %%5"),
    ("<%= '\\n' %>\\n", "\n\\n"),
    ("<%= '%' + '>' %>", "%>"),
    ("<%= [n for n in range(3)] %>", "[0, 1, 2]"),
    ("<% x = 2 %><%= f'{x}' if x else '' %>", "2"),
    ("<% class A:\n    def __str__(self): return 'str'\n"
     "    def __repr__(self): return 'repr'\na = A() %><%= a %>", "str"),
    ("<%= (lambda: 'called')() %>", "called"),
    ("<%= req.uri.startswith('/page') %>", "True"),
])
def test_expressions(show: Any, page: str, expected: str) -> None:
    assert show(page) == expected


def test_output_keeps_its_order(show: Any) -> None:
    assert show("a<% def f(x): req.write(x)\n\n%>"
                "b<%= f('c') or '' %>d<% f('e') %>f<%= 1 %>g"
                "<%= (f('h'), '')[1] %>i") == "abcdef1ghi"


# -- code and its indentation ----------------------------------------------------


@pytest.mark.parametrize(("page", "expected"), [
    ("<% x = 5 %>\n<%= x %>\n", "\n5\n"),
    ("<%\nx = 1\ny = 2\n%><%= x + y %>", "3"),
    # a last line that ends in a colon
    ("<% for i in range(3): %><%= i %>,<% # end %>.", "0,1,2,."),
    ("<% if 0: %>no<% else: %>yes<% # %>!", "yes!"),
    ("<% try:\n    1 / 0\nexcept ZeroDivisionError: %>caught<% # %>!",
     "caught!"),
    ("<%\nfor i in 1, 2:\n    for j in 3, 4:\n%><%= i, j %><%\n# end\n%>.",
     "(1, 3)(1, 4)(2, 3)(2, 4)."),  # a tab inside of four blanks
    ("<%\nfor i in 1, 2:\n\tfor j in 3, 4:\n%><%= i * j %> <%\n# end\n%>.",
     "3 4 6 8 ."),
    # the indentation of the last line stays
    ("<%\nif 1:\n    x = 2\n    # begin\n%>in<%\n# end\n%>out", "inout"),
    ("<%\nif 0:\n    x = 2\n    # begin\n%>in<%\n# end\n%>out", "out"),
    ("<%\nif 0:\n    x = 2\n%>in<%\nx = 1\n%>out", "out"),
    ("<%\nif 0:\n    x = 2\n\n   \n%>in<%\nx = 1\n%>out", "out"),
    ("<% while True:\n    # %>once<%\n    break\n%>.", "once"),
    ("<%\nwhile True:\n    # text\n%>once<%\n    break\n# end %>.", "once."),
    # any line ends
    ("<%\r\nif 1:\r\n\tx = 2\r\n%>in<%\r\n# end\r\n%>out", "inout"),
    ("<%\rif 0:\r\tx = 2\r%>in<%\r# end\r%>out", "out"),
    ("<%\rx = '''a\rb'''\r%><%= x %>", "a\nb"),
    ("<%\nx = '''\n%><%= 5 %>", None),
    # functions and classes of the page
    ("<% def f(x): %><b><%= x %></b><% # end\nf(1)\nf(2) %>",
     "<b>1</b><b>2</b>"),
    ("<% def fac(n): return 1 if n < 2 else n * fac(n - 1) %><%= fac(5) %>",
     "120"),
    ("<%%>a<% %>b<%\n%>c", "abc"),
    ("<% # only a comment %>a", "a"),
    ("<% x = 1; y = 2 %><%= x + y %>", "3"),
    ("<% from __future__ import annotations\nx = 1 %><%= x %>", "1"),
    ("<% with open('/dev/null') as f: %><%= f.name %><% # %>!",
     "/dev/null!"),
    ("<% s = 'a%' '>' %><%= s %>", "a%>"),
])
def test_code(env: Env, client: Client, log: ErrorLog, page: str,
              expected: str | None) -> None:
    response = client.get(put(env, page))
    if expected is None:
        assert response.status_code == 500
        log.expect("(Syntax|Indentation|Tab)Error")
    else:
        assert response.text == expected


@pytest.mark.parametrize(("page", "expected"), [
    ("a<%-- comment --%>b", "ab"), ("<%----%>", ""),
    ("a<%-- <% raise %> <%= 1/0 %> --%>b", "ab"),
    ("a<%--\r\n\n<%@ none %>\n--%>b<%= 1 %>", "ab1"),
    ("<%-- - -- %> --> --%>b", "b"),
    ("<% if 1: %>a<%-- c --%>b<% # %>", "ab"),
    ("<!-- <%= 1 %> -->", "<!-- 1 -->"),
])
def test_comments(show: Any, page: str, expected: str) -> None:
    assert show(page) == expected


# -- includes --------------------------------------------------------------------


def test_include(env: Env, client: Client) -> None:
    env.write("inc/sub/b.inc", '<% x = "X" %>[<%@include file="c.inc"%>]')
    env.write("inc/sub/c.inc", f'<%@ include file="{env.docroot}/inc/d" %>')
    env.write("inc/d", "D")
    page = put(env, "a<%@ include file='sub/b.inc' %>c<%= x %>", "/inc")
    assert client.text(page) == "a[D]cX"
    env.write("inc/d", "changed <%= x %>")
    assert client.text(page) == "a[changed X]cX"
    env.write("inc/sub/b.inc", "<% x = 'new' %>b")
    assert client.text(page) == "abcnew"


def test_include_inside_code(env: Env, client: Client) -> None:
    env.write("inc/row", "<td><%= i %></td>")
    assert client.text(put(env, (
        "<% for i in range(2): %><%@ include file='row' %><% # %>."),
        "/inc")) == "<td>0</td><td>1</td>."


@pytest.mark.parametrize(("page", "line", "message"), [
    ("\n<%@ include file='none' %>", 2, "cannot include"),
    ("<%@ include file=x %>", 1, "unknown directive"),
    ("a\n\n<%@ page language='x' %>", 3, "unknown directive"),
    ("<%@ %>", 1, "unknown directive"),
    ("<%@ include", 1, "<%@ without %>"),
    ("\n<%-- x %>", 2, "<%-- without --%>"),
    ("<%= x", 1, "<%= without %>"),
    ("\n\n\n<% x", 4, "<% without %>"),
    ("<%= %>", 1, "without an expression"),
    ("\n<%= 1 + %>", 2, "invalid syntax"),
    ("<%= x) + y %>", 1, "unmatched"),
    ("\n\n<% x = = 1 %>", 3, "invalid syntax"),
    ("\n<% x\0 %>", 1, "null bytes"),
    ("<%\n\nif 1:\nx = 1\n%>", 4, "expected an indented block"),
    ("\n<% return 5 %>", 2, "'return' outside function"),
])
def test_pages_that_are_none(env: Env, client: Client, log: ErrorLog,
                             page: str, line: int, message: str) -> None:
    name = put(env, page)
    assert client.get(name).status_code == 500
    [first] = log.expect("MP0400")
    assert message in first.text
    assert f'File "{env.docroot}{name}", line {line}' in log.text()
    # a good edit is enough
    env.write(name.lstrip("/"), "good")
    assert client.text(name) == "good"


def test_page_that_includes_itself(env: Env, client: Client, log: ErrorLog
                                   ) -> None:
    env.write("inc/a.psp", "\n<%@ include file='b.psp' %>")
    env.write("inc/b.psp", "<%@ include file='a.psp' %>")
    assert client.get("/inc/a.psp").status_code == 500
    log.expect("a page includes itself: .*a.psp > .*b.psp > .*a.psp")
    assert f'File "{env.docroot}/inc/a.psp", line 2' in log.text()


# -- errors ------------------------------------------------------------------------


def test_traceback_names_page_and_line(env: Env, client: Client,
                                       log: ErrorLog) -> None:
    name = put(env, "<html>\n<%\nx = 0\ndef f():\n    return 1 / x\n#\n%>\n"
                    "text <%= 'a' %> more\n<p><%= f() %></p>\n")
    assert client.get(name).status_code == 500
    log.expect("MP0400: PythonHandler mod_python.psp: uncaught exception: "
               "ZeroDivisionError: division by zero")
    text = re.sub(r"(?m)^.*?PythonHandler mod_python\.psp: ", "", log.text())
    file = f"{env.docroot}{name}"
    assert (f'  File "{file}", line 9, in <module>\n'
            "    <p><%= f() %></p>\n") in text
    assert f'  File "{file}", line 5, in f\n    return 1 / x\n' in text


def test_traceback_of_multiline_text(env: Env, client: Client, log: ErrorLog
                                     ) -> None:
    for page, line in (("\r\n\r\n<%= a %>", 3), ("\r\r\r<% b() %>", 4),
                       ("\n<%= (1,\n 2,\n c) %>", 4),
                       ("<%\nx = (1,\n  d,\n)%>", 3),
                       ("<% if 1: %>\ntext\n<%= e %><% # %>", 3)):
        name = put(env, page)
        position = log.mark()
        assert client.get(name).status_code == 500
        log.expect("NameError")
        assert (f'File "{env.docroot}{name}", line {line}, in <module>'
                in log.text(position))


def test_traceback_of_an_include(env: Env, client: Client, log: ErrorLog
                                 ) -> None:
    inc = env.write("inc/bad.inc", "\n\n<%= 1 / 0 %>")
    page = put(env, "\n<%@ include file='bad.inc' %>", "/inc")
    assert client.get(page).status_code == 500
    log.expect("ZeroDivisionError")
    assert f'File "{env.docroot}{page}", line 2' in log.text()
    assert f"(in {inc}, which the page includes)" in log.text()


def test_traceback_of_a_string(env: Env, client: Client, log: ErrorLog
                               ) -> None:
    page = put(env, "<% PSP(req, string='a\\n<' + '%= 1 / 0 %' + '>').run() %>")
    assert client.get(page).status_code == 500
    log.expect("ZeroDivisionError")
    assert re.search(r'File "<PSP string \d+>", line 2, in <module>',
                     log.text())
    assert "<%= 1 / 0 %>" in log.text()


def test_output_of_a_page_that_fails_is_dropped(
        env: Env, client: Client, log: ErrorLog) -> None:
    response = client.get(put(env, "secret text<% 1/0 %>"))
    assert response.status_code == 500
    assert "secret" not in response.text
    log.expect("ZeroDivisionError")


def test_debug_page(env: Env, client: Client, log: ErrorLog) -> None:
    name = put(env, "<b>\n<%= 1 / 0 %>", "/debug")
    response = client.get(name)
    log.expect("ZeroDivisionError")
    assert response.status_code == 500
    assert f'File "{env.docroot}{name}", line 2' in response.text.replace(
        "&quot;", '"')
    assert "&lt;%= 1 / 0 %&gt;" in response.text
    assert "ZeroDivisionError" in response.text


@pytest.mark.parametrize(("text", "error", "function"), [
    ("<b>\n<%= 1 / 0 %>\n</b>", "ZeroDivisionError", "<module>"),
    ("<b>\n<%= 1 + %>\n</b>", "SyntaxError", "<not compiled>"),
])
def test_debug_page_shows_the_page(env: Env, client: Client, log: ErrorLog,
                                   text: str, error: str, function: str) -> None:
    """Not psp.py: its source around the line, and its name as the file."""
    name = put(env, text, "/debug")
    facts = client.get(name, headers={"Accept": "application/json"}).json()
    log.expect(error)
    file = f"{env.docroot}{name}"
    assert facts["module_file"] == file
    last = facts["frames"][-1]
    assert (last["file"], last["line"], last["function"]) == (file, 2, function)
    assert last["source"] == [
        [number, line] for number, line in enumerate(text.split("\n"), 1)]


@pytest.mark.parametrize(("code", "status"), [
    ("raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)", 403),
    ("raise apache.SERVER_RETURN(404)", 404),
    ("raise apache.SERVER_RETURN(apache.OK)", 200),
    ("raise apache.SERVER_RETURN(apache.DONE, 202)", 202),
])
def test_server_return(env: Env, client: Client, code: str, status: int
                       ) -> None:
    for begin in ("", "psp.set_error_page('/error.psp')\n"):
        page = put(env, f"<%\n{begin}{code} %>never")
        env.write("error.psp", "wrong")
        response = client.get(page)
        assert response.status_code == status
        assert "never" not in response.text
        assert "wrong" not in response.text


def test_missing_page(client: Client) -> None:
    assert client.get("/none.psp").status_code == 404
    assert client.get("/none/none.psp").status_code == 404


# -- set_error_page ------------------------------------------------------------------


@pytest.mark.parametrize("where", ["error.psp", "sub/../error.psp",
                                   "/err/error.psp"])
def test_error_page(env: Env, client: Client, where: str) -> None:
    env.write("err/error.psp", (
        "error page: <%= exception[0].__name__ %>, <%= exception[1] %>, "
        "<%= exception[2].tb_frame is not None %>, "
        "<%= exception[1].__traceback__ is exception[2] %>, <%= __file__ %>"))
    page = put(env, f"<% psp.set_error_page({where!r}) %>begin, <% 1/0 %>",
               "/err")
    assert client.text(page) == (
        "begin, error page: ZeroDivisionError, division by zero, True, True, "
        f"{env.docroot}/err/error.psp")


def test_error_page_is_not_used_without_error(env: Env, client: Client
                                              ) -> None:
    env.write("err/error.psp", "wrong")
    assert client.text(put(env, "<% psp.set_error_page('error.psp') %>good",
                           "/err")) == "good"


def test_error_page_with_status_and_session(env: Env, client: Client) -> None:
    env.write("err/full.psp", (
        "<% req.status = 503\nsession['seen'] = 1\n"
        "import html %><%= html.escape(str(exception[1])) %>"))
    response = client.get(put(
        env, "<% session['page'] = 1\npsp.set_error_page('full.psp')\n"
             "raise ValueError('<a>') %>", "/err"))
    assert (response.status_code, response.text) == (503, "&lt;a&gt;")


def test_error_page_that_fails(env: Env, client: Client, log: ErrorLog
                               ) -> None:
    env.write("err/bad.psp", "<% {}['key of the error page'] %>")
    page = put(env, "<% psp.set_error_page('bad.psp')\n1/0 %>", "/err")
    assert client.get(page).status_code == 500
    log.expect("KeyError: 'key of the error page'")
    assert "ZeroDivisionError: division by zero" in log.text()


def test_error_page_that_is_missing(env: Env, client: Client) -> None:
    assert client.get(put(env, "<% psp.set_error_page('none.psp') %>x")
                      ).status_code == 404


# -- what a page finds -----------------------------------------------------------------


def test_globals(env: Env, show: Any) -> None:
    assert show("<%= psp.req is req %> <%= PSP.__name__ %> "
                "<%= PSPInterface is type(psp) %> <%= apache.OK %> "
                "<%= req.method %>") == "True PSP True 0 GET"
    page = show("<%= __file__ %>")
    assert re.fullmatch(rf"{env.docroot}/page\d+\.psp", page)


def test_names_of_a_page_are_gone_afterwards(env: Env, client: Client
                                             ) -> None:
    page = put(env, "<%= globals().get('mine') %><% mine = 5 %>")
    assert client.text(page) == client.text(page) == "None"


def test_form(env: Env, client: Client) -> None:
    page = put(env, "<%= form['b'] %> <%= repr(form.getfirst('a')) %> "
                    "<%= 'c' in form %>")
    assert client.text(page + "?a=&b=2") == "2 Field('a', '') False"
    assert client.text(page, "POST", data={"b": "\u00e4", "c": 1}) == (
        "\u00e4 None True")
    assert client.text(page, "POST", data={"b": "x"},
                       files={"c": ("n", b"\xff")}) == "x None True"
    inside = put(env, "<% def f(): return form['a'] %><%= f() %>")
    assert client.text(inside + "?a=1") == "1"


def test_form_only_where_it_is_named(env: Env, client: Client) -> None:
    page = put(env, "<%= hasattr(req, 'form') %> <%= req.read().decode() %>")
    assert client.text(page, "POST", data=b"a=1") == "False a=1"
    assert client.get(put(env, "<%= form %>"), headers={
        "Content-Type": "application/json"}).status_code == 200


def test_form_of_another_kind(env: Env, client: Client, log: ErrorLog
                              ) -> None:
    assert client.post(put(env, "<%= form %>"), b"{}", headers={
        "Content-Type": "application/json"}).status_code == 415
    log.expect("MP0607")


def test_form_of_the_caller(client: Client) -> None:
    assert client.text("/do_own_form?a=1") == "the handler's"


def test_session(env: Env, client: Client) -> None:
    page = put(env, "<% session['n'] = session.get('n', 0) + 1 %>"
                    "<%= session['n'] %>")
    response = client.get(page)
    assert response.text == "1"
    assert "pysid=" in response.headers["Set-Cookie"]
    assert [client.text(page) for _ in range(3)] == ["2", "3", "4"]
    other = put(env, "no such name")
    assert "Set-Cookie" not in client.get(other).headers


def test_session_and_errors(env: Env, client: Client, log: ErrorLog) -> None:
    """It is unlocked, so that the next request gets it, and not saved."""
    page = put(env, "<% session['n'] = session.get('n', 0) + 1\n"
                    "if req.args: 1 / 0\n# %><%= session['n'] %>")
    assert client.text(page) == "1"
    assert client.get(page + "?x").status_code == 500
    log.expect("ZeroDivisionError")
    assert client.text(page) == "2"


def test_session_and_redirect(env: Env, client: Client) -> None:
    page = put(env, "<% session['user'] = 'joe'\npsp.redirect('/next') %>")
    shown = put(env, "<%= session.get('user') %>")
    assert client.get(page).status_code == 302
    assert client.text(shown) == "joe"


def test_session_of_the_caller(client: Client) -> None:
    assert client.json("/do_own_session") == ["from page"]


def test_session_for_many(env: Env, httpd: Httpd) -> None:
    page = put(env, "<% session['n'] = session.get('n', 0) + 1 %>"
                    "<%= session['n'] %>")
    with Client(httpd.port()) as first:
        first.text(page)
        cookies = first.session.cookies.get_dict()

    def get(_number: int) -> int:
        with Client(httpd.port()) as client:
            return int(client.text(page, cookies=cookies))

    assert sorted(concurrently(get, 20)) == list(range(2, 22))


def test_imports(env: Env, client: Client) -> None:
    for place in ("one", "two"):
        env.write(f"imports/{place}/helper.py", f"name = {place!r}\n")
        env.write(f"imports/{place}/p.psp",
                  "<% import helper, os.path as p %><%= helper.name %> "
                  "<%= p.basename(__file__) %>")
    for place in ("one", "two", "one"):
        assert client.text(f"/imports/{place}/p.psp") == f"{place} p.psp"


def test_apply_data(show: Any) -> None:
    assert show("<%= psp.apply_data(lambda a, x: a + x, x='3') %>",
                params={"a": "1", "b": "2"}) == "13"


@pytest.mark.parametrize(("arguments", "status"), [
    ("'/there?a=1&b=2'", 302), ("'/there?a=1&b=2', 1", 301),
    ("'/there?a=1&b=2', permanent=0", 302)])
def test_redirect(env: Env, client: Client, arguments: str, status: int
                  ) -> None:
    response = client.get(put(env, f"text<% psp.redirect({arguments}) %>x"))
    assert response.status_code == status
    assert response.headers["Location"] == "/there?a=1&b=2"
    assert response.text.startswith("text<p>")
    assert not response.text.endswith("x")


def test_redirect_after_output_was_sent(client: Client) -> None:
    assert client.text("/do_redirect_late") == (
        "text|Cannot redirect after headers have already been sent.")


def test_bad_redirect(env: Env, client: Client, log: ErrorLog) -> None:
    response = client.get(put(env, "<% psp.redirect('/\\r\\nX-Evil: 1') %>"))
    assert response.status_code == 500
    assert "X-Evil" not in response.headers
    log.expect("line break")


# -- PSP objects -----------------------------------------------------------------------


def test_objects(client: Client) -> None:
    assert client.text("/do_objects") == (
        "[1][2][other 3][4][5][6][\udcff\u00e4][8]str0,1,2,")


def test_names_stay_in_the_page(client: Client) -> None:
    assert client.json("/do_same_vars") == [
        {"x": 1, "things": [2, 2]}, False, False]


def test_refused(client: Client) -> None:
    both, *missing, nul = client.json("/do_refused")
    assert both.startswith("ValueError: ")
    assert missing == ["SERVER_RETURN: 404"] * 3
    assert nul.startswith(("ValueError: ", "SERVER_RETURN: 404"))


def test_display_code(client: Client) -> None:
    of_file, of_string = client.json("/do_display")
    assert "[&lt;%= x %&gt;]" in of_file
    assert "req.write" in of_file
    assert "&lt;b&gt;&lt;%= 1 %&gt;" in of_string
    assert "<b>" not in of_file + of_string


def test_parse(client: Client) -> None:
    of_file, of_two, of_str, of_bytes, of_nothing = client.json("/do_parse")
    assert of_file == of_two
    assert of_str == of_bytes
    assert of_nothing == ""
    for code in (of_file, of_str):
        compile(code, "x", "exec")


def test_code_is_shown_with_debug_only(env: Env, client: Client) -> None:
    page = put(env, "<b>\u00e4<%= 1 %></b>\n<% x = 'code' %>", "/debug")
    response = client.get(page + "_")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == HTML
    text = response.content.decode()
    assert "&lt;b&gt;\u00e4&lt;%= 1 %&gt;&lt;/b&gt;" in text
    assert "x = &#x27;code&#x27;" in text
    assert client.text(page) == "<b>\u00e41</b>\n"
    assert client.get("/debug/none.psp_").status_code == 404
    assert client.get(put(env, "<%= 1 %>") + "_").status_code == 404


# -- the caches ------------------------------------------------------------------------


def test_compiled_once(env: Env, client: Client) -> None:
    page = put(env, "<%= 1 %>")
    before = client.json("/do_compiled")
    assert [client.text(page) for _ in range(5)] == ["1"] * 5
    assert client.json("/do_compiled") == before + 1


def test_changes_are_seen_at_once(env: Env, client: Client) -> None:
    page = put(env, "0")
    file = env.docroot / page.lstrip("/")
    for number in range(1, 6):
        env.write(page.lstrip("/"), str(number))
        assert client.text(page) == str(number)
    os.utime(file, (1, 1))  # to an older time
    before = client.json("/do_compiled")
    assert client.text(page) == "5"
    assert client.json("/do_compiled") == before + 1
    file.unlink()
    assert client.get(page).status_code == 404
    env.write(page.lstrip("/"), "again")
    assert client.text(page) == "again"


def test_cache_of_strings_is_bounded(client: Client) -> None:
    kept, most = client.json("/do_sizes?600", timeout=30)
    assert kept == most == 512


def test_many_at_once(env: Env, httpd: Httpd) -> None:
    pages = [put(env, f"<% for i in range(20): %>{n} <%= i %>,<% # %>")
             for n in range(5)]

    def get(number: int) -> str:
        with Client(httpd.port()) as client:
            return client.text(pages[number % 5])

    for number, text in enumerate(concurrently(get, 60)):
        assert text == "".join(f"{number % 5} {i}," for i in range(20))


@pytest.mark.mpm("event", "worker")
def test_a_slow_page_holds_no_lock(env: Env, httpd: Httpd, client: Client
                                   ) -> None:
    """What is read while a page is compiled holds up nobody else."""
    pipe = env.docroot / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    slow = put(env, "<%@ include file='pipe' %>!")
    got: list[str] = []

    def get() -> None:
        with Client(httpd.port(), timeout=30) as other:
            got.append(other.text(slow))

    thread = threading.Thread(target=get)
    thread.start()
    try:
        with pipe.open("wb") as file:  # waits until it is being read
            assert client.text(put(env, "<%= 'quick' %>")) == "quick"
            assert client.json("/do_parse")[4] == ""
            assert got == []
            file.write(b"slow")
    finally:
        thread.join()
        pipe.unlink()
    assert got == ["slow!"]


def test_second_interpreter(env: Env, client: Client) -> None:
    page = put(env, "<%= req.interpreter %>", "/second")
    assert client.text(page) == "second"
    assert client.text(put(env, "<%= req.interpreter %>")) == "localhost"


@pytest.mark.parametrize(("directory", "name"), [
    ("/dbm", "pages"), ("/olddbm", "old_pages")])
def test_dbm_cache(env: Env, client: Client, directory: str, name: str
                   ) -> None:
    page = put(env, "<%= 'from dbm' %>", directory)
    before = client.json("/do_compiled")
    assert client.text(page) == "from dbm"
    assert client.json("/do_compiled?clear") == before + 1
    made = list(env.var.glob(name + "*"))
    assert made
    for file in made:
        status = file.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_uid == conf.owner()[0]
    assert client.text(page) == "from dbm"
    assert client.json("/do_compiled?clear") == before + 1  # not again
    env.write(page.lstrip("/"), "changed")
    assert client.text(page) == "changed"
    assert client.json("/do_compiled") == before + 2


def test_dbm_cache_and_errors(env: Env, client: Client, log: ErrorLog
                              ) -> None:
    page = put(env, "\n<%= 1 / 0 %>", "/dbm")
    client.get(page)
    client.json("/do_compiled?clear")
    position = log.mark()
    assert client.get(page).status_code == 500
    log.expect("ZeroDivisionError")
    assert f'File "{env.docroot}{page}", line 2' in log.text(position)


def test_dbm_cache_of_somebody_else(env: Env, client: Client, log: ErrorLog
                                    ) -> None:
    page = put(env, "x", "/foreign")
    file = env.var / "foreign"
    file.write_bytes(b"")
    file.chmod(0o666)
    assert client.get(page).status_code == 500
    log.expect("MP0630: .*foreign does not belong to the user")
    file.unlink()
    # one that only has a name like it is nobody's business
    (env.var / "foreign-matter").write_bytes(b"")
    (env.var / "foreign-matter").chmod(0o666)
    assert client.text(page) == "x"


def test_dbm_cache_that_cannot_be_made(env: Env, client: Client,
                                       log: ErrorLog) -> None:
    assert client.get(put(env, "x", "/nowhere")).status_code == 500
    [record] = log.expect("MP0630")
    assert "mod_python.psp.cache_database_filename" in record.text
    assert "/none/there/cache" in record.text


def test_dbm_cache_of_several_processes(env: Env, start_httpd: Any) -> None:
    server = start_httpd(
        '<Directory "${DOCROOT}">\nAddHandler mod_python .psp\n'
        "PythonHandler mod_python.psp\nPythonOption "
        'mod_python.psp.cache_database_filename "${ROOT}/var/pages"\n'
        "</Directory>")
    pages = [put(server.env, f"<%= {n} %>") for n in range(10)]

    def get(number: int) -> str:
        with Client(server.port()) as client:
            return client.text(pages[number % 10])

    assert concurrently(get, 60) == [str(n % 10) for n in range(60)]
    server.graceful()
    assert concurrently(get, 20) == [str(n % 10) for n in range(20)]
