# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What the documentation shows is what happens: README.md, docs/**/*.md.

A page is run from top to bottom against a real httpd (event). A fenced block
is what its info string says:

    python hello.py     a file of the site, here hello.py; the second word is
                        its name relative to /srv/site, whatever the first
                        one is (html page.psp, apache reports/.htaccess)
    python              is compiled only
    apache              configuration of the server
    console             "$ command", then its expected output, `...` in it
                        being anything, as in doctest; a line that ends with
                        a backslash goes on in the next one. Commands are
                        curl and those of harness.docs.COMMANDS, stderr is
                        part of the output, curl is silent and without proxy
    log                 lines (parts of lines, with `...`) that the error log
                        has got, in this order; a message from warn upwards
                        that no page mentions fails the test
    anything else       (sh, text, apacheconf, ini ...) is only read by people

/srv/site stands for the folder that the page's files are in. It is the
DocumentRoot, access to it is granted, AllowOverride is All, and httpd may
write into /srv/site/var. Port 8080 is the server's, 8081 to 8089 are further
ones; all are listened on ("Listen 8080" may stand there, and is left out).

All files of a page are in one folder, whatever heading they stand under; one
of the same name replaces the one before. The first `apache` block under a
heading 2 begins a new server, further blocks under that heading add to it. A
heading 2 without such a block goes on with the server before it. A server
starts with the first console block after its configuration; a configuration
without console block is checked by httpd -t. Servers have one child.

Comments on lines of their own, anywhere on the page, say what is needed:

    <!-- modules: ssl proxy -->     modules of httpd beyond the usual ones of
                                    harness/conf.py; no LoadModule is needed
    <!-- packages: multipart -->    packages from PyPI; with redis there is a
                                    server at localhost:6379
    <!-- python: 3.13 -->           the oldest CPython that can do it
"""
from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.build import SOURCE
from harness.conf import ONE
from harness.docs import Page, Runner, difference
from harness.httpd import Httpd
from harness.packages import add_packages
from harness.redis import Redis

PAGES = [path for path in [SOURCE / "README.md",
                           *sorted((SOURCE / "docs").rglob("*.md"))]
         if Page.read(path).blocks]

MakeHttpd = Callable[..., Httpd]


@pytest.mark.mpm("event")
@pytest.mark.parametrize(
    "path", PAGES, ids=[str(path.relative_to(SOURCE)) for path in PAGES])
def test_page(path, make_httpd: MakeHttpd) -> None:
    page = Page.read(path)
    server = make_httpd(modules=page.modules, workers=ONE)
    for version in page.python:
        assert server.env.build is not None
        server.env.build.needs_python(*map(int, version.split(".")),
                                      what="what this page is about")
    add_packages(server.env, *page.packages)
    if "redis" not in page.packages:
        Runner(page, server).run()
        return
    program = Redis.find()
    if program is None:
        pytest.skip("redis-server is not installed")
    redis = Redis(program)
    redis.start()
    try:
        Runner(page, server, redis=redis.port).run()
    finally:
        server.stop()  # while its sessions still have their store
        redis.remove()


def test_what_is_compared() -> None:
    assert not difference("a\n", "a")
    assert not difference("a...c\n\n", "abc \n")
    assert not difference("a\n...\n", "a\n")
    assert difference("a\n", "b\n") == "expected:\na\ngot:\nb\n"
    assert difference("", "b")


WRONG = {
    "output": ("```console\n$ echo a\nb\n```\n", "page.md:2: "),
    "command": ("```console\n$ rm x\n```\n", "rm is not run by the tests"),
    "no command": ("```console\nb\n```\n", "without \\$"),
    "configuration": ("```apache\nPythonDebug Maybe\n```\n", "On or Off"),
    "log": ("```apache\n# none\n```\n```console\n$ echo a\na\n```\n"
            "```log\nMP9999\n```\n",
            "page.md:9: "),
    "end": ("```python\n", "does not end"),
}


@pytest.mark.mpm("event")
@pytest.mark.parametrize("text, problem", WRONG.values(), ids=WRONG)
def test_wrong_page(text: str, problem: str, tmp_path,
                    make_httpd: MakeHttpd) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(AssertionError, match=problem):
        Runner(Page.read(tmp_path / "page.md"), make_httpd(workers=ONE),
               patience=0.1).run()


@pytest.mark.mpm("event")
def test_wrong_python(tmp_path, make_httpd: MakeHttpd) -> None:
    (tmp_path / "page.md").write_text("```python\nif:\n```\n")
    with pytest.raises(SyntaxError):
        Runner(Page.read(tmp_path / "page.md"), make_httpd(workers=ONE)).run()
