# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Finding modules: names, paths, collisions, packages."""
from __future__ import annotations

import builtins
import sys
import textwrap
from typing import Any

import pytest
from dispatch_fakes import Package


def test_name_in_the_handlers_directory(package: Package) -> None:
    path = package.write("one.py", "value = 1")
    module = package.load("one")
    assert module.value == 1
    assert module.__name__ == "one"
    assert module.__file__ == str(path)
    assert module.__package__ == ""
    assert sys.modules["one"] is module
    assert package.load("one") is module


def test_two_directories_do_not_collide(package: Package) -> None:
    package.write("a/same.py", "value = 'a'")
    package.write("b/same.py", "value = 'b'")
    first, second = package.load("same", "a"), package.load("same", "b")
    assert (first.value, second.value) == ("a", "b")
    assert second.__name__ == "same"
    assert sys.modules["same"] is first
    assert package.load("same", "a") is first
    assert package.load("same", "b") is second


def test_import_statement_looks_beside_the_module(package: Package) -> None:
    for one in "ab":
        package.write(f"{one}/helper.py", f"value = {one!r}")
        package.write(f"{one}/main.py", "import helper\n"
                      "from helper import value\n"
                      "import helper as again\n"
                      "assert again is helper")
    assert package.load("main", "b").value == "b"
    assert package.load("main", "a").value == "a"
    assert package.load("main", "a").helper.value == "a"


def test_import_in_a_function(package: Package) -> None:
    for one in "ab":
        package.write(f"{one}/helper.py", f"value = {one!r}")
        package.write(f"{one}/main.py", "def handler(req):\n"
                      "    import helper\n"
                      "    return helper.value")
    assert package.load("main", "a").handler(None) == "a"
    assert package.load("main", "b").handler(None) == "b"


def test_one_file_is_one_module(package: Package) -> None:
    path = package.write("one.py", "")
    module = package.load("one")
    assert package.load(str(path)) is module
    assert package.load("./one.py") is module
    package.write("other.py", "import one")
    assert package.load("other").one is module
    exec("import one", names := {})
    assert names["one"] is module


def test_anybodys_import_of_a_covered_file(package: Package) -> None:
    """A package that imports a handler's helper gets the same module."""
    package.write("helper.py", "")
    package.write("pkg/__init__.py", "import helper")
    package.write("main.py", "import pkg, helper\n"
                  "assert pkg.helper is helper")
    module = package.load("main")
    assert package.load("helper") is module.helper
    assert package.record.__name__ == "mod_python._record"
    assert package.loading.record_of(module.helper).version == 1


def test_normal_import_on_sys_path(package: Package) -> None:
    package.write("lib/far.py", "value = 1")
    sys.path.append(package.folder("lib"))
    assert package.load("far", "handlers").value == 1
    import json
    assert package.load("json", "handlers") is json
    assert package.load("sys", "handlers") is sys


def test_a_module_imported_before_is_taken_over(package: Package) -> None:
    package.write("early.py", "value = 1")
    sys.path.append(package.folder())
    import early  # type: ignore[import-not-found]
    assert package.load("early", None) is early
    package.write("early.py", "value = 22")
    package.later()
    assert package.load("early", None).value == 22


@pytest.mark.parametrize("name", ["pkg.mod", "pkg.sub.mod"])
def test_dotted(package: Package, name: str) -> None:
    for file in ("pkg/__init__", "pkg/sub/__init__", "pkg/mod",
                 "pkg/sub/mod"):
        package.write(f"{file}.py", f"value = {file!r}")
    package.write("pkg/mod.py", "from . import sub\n"
                  "from .sub.mod import value")
    module = package.load(name)
    assert module.__name__ == name
    assert module.value == "pkg/sub/mod"
    assert sys.modules[name] is module
    assert sys.modules["pkg"].__file__ == f"{package.folder()}pkg/__init__.py"


def test_package(package: Package) -> None:
    package.write("pkg/__init__.py", "from pkg.mod import value")
    package.write("pkg/mod.py", "value = 3")
    assert package.load("pkg").value == 3


def test_packages_collide_with_an_error(package: Package) -> None:
    for one in "ab":
        package.write(f"{one}/pkg/__init__.py", "")
        package.write(f"{one}/pkg/mod.py", f"value = {one!r}")
    assert package.load("pkg.mod", "a").value == "a"
    with pytest.raises(ImportError, match="PythonInterpreter"):
        package.load("pkg.mod", "b")
    with pytest.raises(ImportError, match="PythonInterpreter"):
        package.load("pkg", "b")


