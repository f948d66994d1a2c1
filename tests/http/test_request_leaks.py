# SPDX-License-Identifier: Apache-2.0
"""Requests leave no Python objects and no memory behind, whatever happened
to them."""
from __future__ import annotations

import itertools
from urllib.parse import quote

import pytest

from harness import sanitizer
from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.load import Line, request
from harness.log import ErrorLog

WORKERS = ONE
HANDLERS = ["test_request_read", "test_request_write", "test_request_http",
            "test_filter_output", "test_filter_input"]
OUTPUT = ["upper", "raises", "returns", "portions", "closes", "disables"]
INPUT = ["upper", "raises", "returns", "triples", "closes", "disables"]

CONFIG = """\
<Directory "${DOCROOT}">
    Options +Includes
    SetHandler mod_python
    PythonHandler test_request_leaks
    LimitRequestBody 100000
</Directory>
<LocationMatch "[.]shtml$">
    SetHandler none
    SetOutputFilter INCLUDES
</LocationMatch>
""" + "".join(f"""\
Python{way}Filter test_filter_{way.lower()}::{name} {way}-{name}
<LocationMatch "/{way}-{name}$">
    Set{way}Filter {way}-{name}
</LocationMatch>
""" for way, names in (("Output", OUTPUT), ("Input", INPUT))
                    for name in names)

PATHS = {
    "read": "/request_read/read", "mixture": "/request_read/mixture",
    "lines": "/request_read/lines", "into": "/request_read/into?100",
    "too much": "/request_read/outcome/large",
    "discard": "/request_read/discard",
    "write": "/request_write/arguments",
    "much": "/request_write/pieces?9000,30,0",
    "text": "/request_write/literal?" + quote("'\u20ac' * 10000"),
    "file": "/request_write/file?" + quote("'/etc/passwd', 3"),
    "no file": "/request_write/file_error?" + quote("'/missing'"),
    "redirect": "/request_http/conditions", "allow": "/request_http/allow",
    "basic": "/request_http/basic", "cgi": "/request_http/cgi",
    "environ": "/request_http/environ",
    "start": "/request_http/start?" + quote(
        "('404 No', [('X-A', 'b'), ('X-A', 'c')])"),
    "start twice": "/request_http/start_twice",
    "start badly": "/request_http/start_error?" + quote("('200', [('a', 1)])"),
    "registered": "/filter_output/registered?local,upper2",
    "include": "/page.shtml", "bad include": "/bad.shtml",
    **{f"output {name}": f"/filter_output/pieces/Output-{name}?403"
       for name in OUTPUT},
    **{f"input {name}": f"/filter_input/fails/Input-{name}?403"
       for name in INPUT},
}


def configure(env: Env) -> None:
    env.write("page.shtml", '<!--#python exec="x = [1]" -->'
                            '<!--#python eval="x" -->')
    env.write("bad.shtml", '<!--#python eval="1/0" -->')


@pytest.mark.mpm("event")
@pytest.mark.parametrize("name", PATHS)
def test_nothing_is_left(client: Client, log: ErrorLog, name: str) -> None:
    body = b"some body\n" * (20_000 if name == "too much" else 100)
    data = request(PATHS[name], "POST", body)
    line = Line(client.port)

    def count(requests: int) -> tuple[int, int]:
        for _ in range(requests):
            line.ask(data)
        blocks, pages = client.json("/count")
        return blocks, pages

    count(200)
    counts = [count(200) for _ in range(3)]
    line.close()
    log.allow("MP0400|MP0340")
    log.allow("closed: ")
    blocks = [after[0] - before[0]
              for before, after in itertools.pairwise(counts)]
    assert min(blocks) < 100, counts
    if not sanitizer.wanted():  # one keeps freed memory
        assert counts[2][1] - counts[0][1] < 250, counts
