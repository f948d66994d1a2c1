# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Modules of handler directories in a running httpd: which one is taken,
when it is loaded again, and what sys.path is meanwhile."""
from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.tools import concurrently, wait_until

# reloading takes its second, and is the same under every MPM
once = pytest.mark.mpm("event")

WORKERS = ONE  # one interpreter sees all requests

MAIN = """\
import sys
import helper
from mptest import reply

def handler(req):
    return reply(req, [VALUE, helper.value])

def path(req):
    return reply(req, sys.path)

VALUE = {value!r}
"""
SHOW_PATH = """\
import sys
from mptest import reply

def handler(req):
    return reply(req, sys.path)
"""

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
</Directory>
<Directory "${DOCROOT}/a">
    PythonHandler main
</Directory>
<Directory "${DOCROOT}/b">
    PythonHandler main
</Directory>
<Directory "${DOCROOT}/work">
    PythonHandler work
    <Files debug>
        PythonDebug On
    </Files>
    <Files off>
        PythonAutoReload Off
        PythonHandler off
    </Files>
    <Files package>
        PythonHandler pkg.mod
    </Files>
    <Files pair>
        PythonHandler first second
    </Files>
</Directory>
<Directory "${DOCROOT}/path-1">
    PythonHandler show1
</Directory>
<Directory "${DOCROOT}/path-2">
    PythonHandler show2
</Directory>
<Directory "${DOCROOT}/own-path">
    PythonHandler show3
    PythonPath "['${DOCROOT}/lib'] + sys.path"
</Directory>
<Directory "${DOCROOT}/other-path">
    PythonHandler show3
    PythonPath "sys.path + ['${DOCROOT}/lib']"
</Directory>
<Directory "${DOCROOT}/bad-path">
    PythonHandler show3
    PythonPath "[5]"
</Directory>
<Location /location>
    PythonHandler mptest::evaluate
</Location>
<Location /-eval>
    PythonHandler mptest::evaluate
</Location>
"""


def configure(env: Env) -> None:
    for name in "ab":
        env.write(f"{name}/main.py", MAIN.format(value=name))
        env.write(f"{name}/helper.py", f"value = 'helper of {name}'")
    for number in (1, 2):
        env.write(f"path-{number}/show{number}.py", SHOW_PATH)
    env.write("lib/show3.py", SHOW_PATH)
    env.write("own-path/show3.py", "def handler(req): return 501")
    for name in ("work", "other-path", "bad-path"):
        env.directory(str(env.docroot / name))


def put(env: Env, name: str, text: str, keep: bool = False) -> Path:
    """Writes a module at once, as deployments do; keep: not its mtime."""
    path = env.docroot / name
    before = path.stat().st_mtime_ns if path.exists() else None
    new = env.write(name + ".new", text)
    if before is not None and not keep:
        os.utime(new, ns=(before, before + 10**6))
    new.replace(path)
    return path


def simple(value: Any, more: str = "") -> str:
    return (f"{more}\nfrom mptest import reply\n"
            f"def handler(req):\n    return reply(req, {value})\n")


def becomes(client: Client, path: str, value: Any) -> None:
    """Within the second that may pass, and a little."""
    def is_value() -> bool:
        found: Any = client.json(path)
        client.close()  # prefork's only child is for others too
        return bool(found == value)

    wait_until(is_value, 4.0)


# -- which module ---------------------------------------------------------------


def test_two_directories(client: Client) -> None:
    for name in "abab":
        assert client.json(f"/{name}/x") == [name, f"helper of {name}"]
    assert client.eval("req.interpreter") == "localhost"


def test_htaccess(client: Client, env: Env) -> None:
    for name in ("h1", "h2"):
        env.write(f"{name}/.htaccess", "PythonHandler main")
        env.write(f"{name}/main.py", MAIN.format(value=name))
        env.write(f"{name}/helper.py", f"value = {name!r}")
    for name in ("h1", "h2", "h1"):
        assert client.json(f"/{name}/x") == [name, name]


HOOKED = """import builtins
import timeit
import traceback
import warnings
from mptest import raised, reply

def handler(req):
    names = {"__name__": "plain"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("import old", "/plain.py", "exec"), names)
    try:
        exec(compile("import nothing", "/plain.py", "exec"), names)
    except ImportError:
        text = traceback.format_exc()
    time = timeit.timeit("import os", number=1000)
    return reply(req, [
        [one.filename for one in caught], "mod_python" in text,
        __import__("beside", globals()).__name__,
        __import__("beside", globals=globals(), level=0).__name__,
        raised(__import__),
        builtins.__import__.__name__, time < 0.01])
"""