def test_package_beside_a_module_off_the_path(package: Package) -> None:
    package.write("pkg/__init__.py", "value = 1")
    path = package.write("main.py", "import pkg\nfrom pkg import value")
    assert package.load(str(path), None).value == 1
    assert package.folder() not in sys.path


def test_mod_pythons_own_modules(package: Package) -> None:
    assert package.load("mod_python.version") is sys.modules[
        "mod_python.version"]
    assert package.loading.record_of(sys.modules["mod_python.version"]) is None


@pytest.mark.parametrize(("name", "folder", "where"), [
    ("./one.py", "d", "d/one.py"),
    ("../one.py", "d", "one.py"),
    ("~/one.py", "d", "d/one.py"),
    ("~/sub/one.py", "d", "d/sub/one.py"),
])
def test_paths(package: Package, name: str, folder: str, where: str) -> None:
    path = package.write(where, "")
    module = package.load(name, folder)
    assert module.__file__ == str(path)
    assert module.__name__ == "one"


@pytest.mark.parametrize(("name", "folder", "text"), [
    ("~/one.py", None, "directory of the handler"),
    ("./one.py", None, "directory of the directive"),
    ("./one", "", "ends in .py"),
    ("./none.py", "", "there is no module file"),
    ("none", "", "No module named 'none' \\(looked in .*sys.path"),
    ("none.py", "", "did you mean './none.py'"),
    ("none.none", "", "No module named 'none'"),
    ("json.none", "", "No module named 'json.none'"),
    ("one.x", "", "'one' is not a package"),
    ("a/one.py", "", "write './a/one.py'"),
    ("", "", "no module name"),
    ("a..b", "", "no module name"),
])
def test_errors(package: Package, name: str, folder: str | None,
                text: str) -> None:
    package.write("one.py", "")
    with pytest.raises(ImportError, match=text):
        package.load(name, folder)


def test_an_import_error_of_the_module_stays(package: Package) -> None:
    package.write("main.py", "import not_there")
    with pytest.raises(ModuleNotFoundError, match="'not_there'") as caught:
        package.load("main")
    assert caught.value.name == "not_there"


def test_python_path_replaces_the_directory(package: Package) -> None:
    package.write("handlers/main.py", "value = 'handlers'")
    package.write("lib/main.py", "value = 'lib'")
    expression = f"[{package.folder('lib')!r}] + sys.path"
    package.syspath.put(expression)
    module = package.load("main", "handlers", python_path=expression)
    assert module.value == "lib"


def test_two_python_paths_with_modules_of_one_name(package: Package) -> None:
    for one in "ab":
        package.write(f"{one}/main.py", f"value = {one!r}")
    for one in "abab":
        expression = f"[{package.folder(one)!r}] + sys.path"
        package.syspath.put(expression)
        assert package.load("main", None,
                            python_path=expression).value == one


def test_a_new_file_in_the_directory_comes_first(package: Package) -> None:
    package.write("lib/late.py", "value = 'lib'")
    sys.path.append(package.folder("lib"))
    assert package.load("late", "handlers").value == "lib"
    package.write("handlers/late.py", "value = 'handlers'")
    assert package.load("late", "handlers").value == "handlers"


def test_a_deleted_file(package: Package) -> None:
    path = package.write("gone.py", "")
    package.load("gone")
    path.unlink()
    package.later()
    with pytest.raises(ModuleNotFoundError, match="'gone'"):
        package.load("gone")
    package.write("gone.py", "value = 2")
    package.later()
    assert package.load("gone").value == 2


