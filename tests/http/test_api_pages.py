# Licensed under the Apache License, Version 2.0; see LICENSE.
"""docs/api about httpd's objects is what the docstrings and the stub say.

MP_WRITE=1 writes the pages (make api).
"""
from __future__ import annotations

import os

import pytest

from harness.apidoc import PAGES, TYPES, page
from harness.client import Client
from harness.conf import EVAL
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = EXECUTE + EVAL

DESCRIBE = """
import inspect
result = {}
types = [getattr(_apache, name) for name in dir(_apache)
         if isinstance(getattr(_apache, name), type)]
for one in [*types, type(req), type(req.server), type(req.connection),
            type(req.finfo), type(req.hlist)]:
    result[one.__name__] = {"": one.__doc__ or "", **{
        name: value.__doc__ or "" for name, value in vars(one).items()
        if not name.startswith("_")}}
"""


@pytest.mark.mpm("event")
@pytest.mark.parametrize("name", TYPES)
def test_page(client: Client, name: str) -> None:
    text = page(name, run(client, DESCRIBE))
    file = PAGES / f"{name}.md"
    if os.environ.get("MP_WRITE"):
        file.write_text(text)
    assert file.read_text() == text, "make api writes the page anew"