def test_import_hook(client: Client, env: Env) -> None:
    """Others' imports are not disturbed by ours."""
    env.write("lib/old.py", "import warnings\n"
              "warnings.warn('old', DeprecationWarning, stacklevel=2)")
    env.write("hooked/.htaccess", "PythonHandler hooked\n"
              f"PythonPath \"sys.path + ['{env.docroot}/lib']\"")
    env.write("lib/hooked.py", HOOKED)
    env.write("lib/beside.py", "")
    found = client.json("/hooked/x")
    assert found[:4] == [["/plain.py"], False, "beside", "beside"]
    assert found[4].startswith("TypeError: __import__() ")
    assert found[5:] == ["__import__", True]


def test_import_module(client: Client, env: Env) -> None:
    env.write("imp/.htaccess", "PythonHandler imp")
    env.write("imp/sub/one.py", "value = 'one'")
    env.write("imp/two.py", "value = 'two'")
    env.write("lib/three.py", "value = 'three'")
    env.write("imp/imp.py", f"""
from mod_python import apache
from mptest import raised, reply

def handler(req):
    load = apache.import_module
    return reply(req, [
        load("two").value, load("./sub/one.py").value,
        load("~/two.py").value, load("three", path=[{str(env.docroot)!r} +
                                                    "/lib"]).value,
        load("two") is load("./two.py"),
        raised(load, "two", path="/nowhere"), apache.get_handler_root()])
""")
    *values, error, root = client.json("/imp/x")
    assert values == ["two", "one", "two", "three", True]
    assert error.startswith("ModuleNotFoundError: No module named 'two' "
                            "(looked in /nowhere/)")
    assert root == f"{env.docroot}/imp/"


# -- sys.path --------------------------------------------------------------------


def test_directories_are_prepended_once(client: Client, env: Env) -> None:
    for _ in range(2):
        for number in (1, 2):
            found = client.json(f"/path-{number}/x")
            assert f"{env.docroot}/path-{number}/" in found
            plain = [one.rstrip("/") for one in found]
            assert len(plain) == len(set(plain))


def test_location_prepends_nothing(client: Client, env: Env) -> None:
    found = client.eval("__import__('sys').path", "")
    assert str(env.docroot) not in [one.rstrip("/") for one in found]


def test_python_path(client: Client, env: Env) -> None:
    """It is exact, whatever other handlers of the interpreter do."""
    lib = f"{env.docroot}/lib"
    client.json("/path-1/x")
    first = client.json("/own-path/x")
    assert first[0] == lib
    assert f"{env.docroot}/path-1/" not in first
    assert f"{env.docroot}/own-path/" not in first
    last = client.json("/other-path/x")
    assert last == [*first[1:], lib]
    for _ in range(3):
        assert f"{env.docroot}/path-1/" in client.json("/path-1/x")
        assert client.json("/own-path/x") == first
        assert client.json("/other-path/x") == last


def test_bad_python_path(client: Client, log: ErrorLog) -> None:
    for count in (1, 2):
        assert client.get("/bad-path/x").status_code == 500
        log.expect("PythonPath: 5 is of type int", count * 2)


# -- reload ------------------------------------------------------------------------


def test_reload(client: Client, env: Env) -> None:
    put(env, "work/work.py", simple(1))
    assert client.json("/work/x") == 1
    for value in (2, 3):  # same size, nearly the same time: no .pyc helps
        put(env, "work/work.py", simple(value))
        becomes(client, "/work/x", value)


@once
def test_reload_of_what_it_imports(client: Client, env: Env) -> None:
    put(env, "work/leaf.py", "value = 1")
    put(env, "work/middle.py", "from leaf import value")
    put(env, "work/work.py", simple("value", "from middle import value"))
    becomes(client, "/work/x", 1)
    put(env, "work/leaf.py", "value = 2")
    becomes(client, "/work/x", 2)


@once
def test_reload_of_an_import_in_a_function(client: Client, env: Env) -> None:
    put(env, "work/late.py", "value = 1")
    put(env, "work/work.py", "from mptest import reply\n"
        "def handler(req):\n    import late\n"
        "    return reply(req, late.value)\n")
    becomes(client, "/work/x", 1)
    put(env, "work/late.py", "value = 2")
    becomes(client, "/work/x", 2)


def test_error_and_recovery(client: Client, env: Env, log: ErrorLog) -> None:
    put(env, "work/work.py", simple(1))
    becomes(client, "/work/x", 1)
    put(env, "work/work.py", "def handler(:")
    wait_until(lambda: client.get("/work/x").status_code == 500, 4.0)
    before = len(log.expect("MP0400: PythonHandler work: .*SyntaxError"))
    assert client.get("/work/x").status_code == 500
    log.expect("MP0400: PythonHandler work: .*SyntaxError", before + 1)
    put(env, "work/work.py", simple(2))
    wait_until(lambda: client.get("/work/x").status_code == 200, 4.0)
    assert client.json("/work/x") == 2


