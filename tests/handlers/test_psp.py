# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that make PSP objects, and look into the caches of pages."""
import pathlib

from mod_python import Session, _psp_cache, apache, psp
from mptest import by_path, raised, reply


class Vars(dict):
    """Variables of a subclass."""


def do_objects(req):
    """Several pages one after the other, in one response."""
    req.content_type = "text/plain; charset=UTF-8"
    req.filename = req.document_root() + "/objects/page.psp"
    psp.PSP(req, vars={"x": 1}).run()
    psp.PSP(req, vars={"x": 1}).run({"x": 2})
    psp.PSP(req, "sub/other.psp", vars=Vars(x=3)).run()
    psp.PSP(req, pathlib.Path("page.psp"), vars={"x": 4}).run(flush=1)
    psp.PSP(req, filename=req.filename, vars={"x": 5}).run()
    psp.PSP(req, string="[<%= x %>]", vars={"x": 6}).run()
    psp.PSP(req, string=b"[\xff<%= x %>]", vars={"x": "\u00e4"}).run()
    psp.PSP(req, string="<%@ include file='page.psp' %>", vars={"x": 8}).run()
    req.write(str(psp.PSP(req, string="str")), 0)
    template = psp.PSP(req, string="<%= n %>,")
    for n in range(3):
        template.run({"n": n})
    return apache.OK


def do_same_vars(req):
    """What a page does to its names stays in the page."""
    names = {"x": 1, "things": []}
    page = psp.PSP(req, string="<% x = 2\ny = 3\nthings.append(x) %>",
                   vars=names)
    page.run()
    page.run()
    return reply(req, [names, hasattr(psp, "y"), hasattr(psp, "x")])


def do_refused(req):
    req.filename = req.document_root() + "/objects/page.psp"
    return reply(req, [
        raised(psp.PSP, req, "a", "b"),
        raised(psp.PSP, req, filename="none.psp"),
        raised(psp.PSP, req, filename="sub"),
        raised(psp.PSP, req, filename="page.psp/x"),
        raised(psp.PSP, req, filename="a\0b"),
    ])


def do_display(req):
    req.filename = req.document_root() + "/objects/page.psp"
    return reply(req, [psp.PSP(req).display_code(),
                       psp.PSP(req, string="<b><%= 1 %>").display_code()])


def do_parse(req):
    directory = req.document_root() + "/objects/"
    return reply(req, [psp.parse(directory + "page.psp"),
                       psp.parse("page.psp", directory),
                       psp.parsestring("\u00e4<%= x %>"),
                       psp.parsestring("\u00e4<%= x %>".encode()),
                       psp.parsestring("")])


def do_own_session(req):
    """A session of the handler's is the page's, and stays the handler's."""
    req.session = Session.Session(req)
    psp.PSP(req, string="<% session['from page'] = 1 %>").run()
    text = sorted(req.session)
    req.session.delete()
    req.session.unlock()
    return reply(req, text)


def do_own_form(req):
    req.form = {"a": "the handler's"}
    psp.PSP(req, string="<%= form['a'] %>").run()
    return apache.OK


def do_redirect_late(req):
    page = psp.PSP(req, string="text<% req.flush()\npsp.redirect('/x') %>")
    try:
        page.run()
    except OSError as error:
        req.write("|" + str(error))
    return apache.OK


def do_compiled(req):
    """How many pages were compiled in this process since it began to count;
    ?clear empties the cache in memory."""
    if not hasattr(_psp_cache, "counted"):
        _psp_cache.counted = []
        original = _psp_cache._compile_file

        def compile_file(filename):
            _psp_cache.counted.append(filename)
            return original(filename)

        _psp_cache._compile_file = compile_file
    if req.args == "clear":
        _psp_cache.files = _psp_cache.Cache()
    return reply(req, len(_psp_cache.counted))


def do_sizes(req):
    """Runs as many pages as are asked for; how many are kept then."""
    for number in range(int(req.args)):
        psp.PSP(req, string=f"<% n = {number} %>").run()
    return reply(req, [len(_psp_cache.strings), _psp_cache.ENTRIES])


handler = by_path(globals())