def test_builtins_are_the_real_ones(package: Package,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """As gettext.install() puts a name there."""
    package.write("main.py", "def handler(req):\n    return _('x')")
    module = package.load("main")
    monkeypatch.setattr(builtins, "_", lambda text: text * 2, raising=False)
    assert module.handler(None) == "xx"


def test_dataclass_with_string_annotations(package: Package) -> None:
    """It looks for its module in sys.modules while that is loaded."""
    text = textwrap.dedent("""
        from __future__ import annotations
        from dataclasses import dataclass, InitVar
        @dataclass
        class Point:
            x: int
            y: InitVar[int] = 0
        value = Point(1).x
    """)
    package.write("a/main.py", text)
    package.write("b/main.py", text)
    assert package.load("main", "a").value == 1
    assert package.load("main", "b").value == 1


def test_pickle_of_the_first(package: Package) -> None:
    import pickle
    package.write("main.py", "class Thing: pass")
    module = package.load("main")
    assert type(pickle.loads(pickle.dumps(module.Thing()))) is module.Thing


def test_importlib_reload(package: Package) -> None:
    import importlib
    package.write("main.py", "value = 1")
    module = package.load("main")
    package.write("main.py", "value = 2")
    assert importlib.reload(module).value == 2
    assert package.load("main").value == 2


def test_traceback_shows_source_lines(package: Package) -> None:
    import traceback
    package.write("main.py", "def handler(req):\n    first()")
    with pytest.raises(NameError) as caught:
        package.load("main").handler(None)
    assert "first()" in "".join(traceback.format_exception(caught.value))
    package.write("main.py", "def handler(req):\n    other()")
    package.later()
    with pytest.raises(NameError) as caught:
        package.load("main").handler(None)
    assert "other()" in "".join(traceback.format_exception(caught.value))


def test_site_packages_below_a_handler_directory(package: Package) -> None:
    package.write("venv/lib/site-packages/third.py", "value = 1")
    sys.path.append(package.folder("venv/lib/site-packages"))
    package.write("main.py", "import third")
    module = package.load("main")
    assert package.loading.record_of(module.third) is None


def test_file_with_a_dot_in_its_name(package: Package) -> None:
    path = package.write("a.b.py", "value = 1")
    module = package.load(str(path))
    assert module.value == 1
    assert module.__name__ == "a.b"
    assert "a.b" not in sys.modules


# -- import_module ------------------------------------------------------------


class Request:
    """What import_module asks a request."""

    def __init__(self, directory: str | None, **more: Any) -> None:
        self._directory = directory
        self._python_path = None
        self._auto_reload = True
        self._debug = False
        self.__dict__.update(more)


def test_import_module_in_the_handlers_directory(package: Package) -> None:
    package.write("h/mod.py", "value = 'h'")
    package.httpd.request = Request(package.folder("h"))
    assert package.apache.import_module("mod").value == "h"
    assert package.apache.import_module("~/mod.py").value == "h"


def test_import_module_relative_to_the_caller(package: Package) -> None:
    package.write("lib/mod.py", "value = 'lib'")
    package.write("lib/sub/caller.py", "from mod_python import apache\n"
                  "value = apache.import_module('../mod.py').value")
    package.httpd.request = Request(package.folder("h"))
    assert package.load("~/sub/caller.py", "lib").value == "lib"


def test_import_module_path(package: Package) -> None:
    package.write("p/mod.py", "import beside\nvalue = beside.value")
    package.write("p/beside.py", "value = 'p'")
    package.write("q/pkg/__init__.py", "value = 'q'")
    package.write("h/mod.py", "value = 'h'")
    package.httpd.request = Request(package.folder("h"))
    load = package.apache.import_module
    folders = [package.folder("p"), package.tmp_path / "q"]
    assert load("mod", path=package.folder("p")).value == "p"
    assert load("mod", path=folders).value == "p"
    assert load("pkg", path=folders).value == "q"
    assert load("mod").value == "h"
    with pytest.raises(ImportError, match="No module named 'json'"):
        load("json", path=folders)
    with pytest.raises(ImportError, match=r"No module named 'a\.b'"):
        load("a.b", path=folders)


def test_import_module_defaults(package: Package) -> None:
    package.write("h/mod.py", "value = 1")
    load = package.apache.import_module
    package.httpd.request = Request(package.folder("h"), _auto_reload=False,
                                    _debug=True)
    assert load("mod").value == 1
    assert package.httpd.lines(5) == [
        "mod_python: (Re)importing module 'mod'"]
    package.write("h/mod.py", "value = 22")
    package.later()
    assert load("mod").value == 1
    assert load("mod", autoreload=True, log=False).value == 22
    assert len(package.httpd.lines(5)) == 1


def test_import_module_makes_its_caller_depend(package: Package) -> None:
    package.write("main.py", "from mod_python import apache\n"
                  "other = apache.import_module('./other.py')")
    package.write("other.py", "value = 1")
    assert package.load("main").other.value == 1
    package.write("other.py", "value = 22")
    package.later()
    assert package.load("main").other.value == 22


def test_globals_for_code_beside_a_file(package: Package) -> None:
    package.write("page/helper.py", "value = 5")
    names = package.finder.importing_globals(package.folder("page") + "x.psp")
    exec("from helper import value", names)
    assert names["value"] == 5
    package.write("page/helper.py", "value = 66")
    package.later()
    names = package.finder.importing_globals(package.folder("page") + "x.psp")
    exec("from helper import value", names)
    assert names["value"] == 66
