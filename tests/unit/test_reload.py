# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Loading again: what is noticed, what is replaced, what fails and recovers."""
from __future__ import annotations

import builtins
import os
import sys
import threading
from typing import Any

import pytest
from dispatch_fakes import Package


def test_a_change_is_seen_after_a_second(package: Package) -> None:
    package.write("main.py", "value = 1")
    old = package.load("main")
    package.write("main.py", "value = 22")
    assert package.load("main") is old
    package.later(0.5)
    assert package.load("main") is old
    package.later(0.5)
    new = package.load("main")
    assert (old.value, new.value) == (1, 22)
    assert new is not old
    assert sys.modules["main"] is new
    assert package.httpd.invalidated == 1
    assert package.load("main") is new


def test_unchanged_is_not_loaded_again(package: Package) -> None:
    package.write("main.py", "")
    old = package.load("main")
    for _ in range(3):
        package.later(5)
        assert package.load("main") is old
    assert package.httpd.invalidated == 0


@pytest.mark.parametrize("shift", [-10**9, 1, 10**9])
def test_any_change_of_mtime(package: Package, shift: int) -> None:
    path = package.write("main.py", "value = 1")
    old = package.load("main")
    path.write_text("value = 2")
    time = old.__loader__.stamp[0] + shift
    os.utime(path, ns=(time, time))
    package.later()
    assert package.load("main").value == 2


def test_change_of_size_alone(package: Package) -> None:
    path = package.write("main.py", "value = 1")
    time = package.load("main").__loader__.stamp[0]
    path.write_text("value = 22")
    os.utime(path, ns=(time, time))
    package.later()
    assert package.load("main").value == 22


def test_no_pyc_files(package: Package) -> None:
    """Their times are whole seconds: an edit in the same second is lost."""
    path = package.write("main.py", "value = 1")
    package.load("main")
    path.write_text("value = 2")
    time = 10**18 + 5000  # the same second, the same size
    os.utime(path, ns=(time, time))
    package.later()
    assert package.load("main").value == 2
    assert not (package.tmp_path / "__pycache__").exists()


def test_auto_reload_off(package: Package) -> None:
    package.write("main.py", "value = 1")
    package.load("main", auto_reload=False)
    package.write("main.py", "value = 22")
    package.later(100)
    assert package.load("main", auto_reload=False).value == 1


def test_importers_reload_too(package: Package) -> None:
    package.write("main.py", "from middle import value")
    package.write("middle.py", "from leaf import value\nimport still")
    package.write("leaf.py", "value = 1")
    package.write("still.py", "")
    package.write("other.py", "from leaf import value")
    assert package.load("main").value == 1
    assert package.load("other").value == 1
    still = sys.modules["still"]
    package.write("leaf.py", "value = 22")
    package.later()
    assert package.load("main").value == 22
    assert sys.modules["middle"].value == 22
    assert sys.modules["still"] is still
    assert package.load("other").value == 22


def test_every_importer_only_once(package: Package) -> None:
    package.write("main.py", "import left, right")
    package.write("left.py", "import leaf")
    package.write("right.py", "import leaf")
    package.write("leaf.py", "value = 1")
    package.load("main")
    package.write("leaf.py", "value = 22")
    package.later()
    main = package.load("main", log=True)
    assert main.left.leaf is main.right.leaf
    names = [line.rpartition(" ")[2] for line in package.httpd.lines(5)]
    assert sorted(names) == ["'leaf'", "'left'", "'main'", "'right'"]
    assert package.load("leaf") is main.left.leaf


def test_import_in_a_function_counts(package: Package) -> None:
    package.write("main.py", "def handler():\n"
                  "    import leaf\n    return leaf.value\n")
    package.write("leaf.py", "value = 1")
    main = package.load("main")
    assert main.handler() == 1
    for value in (22, 333):
        package.write("leaf.py", f"value = {value}")
        package.later()
        again = package.load("main")
        assert again is not main
        assert again.handler() == value
        main = again


