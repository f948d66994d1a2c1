# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Published by the tests: a module as careless as modules are.

What nobody may see says S3CRET; what nobody may run writes the file named
by MARK.
"""
from __future__ import annotations

import functools
import itertools
import logging
import operator
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
import types
import weakref
from collections import namedtuple
from os import getcwd, system
from os.path import join
from pathlib import Path
from shutil import copyfile, rmtree
from subprocess import check_output, run
from types import SimpleNamespace
from typing import Any, Dict, List, Optional

import _apache

from mod_python import Session as sessions
from mod_python import apache, publisher, util
from mod_python.publisher import publish_object
from mod_python.Session import Session
from mod_python.util import FieldStorage, apply_fs_data, redirect

MARK = os.path.join(os.path.dirname(__file__), "mark")

_password = "S3CRET"
__secret = "S3CRET"
__all__ = ["S3CRET"]


def index():
    return "index"


def page(req, name="nobody", _hidden="x"):
    """S3CRET docstring"""
    password = "S3CRET constant"
    del password
    return "page " + name


def forbidden():
    __access__ = 0
    Path(MARK).touch()
    return "S3CRET"


def _private():
    Path(MARK).touch()
    return "S3CRET"


def closure():
    secret = "S3CRET"

    def inner():
        return len(secret)
    return inner


counter = closure()
lambda_page = lambda: "lambda"  # noqa: E731


class Store:
    """S3CRET docstring of the class"""
    _table = "S3CRET"
    __mangled = "S3CRET"
    title = "title"

    def __init__(self):
        self._password = "S3CRET"
        self.table = {"S3CRET": "S3CRET"}
        self.items = ["S3CRET"]
        self.os = os
        self.kind = Store
        self.log = logging.getLogger("store")
        self.root = pathlib.Path(__file__).parent
        self.lock = threading.Lock()
        self.method = self._hidden
        self.parent = None

    def _hidden(self):
        return "hidden"

    def public(self):
        return "public"

    @property
    def prop(self):
        return self

    def __delete__(self, instance):
        Path(MARK).touch()


class Locked(Store):
    __access__ = ("joe",)

    def touch(self):
        Path(MARK).touch()


class Worker(threading.Thread):
    def run(self):
        Path(MARK).touch()


store = Store()
locked = Locked()
worker = Worker()
log = logging.getLogger("index")
info = log.info
base = Path(__file__).parent
lock = threading.Lock()
event = threading.Event()
here = threading.local()
database = sqlite3.connect(":memory:", check_same_thread=False)
runner = functools.partial(run, [sys.executable, "-c", ""])
cached_run = functools.lru_cache(run)
touching = functools.partial(Path.touch, Path(MARK))
getter = operator.attrgetter("__globals__")
caller = operator.methodcaller("touch")
reference = weakref.ref(store)
proxy = weakref.proxy(store)
Pair = namedtuple("Pair", "a b")
pair = Pair(1, 2)
space = SimpleNamespace(x="x", os=os, _y="S3CRET", run=run)
generator = (n for n in "S3CRET")
counted = itertools.count()
module = types.ModuleType("module")
module.secret = "S3CRET"
nothing = None
text = "text"
number = 5
data = {"S3CRET": "S3CRET"}
frame = sys._getframe()
code = page.__code__
stream = sys.stderr
environ = os.environ
server = apache.main_server
print_it = print
open_it = open
evaluate = eval
