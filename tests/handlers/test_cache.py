# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Handlers that keep things in caches of their own."""
import time

from mod_python import apache, cache
from mptest import by_path, reply

_calls = []


def _slow(name):
    """What is worth keeping; tells how often it ran."""
    _calls.append(name)
    time.sleep(0.05)
    return f"{name} {_calls.count(name)}"


_functions = cache.FunctionCache(_slow, 3)
_files = cache.FileCache(10, "r")
_modules = cache.ModuleCache()
_resources = cache.HTTPCache(timeout=5)
_remote_modules = cache.HttpModuleCache(timeout=5)


def function(req):
    return reply(req, [_functions(req.args), len(_functions)])


def file(req):
    return reply(req, _files[req.document_root() + "/" + req.args])


def module(req):
    made = _modules[req.document_root() + "/" + req.args]
    return reply(req, [made.__name__, made.__file__, made.x])


def http(req):
    entity = _resources[req.args]
    return reply(req, [entity.entity, entity.metadata])


def http_module(req):
    return reply(req, _remote_modules[req.args].x)


def forget(req):
    for one in (_functions, _files, _modules, _resources, _remote_modules):
        one.clear()
    _calls.clear()
    return apache.OK


handler = by_path(globals())