@once
def test_error_in_what_it_imports(client: Client, env: Env,
                                  log: ErrorLog) -> None:
    log.allow("MP0400")
    put(env, "work/leaf2.py", "value = 1 / 0")
    put(env, "work/work.py", simple("leaf2.value", "import leaf2"))
    wait_until(lambda: client.get("/work/x").status_code == 500, 4.0)
    put(env, "work/leaf2.py", "value = 7")
    wait_until(lambda: client.get("/work/x").status_code == 200, 4.0)
    assert client.json("/work/x") == 7


@once
def test_auto_reload_off(client: Client, env: Env) -> None:
    put(env, "work/off.py", simple(1))
    put(env, "work/work.py", simple(1))
    assert client.json("/work/off") == 1
    becomes(client, "/work/x", 1)
    put(env, "work/off.py", simple(2))
    put(env, "work/work.py", simple(2))
    becomes(client, "/work/x", 2)  # so more than a second has passed
    assert client.json("/work/off") == 1


@once
def test_state_is_carried_over(client: Client, env: Env) -> None:
    text = """
calls = []
gone = []
def __mp_clone__(new):
    new.calls, new.gone = calls, gone
def __mp_purge__():
    gone.append({value})
"""
    def program(value: int) -> str:
        return simple(f"[{value}, calls.append(1) or len(calls), gone]",
                      text.format(value=value))

    put(env, "work/work.py", simple([0]))
    becomes(client, "/work/x", [0])
    put(env, "work/work.py", program(1))
    wait_until(lambda: client.json("/work/x")[0] == 1, 4.0)
    calls = client.json("/work/x")[1]
    put(env, "work/work.py", program(2))
    wait_until(lambda: client.json("/work/x")[0] == 2, 4.0)
    _, more, gone = client.json("/work/x")
    assert more > calls
    assert gone == [1]


@once
def test_notices(client: Client, env: Env, log: ErrorLog) -> None:
    put(env, "work/work.py", simple("'first'"))
    becomes(client, "/work/debug", "first")
    position = log.mark()
    put(env, "work/work.py", simple("'second'"))
    becomes(client, "/work/debug", "second")
    [line] = log.wait(r"mod_python: \(Re\)importing module 'work'",
                      since=position)
    assert line.level == "notice"
    position = log.mark()
    put(env, "work/work.py", simple("'third'"))
    becomes(client, "/work/x", "third")
    assert not log.records("importing", since=position)


@once
def test_module_of_a_package(client: Client, env: Env) -> None:
    env.write("work/pkg/__init__.py", "")
    env.write("work/pkg/part.py", "value = 1")
    put(env, "work/pkg/mod.py", simple("[value, 1]",
                                       "from .part import value"))
    assert client.json("/work/package") == [1, 1]
    put(env, "work/pkg/part.py", "value = 2")
    put(env, "work/pkg/mod.py", simple("[value, 2]",
                                       "from .part import value"))
    becomes(client, "/work/package", [1, 2])


def test_edits_under_load(httpd: Httpd, env: Env) -> None:
    """Whatever is edited when: no request sees half a module, and values go
    forward only."""
    def program(value: int) -> str:
        return simple("[shared.value, VALUE]", "import shared\n"
                      f"VALUE = {value}")

    put(env, "work/shared.py", "value = 0")
    put(env, "work/first.py", "import second\ndef handler(req): return 0")
    put(env, "work/second.py", program(0))
    done = threading.Event()

    def edit() -> int:
        with Client(httpd.port()) as client:
            for value in range(1, 4):
                put(env, "work/shared.py", f"value = {value}")
                put(env, "work/second.py", program(value))
                becomes(client, "/work/pair", [value, value])
        return 1

    def ask(number: int) -> int:
        if number == 0:
            try:
                return edit()
            finally:
                done.set()
        count, last = 0, [0, 0]
        while not done.is_set():
            # prefork's only child serves one connection at a time
            with Client(httpd.port()) as client:
                found = client.json("/work/pair")
            assert max(found) <= 3
            assert found[1] >= last[1]
            last = found
            count += 1
        return count

    assert all(concurrently(ask, 4))


@pytest.mark.parametrize("name", ["json", "os"])
def test_installed_modules_are_left_alone(client: Client, name: str) -> None:
    assert client.eval(f"type(__import__({name!r}).__loader__).__name__"
                       ) != "Loader"