def test_running_code_keeps_the_old_module(package: Package) -> None:
    package.write("main.py", "import leaf\ndef handler():\n"
                  "    return leaf.value")
    package.write("leaf.py", "value = 1")
    old = package.load("main")
    package.write("leaf.py", "value = 22")
    package.later()
    assert package.load("main").handler() == 22
    assert old.handler() == 1


def test_a_dependency_no_longer_imported(package: Package) -> None:
    package.write("main.py", "import leaf")
    package.write("leaf.py", "")
    package.load("main")
    package.write("main.py", "value = 1")
    package.later()
    main = package.load("main")
    package.write("leaf.py", "raise ValueError('bad')")
    package.later()
    assert package.load("main") is main


def test_only_named_modules_of_packages(package: Package) -> None:
    package.write("pkg/__init__.py", "value = 1")
    package.write("pkg/named.py", "from . import plain\nfrom pkg import value")
    package.write("pkg/plain.py", "value = 1")
    named = package.load("pkg.named")
    plain = sys.modules["pkg.plain"]
    for name in ("pkg/__init__", "pkg/plain"):
        package.write(f"{name}.py", "value = 22")
    package.later()
    assert package.load("pkg.named") is named
    package.write("pkg/named.py", "from . import plain\nnew = 1")
    package.later()
    named = package.load("pkg.named")
    assert named.new == 1
    assert named.plain is plain
    assert sys.modules["pkg.named"] is named
    assert sys.modules["pkg"].named is named


def test_a_package_itself(package: Package) -> None:
    package.write("pkg/__init__.py", "import pkg.mod\nvalue = 1")
    package.write("pkg/mod.py", "")
    old = package.load("pkg")
    package.write("pkg/__init__.py", "import pkg.mod\nvalue = pkg.mod")
    package.later()
    new = package.load("pkg")
    assert new is not old
    assert new.value is new.mod is sys.modules["pkg.mod"]


def test_importer_of_a_named_module_of_a_package(package: Package) -> None:
    package.write("pkg/__init__.py", "")
    package.write("pkg/named.py", "value = 1")
    package.write("pkg/second.py", "from .named import value")
    package.write("main.py", "from pkg import named")
    package.write("also.py", "import pkg.named")
    package.load("pkg.named")
    package.load("pkg.second")
    package.load("main")
    package.load("also")
    package.write("pkg/named.py", "value = 22")
    package.later()
    assert package.load("main").named.value == 22
    assert package.load("pkg.second").value == 22
    assert package.load("also").pkg.named.value == 22


def test_installed_modules_stay(package: Package) -> None:
    package.write("venv/site-packages/third.py", "value = 1")
    package.write("main.py", "import third\nvalue = third.value")
    sys.path.append(package.folder("venv/site-packages"))
    main = package.load("main")
    package.write("venv/site-packages/third.py", "value = 22")
    package.later()
    assert package.load("main") is main


def test_modules_on_the_path_but_elsewhere_stay(package: Package) -> None:
    package.write("lib/far.py", "value = 1")
    package.write("h/main.py", "import far")
    sys.path.append(package.folder("lib"))
    main = package.load("main", "h")
    package.write("lib/far.py", "value = 22")
    package.later()
    assert package.load("main", "h") is main
    package.load("far", "h")  # named in a directive: from now on it counts
    package.write("lib/far.py", "value = 333")
    package.later()
    assert package.load("far", "h").value == 333
    assert package.load("main", "h") is main


# -- failing -------------------------------------------------------------------


def test_a_failing_first_load(package: Package) -> None:
    package.write("main.py", "count = []\nraise ValueError('one')")
    for _ in range(3):
        with pytest.raises(ValueError, match="one"):
            package.load("main", log=True)
    assert len(package.httpd.lines(5)) == 1  # executed once
    assert "main" not in sys.modules
    package.later()
    with pytest.raises(ValueError, match="one"):
        package.load("main")
    package.write("main.py", "value = 1")
    package.later()
    assert package.load("main").value == 1


def test_a_failing_reload(package: Package) -> None:
    package.write("main.py", "value = 1")
    old = package.load("main")
    package.write("main.py", "value = ")
    package.later()
    for _ in range(2):
        with pytest.raises(SyntaxError) as caught:
            package.load("main")
        assert caught.value.filename == str(package.tmp_path / "main.py")
        assert caught.value.lineno == 1
    assert sys.modules["main"] is old
    package.write("main.py", "value = 22")
    package.later()
    assert package.load("main").value == 22


