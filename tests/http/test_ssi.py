# SPDX-License-Identifier: Apache-2.0
"""<!--#python --> in pages that mod_include parses."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection

CONFIG = """\
<Directory "${DOCROOT}">
    Options +Includes
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    PythonFixupHandler test_ssi
</Directory>
<Directory "${DOCROOT}/noexec">
    Options -Includes +IncludesNOEXEC
</Directory>
<Directory "${DOCROOT}/debug">
    PythonDebug On
</Directory>
<Directory "${DOCROOT}/elsewhere">
    PythonInterpreter elsewhere
</Directory>
<Directory "${DOCROOT}/perdir">
    PythonInterpPerDirectory On
</Directory>
<Location "/page">
    SetHandler mod_python
    PythonHandler test_ssi
    SetOutputFilter INCLUDES
</Location>
"""

PAGES = {
    "eval": ('<!--#python eval="1 + 1" -->', "2"),
    "none": ('<!--#python eval="None" -->', ""),
    "text": ('<!--#python eval="\'\u20ac\' + chr(228)" -->', "\u20ac\u00e4"),
    "object": ("<!--#python eval=\"{'a': [1, b'x']}\" -->",
               "{'a': [1, b'x']}"),
    "blanks": ('<!--#python eval="\r\n\t 1 +\\\r\n 2 \r\n" -->', "3"),
    "exec": ('<!--#python exec="x = 2\nfilter.write(str(x * 3))" -->', "6"),
    "print": ('<!--#python exec="print(1, \'a\', file=filter)" -->', "1 a\n"),
    "crlf": ('<!--#python exec="\r\nfor i in range(3):\r\n'
             '    filter.write(str(i))\r\n  \r\n" -->', "012"),
    "trailing": ('<!--#python exec="if True:\n    x = 1   \n   " -->'
                 '<!--#python eval="x" -->', "1"),
    "function": ('<!--#python exec="\ndef f(n):\n    return n * f(n - 1) '
                 'if n else 1\n" --><!--#python eval="f(5)" -->', "120"),
    "state": ('<!--#python exec="x = 1" --><!--#python exec="x += 1" -->'
              '<!--#python eval="x" -->', "2"),
    "globals": ('<!--#python eval="filter.req.ssi_globals is globals()" -->'
                '<!--#python eval="\'filter\' in globals()" -->', "TrueTrue"),
    "file": ('<!--#python eval="__file__.endswith(\'file.shtml\') and '
             '__file__ == filter.req.filename" -->', "True"),
    "filter": ('<!--#python eval="[filter.name, filter.is_input, '
               'filter.closed, filter.read(), filter.readline()]" -->',
               "['includes', 0, 0, None, None]"),
    "close": ('a<!--#python exec="filter.write(1 and \'b\'); filter.flush(); '
              'filter.close(); filter.write(\'c\')" -->d', "abcd"),
    "import": ('<!--#python exec="import json" -->'
               '<!--#python eval="json.dumps([1])" -->', "[1]"),
    "comprehension": ('<!--#python exec="n = 2" -->'
                      '<!--#python eval="[i * n for i in range(3)]" -->',
                      "[0, 2, 4]"),
    "condition": ('<!--#if expr="false" --><!--#python eval="1/0" -->'
                  '<!--#else -->yes<!--#endif -->', "yes"),
    "large": ('<!--#python eval="\'x\' * 200000" -->', "x" * 200000),
    "entity": ('<!--#python eval="1 &lt; 2" -->', "True"),
    "returnok": ("<!--#python exec=\"from mod_python import apache\nfilter."
                 "write('a')\nraise apache.SERVER_RETURN(apache.OK)\" -->b",
                 "ab"),
    "include": ('<!--#python exec="x = 5" --><!--#include virtual='
                '"/included.shtml" --><!--#python eval="x" -->',
                "[6 /include.shtml]5"),
}

BAD = {
    "empty": ('<!--#python eval="" -->', "the value is empty"),
    "blank": ('<!--#python exec="  " -->', "the value is empty"),
    "novalue": ("<!--#python -->", "write eval or exec"),
    "unknown": ('<!--#python evil="1" -->', "unknown attribute"),
    "both": ('<!--#python eval="1" exec="2" -->', "once"),
    "twice": ('<!--#python eval="1" eval="2" -->', "once"),
}

FAILING = {
    "zero": ('<!--#python eval="1/0" -->', "ZeroDivisionError"),
    "syntax": ('<!--#python exec="x = = 1" -->', "SyntaxError"),
    "name": ('<!--#python exec="undefined_name" -->', "NameError"),
    "str": ('<!--#python eval="type(\'T\', (), '
            '{\'__str__\': lambda s: 1//0})()" -->', "ZeroDivisionError"),
    "exit": ('<!--#python exec="raise SystemExit" -->', "SystemExit"),
}

ERROR = "[an error occurred while processing this directive]"


def configure(env: Env) -> None:
    for name, (page, _) in {**PAGES, **BAD, **FAILING}.items():
        env.write(f"{name}.shtml", page)
    for name, (page, _) in FAILING.items():
        env.write(f"debug/{name}.shtml", f"a{page}b")
    env.write("included.shtml",
              '<!--#python exec="x = 6" -->[<!--#python eval="x" --> '
              '<!--#python eval="filter.req.main.uri" -->]')
    page = '<!--#python eval="1" --><!--#python exec="filter.write(2)" -->'
    env.write("noexec/page.shtml", page)
    # three pages, the innermost of which fails
    env.write("nested/a.shtml",
              '<!--#python exec="x = 1" -->a<!--#include virtual="b.shtml" '
              '--><!--#python eval="x" -->')
    env.write("nested/b.shtml",
              '<!--#python exec="x = 2" -->b<!--#include virtual="c.shtml" '
              '--><!--#python eval="x" -->')
    env.write("nested/c.shtml",
              'c<!--#python eval="1/0" --><!--#python eval='
              '"filter.req.main.uri" --><!--#include virtual='
              '"/noexec/page.shtml" -->')
    page = ('<!--#python exec="from mod_python import apache" -->'
            '<!--#python eval="apache.interpreter" -->')
    for name in ("here", "elsewhere/here", "perdir/here"):
        env.write(name + ".shtml", page)
    env.write("prepared.shtml", '<!--#python eval="given" -->')
    env.write("wrong.shtml", '<!--#python eval="1" -->')


@pytest.mark.parametrize("name", PAGES)
def test_pages(client: Client, name: str) -> None:
    response = client.get(f"/{name}.shtml")
    assert response.status_code == 200
    assert response.content.decode() == PAGES[name][1]


def test_globals_of_a_handler(client: Client, log: ErrorLog) -> None:
    assert client.text("/prepared.shtml") == "from the handler"
    assert client.text("/wrong.shtml") == ERROR
    log.expect("MP0400.*TypeError: req.ssi_globals must be a dict, not list")


def test_globals_belong_to_the_request(client: Client, log: ErrorLog) -> None:
    assert client.text("/state.shtml") == "2"
    assert client.text("/state.shtml") == "2"


def test_page_of_a_python_handler(client: Client) -> None:
    assert client.text("/page") == "2"


@pytest.mark.parametrize(("path", "expected"), [
    ("here", "localhost"), ("elsewhere/here", "elsewhere")])
def test_interpreter(client: Client, path: str, expected: str) -> None:
    assert client.text(f"/{path}.shtml") == expected


def test_interpreter_per_directory(client: Client, env: Env) -> None:
    assert client.text("/perdir/here.shtml") == f"{env.docroot}/perdir/"


@pytest.mark.parametrize("name", BAD)
def test_bad_elements(client: Client, log: ErrorLog, name: str) -> None:
    assert client.text(f"/{name}.shtml") == ERROR
    log.expect(f"MP0352: <!--#python --> in .*: .*{BAD[name][1]}")


def test_not_allowed(client: Client, log: ErrorLog) -> None:
    assert client.text("/noexec/page.shtml") == ERROR * 2
    log.expect("MP0352.*not allowed", 2)


def test_nested(client: Client, log: ErrorLog) -> None:
    """Each page has globals of its own; what fails inside, or may not run
    there, leaves the others alone."""
    assert client.text("/nested/a.shtml") == (
        f"abc{ERROR}/nested/b.shtml{ERROR}{ERROR}21")
    log.expect("MP0400: PythonSSI .*c.shtml.*ZeroDivisionError")
    log.expect("MP0352.*not allowed", 2)


@pytest.mark.parametrize("name", FAILING)
def test_exceptions(client: Client, log: ErrorLog, name: str) -> None:
    assert client.text(f"/{name}.shtml") == ERROR
    log.expect(f"MP0400: PythonSSI .*{name}.shtml.*{FAILING[name][1]}")


@pytest.mark.parametrize("name", FAILING)
def test_exceptions_with_debug(client: Client, log: ErrorLog, name: str
                               ) -> None:
    text = client.text(f"/debug/{name}.shtml")
    assert text.startswith("a<pre>") and text.endswith("</pre>\nb")
    assert FAILING[name][1] in text
    assert ERROR not in text
    log.expect("MP0400")


def test_head(raw: Connection) -> None:
    raw.request("/large.shtml", "HEAD")
    assert raw.request("/eval.shtml").body == b"2"
