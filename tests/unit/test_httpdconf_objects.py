# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.httpdconf, which needs no httpd."""
from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mod_python import _basic_config, httpdconf
from mod_python.httpdconf import (
    Comment,
    Container,
    ContainerTag,
    Directive,
    Directory,
    DirectoryMatch,
    DocumentRoot,
    IfModule,
    Listen,
    LogFormat,
    PythonHandler,
    Require,
    VirtualHost,
    quote_if_space,
)

CONFIG = Container(
    Comment("one\n\ntwo"),
    Listen("8080"),
    DocumentRoot(r'"C:\srv"'),
    LogFormat(r'"%h \"%r\""'),
    Directive("Anything", r"a\b"),
    Directive("Anything", r"a\b", flipslash=0),
    VirtualHost(
        "*:80",
        Directory(r"C:\a b", Require("all granted"), PythonHandler("x")),
        DirectoryMatch(r"^/a\.b$"),
    ),
    ContainerTag("Other", r"a\b", [Listen(1)]),
    ContainerTag("Other", r"a\b", [], flipslash=0),
    Container(Listen(5), only_if="1 == 2"),
    Container(Listen(6), only_if="version is not None"),
    IfModule("!x_module"),
)

TEXT = r'''# one
#
# two
Listen 8080
DocumentRoot "C:/srv"
LogFormat "%h \"%r\""
Anything a/b
Anything a\b
<VirtualHost *:80>
    <Directory "C:/a b">
        Require all granted
        PythonHandler x
    </Directory>
    <DirectoryMatch ^/a\.b$>
    </DirectoryMatch>
</VirtualHost>
<Other a/b>
    Listen 1
</Other>
<Other a\b>
</Other>
Listen 6
<IfModule !x_module>
</IfModule>
'''


def test_text() -> None:
    assert str(CONFIG) == TEXT


def test_repr_makes_it_again() -> None:
    made = eval(repr(CONFIG), vars(httpdconf))
    assert str(made) == TEXT
    assert repr(made) == repr(CONFIG)
    assert repr(Listen("80")) == "Listen('80')"
    assert repr(Directive("A", "b")) == "Directive('A', 'b')"


def test_append_and_conditions() -> None:
    wanted = [False]
    container = Container(only_if=lambda: wanted[0])
    container.append(Listen("1"))
    assert str(container) == ""
    wanted[0] = True
    assert str(container) == "Listen 1\n"
    section = Directory("/x")
    section.append("Text as it is")
    assert str(section) == "<Directory /x>\n    Text as it is\n</Directory>\n"


def test_any_capitalised_name() -> None:
    from mod_python.httpdconf import CacheRoot  # type: ignore[attr-defined]

    assert str(CacheRoot("/x")) == "CacheRoot /x\n"
    assert repr(CacheRoot("/x")) == "CacheRoot('/x')"
    for name in ("lower", "_Private", "With_Underscore"):
        with pytest.raises(AttributeError):
            getattr(httpdconf, name)


def test_directives_of_the_module() -> None:
    phases = (Path(__file__).parents[2] / "src/core/phases.def")
    if not phases.exists():
        pytest.skip("no sources here")
    import re
    for name in re.findall(r'"(Python\w+)"', phases.read_text()):
        assert name in httpdconf.__all__


@pytest.mark.parametrize(("text", "quoted"), [
    ("a", "a"), ("a b", '"a b"'), ('"a b"', '"a b"'), ('a" b', r'"a\" b"'),
    (r"a\ b", r'"a\\ b"'), ("", ""), ("a\tb", '"a\tb"')])
def test_quote_if_space(text: str, quoted: str) -> None:
    assert quote_if_space(text) == quoted


@pytest.mark.parametrize("make", [
    lambda: Listen("1\nInclude /etc/passwd"),
    lambda: Directory("/x\r\n", Listen(1)),
    lambda: Directive("A\nB", "c")])
def test_no_line_breaks(make: Any) -> None:
    with pytest.raises(ValueError, match="line break"):
        str(make())


def run(file: str) -> str:
    return subprocess.run([sys.executable, file], capture_output=True,
                          text=True, check=True).stdout


def test_write_basic_config(tmp_path: Path) -> None:
    file = httpdconf.write_basic_config(
        tmp_path / "my srv", listen="127.0.0.1:8001",
        pythonhandler="./hello.py", pythonpath=["/lib'\" x"],
        pythonoptions=["key value"], mp_comments=["made by a test"])
    assert file == f"{tmp_path}/my srv/conf/httpd_conf.py"
    for name in ("conf/mime.types", "logs", "public"):
        assert (tmp_path / "my srv" / name).exists()
    text = run(file)
    assert text.startswith("# made by a test\n")
    for line in ("Listen 127.0.0.1:8001\n", "PythonOption key value\n",
                 "    PythonHandler ./hello.py\n",
                 f'ServerRoot "{tmp_path}/my srv"\n'):
        assert line in text
    assert httpdconf.write_basic_config(tmp_path / "my srv") is None
    assert run(file) == text
    assert httpdconf.write_basic_config(
        tmp_path / "my srv", replace_config=True) == file
    assert run(file) != text
    assert str(runpy.run_path(file)["config"]) == run(file)
    with pytest.raises(FileNotFoundError):
        httpdconf.write_basic_config(tmp_path / "new", createdirs=False)


@pytest.mark.parametrize(("present", "chosen"), [
    ("core so http_core", "event"),
    ("core so http_core unixd log_config", "event"),
    ("core so http_core mpm_prefork", None)])
def test_modules(present: str, chosen: str | None, tmp_path: Path,
                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_basic_config, "built_in",
                        lambda: frozenset(present.split()))
    layout = _basic_config.Layout(str(tmp_path), "conf", "logs", "public")
    config = str(_basic_config.basic_config(layout, "80", "x", [], [], []))
    loaded = [line.split()[1] for line in config.splitlines()
              if line.startswith("LoadModule ")]
    assert not {f"{name}_module" for name in present.split()} & set(loaded)
    assert loaded[-1] == "python_module"
    assert ("mpm_event_module" in loaded) == (chosen == "event")
    assert len(loaded) == len(set(loaded))


def test_outside_httpd() -> None:
    subprocess.run([sys.executable, "-c", "import mod_python.httpdconf, "
                    "mod_python.cache"], check=True)