def test_errors_are_fresh(package: Package) -> None:
    package.write("main.py", "raise KeyError('x')")
    errors = []
    for _ in range(3):
        with pytest.raises(KeyError) as caught:
            package.load("main")
        errors.append(caught.value)
    assert len({id(error) for error in errors}) == 3
    assert {error.args for error in errors} == {("x",)}
    depths = [depth(error) for error in errors]
    assert depths[1] == depths[2]
    assert any(frame == "main.py" for frame in files(errors[2]))


def files(error: BaseException) -> list[str]:
    found, tb = [], error.__traceback__
    while tb is not None:
        found.append(os.path.basename(tb.tb_frame.f_code.co_filename))
        tb = tb.tb_next
    return found


def depth(error: BaseException) -> int:
    return len(files(error))


def test_an_exception_that_cannot_be_copied(package: Package) -> None:
    package.write("main.py", "class Odd(Exception):\n"
                  "    def __init__(self, a, b):\n"
                  "        super().__init__('only one')\n"
                  "raise Odd(1, 2)")
    depths = set()
    for _ in range(3):
        with pytest.raises(Exception, match="only one") as caught:
            package.load("main")
        depths.add(depth(caught.value))
    assert len(depths) <= 2


def test_a_failing_import_fails_its_importer(package: Package) -> None:
    package.write("main.py", "import leaf\nvalue = leaf.value")
    package.write("other.py", "import leaf\nvalue = leaf.value")
    package.write("leaf.py", "value = 1")
    package.load("main")
    package.load("other")
    package.write("leaf.py", "value = 1 / 0")
    package.later()
    for name in ("main", "other", "leaf", "main"):
        with pytest.raises(ZeroDivisionError):
            package.load(name)
    package.write("leaf.py", "value = 22")
    package.later()
    assert package.load("main").value == 22
    assert package.load("other").value == 22
    assert package.load("leaf") is package.load("main").leaf


def test_a_change_elsewhere_mends(package: Package) -> None:
    package.write("main.py", "from leaf import added")
    package.write("leaf.py", "")
    with pytest.raises(ImportError, match="added"):
        package.load("main")
    package.write("leaf.py", "added = 1")
    package.later()
    assert package.load("main").added == 1


def test_a_missing_module_appears(package: Package) -> None:
    package.write("main.py", "import leaf")
    with pytest.raises(ModuleNotFoundError):
        package.load("main")
    package.write("leaf.py", "value = 1")
    os.utime(package.tmp_path)
    package.later()
    assert package.load("main").leaf.value == 1


def test_a_caught_import_error(package: Package) -> None:
    package.write("main.py", "try:\n    import leaf\n"
                  "except ImportError:\n    leaf = None\n")
    package.write("leaf.py", "raise ImportError('not today')")
    main = package.load("main")
    assert main.leaf is None
    package.later()
    assert package.load("main") is main
    package.write("leaf.py", "value = 1")
    package.later()
    assert package.load("main").leaf.value == 1


def test_unreadable_is_not_remembered(package: Package,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of permissions changes no mtime."""
    package.write("main.py", "import leaf")
    package.write("leaf.py", "value = 1")
    loader = package.loading.Loader

    def read(self: Any, original: Any = loader.read) -> Any:
        if self.record.name == "leaf":
            raise PermissionError(13, "not for you")
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(loader, "read", read)
        with pytest.raises(PermissionError):
            package.load("main")
    assert package.load("main").leaf.value == 1


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError",
                                   "GeneratorExit"])
def test_passing_errors_are_not_remembered(package: Package,
                                           error: str) -> None:
    package.write("main.py", "import state\nif state.bad:\n"
                  f"    raise {error}")
    package.write("state.py", "bad = [1]")
    with pytest.raises(getattr(builtins, error)):
        package.load("main")
    sys.modules["state"].bad.clear()
    assert package.load("main") is sys.modules["main"]


def test_system_exit_is_remembered(package: Package) -> None:
    package.write("main.py", "import sys\nsys.exit(3)")
    for _ in range(2):
        with pytest.raises(SystemExit):
            package.load("main", log=True)
    assert len(package.httpd.lines(5)) == 1


def test_failed_with_auto_reload_off_recovers(package: Package) -> None:
    package.write("main.py", "raise ValueError('bad')")
    with pytest.raises(ValueError, match="bad"):
        package.load("main", auto_reload=False)
    package.write("main.py", "value = 1")
    package.later()
    assert package.load("main", auto_reload=False).value == 1


# -- hooks -----------------------------------------------------------------------

HOOKS = """\
state = []
def __mp_clone__(new):
    state.append(('clone', VALUE))
    new.state = state
def __mp_purge__():
    state.append(('purge', VALUE))
"""


def test_clone_and_purge(package: Package) -> None:
    package.write("main.py", "VALUE = 1\n" + HOOKS)
    state = package.load("main").state
    package.write("main.py", "VALUE = 22\n" + HOOKS)
    package.later()
    assert package.load("main").state is state
    assert state == [("clone", 1), ("purge", 1)]


def test_hooks_do_not_run_when_the_new_one_fails(package: Package) -> None:
    package.write("main.py", "VALUE = 1\n" + HOOKS)
    state = package.load("main").state
    package.write("main.py", "raise ValueError('bad')")
    package.later()
    with pytest.raises(ValueError, match="bad"):
        package.load("main")
    assert state == []


def test_failing_hooks_are_logged(package: Package) -> None:
    package.write("main.py", "def __mp_clone__(new): 1 / 0\n"
                  "def __mp_purge__(): [][0]\n")
    package.load("main")
    package.write("main.py", "value = 22")
    package.later()
    assert package.load("main").value == 22
    lines = package.httpd.lines(3)
    assert lines[0].startswith("MP0410: __mp_clone__ of module 'main' failed"
                               ": ZeroDivisionError")
    assert any(line.startswith("MP0410: __mp_purge__") for line in lines)


# -- circles and threads -----------------------------------------------------------


def test_a_circle(package: Package) -> None:
    package.write("a.py", "import b\ndef value(): return b.number")
    package.write("b.py", "import a\nnumber = 1\ndef value(): return a.value()")
    assert package.load("a").value() == 1
    assert package.load("b").value() == 1
    for number in (22, 333):
        package.write("b.py", f"import a\nnumber = {number}\n"
                      "def value(): return a.value()")
        package.later()
        assert package.load("a").value() == number
        assert package.load("b").value() == number
        assert package.load("b").a is package.load("a")
        assert package.load("a").b is package.load("b")
    a = package.load("a")
    package.later()
    assert package.load("a") is a


def test_message_of_a_circle(package: Package) -> None:
    package.write("a.py", "import b\nvalue = 1")
    package.write("b.py", "from a import value")
    for _ in range(2):
        with pytest.raises(ImportError, match="circular import"):
            package.load("a")
    package.write("a.py", "value = 1\nimport b")
    package.later()
    assert package.load("a").b.value == 1


def test_a_failing_circle_leaves_nothing(package: Package) -> None:
    package.write("a.py", "import b\nraise ValueError('bad')")
    package.write("b.py", "import a")
    for name in ("a", "b", "a"):
        with pytest.raises(ValueError, match="bad"):
            package.load(name)
    assert "a" not in sys.modules
    assert "b" not in sys.modules
    package.write("a.py", "import b\nvalue = 1")
    package.later()
    assert package.load("b").a.value == 1


def test_a_circle_that_fails_when_reloaded(package: Package) -> None:
    package.write("a.py", "import b\nvalue = 1")
    package.write("b.py", "import a\ndef value(): return a.value")
    assert package.load("b").value() == 1
    package.write("a.py", "import b\nraise ValueError('bad')")
    package.later()
    for name in ("b", "a", "b"):
        with pytest.raises(ValueError, match="bad"):
            package.load(name)
    package.write("a.py", "import b\nvalue = 22")
    package.later()
    assert package.load("b").value() == 22


SLOW = """\
import threading
import gate
gate.started.set()
gate.go.wait(10)
value = {value}
"""

GATE = "import threading\nstarted = threading.Event()\ngo = threading.Event()"


def in_thread(function: Any, *args: Any) -> tuple[threading.Thread, list[Any]]:
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(function(*args))
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def test_no_thread_sees_half_a_module(package: Package) -> None:
    package.write("gate.py", GATE)
    gate = package.load("gate")
    package.write("main.py", SLOW.format(value=1))
    first, one = in_thread(package.load, "main")
    assert gate.started.wait(10)
    second, two = in_thread(package.load, "main")
    second.join(0.1)
    assert second.is_alive()
    gate.go.set()
    first.join(10)
    second.join(10)
    assert one[0].value == 1
    assert one[0] is two[0]


def test_others_use_the_old_module_meanwhile(package: Package) -> None:
    package.write("gate.py", GATE)
    gate = package.load("gate")
    gate.go.set()
    package.write("main.py", SLOW.format(value=1))
    old = package.load("main")
    gate.go.clear()
    gate.started.clear()
    package.write("main.py", SLOW.format(value=22))
    package.later()
    thread, new = in_thread(package.load, "main")
    assert gate.started.wait(10)
    assert package.load("main") is old
    assert sys.modules["main"] is old
    gate.go.set()
    thread.join(10)
    assert new[0].value == 22
    assert package.load("main") is new[0]


def test_two_threads_and_a_circle(package: Package) -> None:
    """Each would wait for the other's module."""
    package.write("gate.py", GATE)
    gate = package.load("gate")
    package.write("a.py", "import gate\ngate.started.set()\n"
                  "gate.go.wait(10)\nimport b\ndef value(): return b.number")
    package.write("b.py", "import a\nnumber = 1\n"
                  "def value(): return a.value()")
    first, one = in_thread(package.load, "a")
    assert gate.started.wait(10)
    second, two = in_thread(package.load, "b")
    second.join(0.1)
    gate.go.set()
    first.join(10)
    second.join(10)
    assert one[0].value() == two[0].value() == 1
    assert one[0].b is two[0]


def test_an_ordinary_import_waits_for_ours(package: Package) -> None:
    """Our thread waits for importlib's lock of a module whose import waits
    for our thread."""
    package.write("h/gate.py", GATE)
    gate = package.load("gate", "h")
    sys.path.append(package.folder("lib"))
    package.write("lib/plain.py", "import gate\ngate.started.set()\n"
                  "gate.go.wait(10)\nimport leaf\nvalue = leaf.value")
    package.write("h/leaf.py", "value = 1")
    package.write("h/main.py", "import gate\ngate.go.set()\nimport plain")
    first, one = in_thread(exec, "import plain\nassert plain.value == 1", {})
    assert gate.started.wait(10)
    second, two = in_thread(package.load, "main", "h")
    first.join(10)
    second.join(10)
    assert not first.is_alive()
    assert not second.is_alive()
    assert one == [None]
    assert two[0].plain.value == 1


def test_a_thread_of_the_module_itself(package: Package,
                                       monkeypatch: pytest.MonkeyPatch
                                       ) -> None:
    """It imports another module while the first waits for it."""
    monkeypatch.setattr(package.loading, "PATIENCE", 0.2)
    package.write("leaf.py", "value = 1")
    package.write("main.py", "import threading\n"
                  "def work():\n    global value\n    import leaf\n"
                  "    value = leaf.value\n"
                  "thread = threading.Thread(target=work)\n"
                  "thread.start()\nthread.join(10)")
    assert package.load("main").value == 1


def test_many_threads(package: Package) -> None:
    package.write("leaf.py", "value = 0")
    package.write("main.py", "from leaf import value\nimport leaf\n"
                  "def check():\n    import leaf as now\n"
                  "    return value == leaf.value and now.value >= value")
    bad: list[object] = []

    def work() -> None:
        for _ in range(200):
            try:
                if not package.load("main").check():
                    bad.append("mixed")
            except BaseException as error:
                bad.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(10):
        package.write("leaf.py", f"value = {number}")
        package.later()
    for thread in threads:
        thread.join()
    assert not bad
    package.later()
    assert package.load("main").value == 9
