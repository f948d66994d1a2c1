# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A Python that cannot start: httpd -t says so where it can be known, else
each child says it in one line, answers 500 and stays."""
from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.build import python_to_embed
from harness.client import Client
from harness.conf import ONE, run_user
from harness.env import Env
from harness.httpd import Httpd
from harness.packages import add_packages

MakeHttpd = Callable[..., Httpd]
LINES = """
<Location /python>
    SetHandler mod_python
    PythonHandler mptest::evaluate
</Location>
<Location /guarded>
    PythonAccessHandler mptest::evaluate
</Location>
"""
PREFIX = """import os, sys; print(os.path.realpath(sys.base_prefix))"""
# what CPython itself says on stderr, without a logger
OWN_WORDS = r"^(Python path|  |\]|Traceback|Error in sitecustomize|\w+Error)"


def version(env: Env) -> str:
    assert env.build is not None
    return f"python{env.build.python_version()}"


def prefix() -> Path:
    """Of the Python that the build embeds."""
    return Path(subprocess.run(
        [python_to_embed(), "-c", PREFIX], check=True, capture_output=True,
        text=True, timeout=60).stdout.strip())


def copy_of_python(env: Env) -> Path:
    """A prefix with the library of the Python that is embedded, made of
    links, so that parts can be replaced."""
    home = env.root / "home"
    library = home / "lib" / version(env)
    library.mkdir(parents=True)
    for found in (prefix() / "lib" / version(env)).iterdir():
        (library / found.name).symlink_to(found)
    return home


# -- what httpd -t knows ------------------------------------------------------


def missing(env: Env) -> str:
    return f"{env.root}/nowhere"


def no_python(env: Env) -> str:
    (env.root / "home").mkdir()
    return f"{env.root}/home"


def other_version(env: Env) -> str:
    (env.root / "home" / "lib" / "python3.99").mkdir(parents=True)
    (env.root / "home" / "lib" / "python3.99" / "os.py").touch()
    return f"{env.root}/home"


def without_encodings(env: Env) -> str:
    home = copy_of_python(env)
    (home / "lib" / version(env) / "encodings").unlink()
    return str(home)


def unreadable(env: Env) -> str:
    home = copy_of_python(env)
    (home / "lib").chmod(0o700)
    return str(home)


def broken_venv(env: Env) -> str:
    """Its Python was removed."""
    home = env.root / "venv"
    (home / "lib" / version(env) / "site-packages").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text(f"home = {env.root}/gone/bin\n")
    return str(home)


@pytest.mark.mpm("event")
@pytest.mark.parametrize("make,says", [
    (missing, "MP0110: PythonHome is .*/nowhere, which does not exist"),
    (no_python, "MP0111: PythonHome is .*/home, which is not a Python"),
    (other_version, "MP0111: .* which is not a Python 3"),
    (without_encodings, "MP0111: .* which is not a Python 3"),
    (unreadable, "MP0112: .* but User .* cannot read .*/home/lib;"),
    (broken_venv, "MP0110: the Python of the virtual environment .*/venv is "
                  ".*/gone/?, which does not exist"),
])
def test_httpd_t(make_httpd: MakeHttpd, make: Callable[[Env], str],
                 says: str) -> None:
    if make is unreadable and run_user() is None:
        pytest.skip("without root the parent cannot read it either")
    server = make_httpd()
    status, stderr = server.check_config(
        f"PythonHome {make(server.env)}\n{LINES}")
    assert status != 0
    lines = [line for line in stderr.splitlines() if "python:" in line]
    assert len(lines) == 1, stderr
    assert re.search(says, lines[0])


@pytest.mark.mpm("event")
def test_httpd_t_and_the_environment(make_httpd: MakeHttpd) -> None:
    server = make_httpd()
    server.env.environ["PYTHONHOME"] = f"{server.env.root}/nowhere"
    status, stderr = server.check_config(LINES)
    assert status != 0
    assert re.search("MP0110: the environment variable PYTHONHOME is "
                     ".*/nowhere, which does not exist", stderr)


@pytest.mark.mpm("event")
def test_right_homes(make_httpd: MakeHttpd) -> None:
    server = make_httpd()
    assert server.check_config(
        f"PythonHome {prefix()}\n{LINES}").rc == 0
    assert server.check_config(
        f"PythonHome {copy_of_python(server.env)}\n{LINES}").rc == 0


# -- what only a child finds out ------------------------------------------------


def broken_encodings(env: Env) -> str:
    home = copy_of_python(env)
    package = home / "lib" / version(env) / "encodings"
    package.unlink()
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('broken')\n")
    return f"PythonHome {home}\n"


def interrupted_site(env: Env) -> str:
    (env.handlers / "sitecustomize.py").write_text(
        "raise KeyboardInterrupt\n")
    return ""


def exiting_site(env: Env) -> str:
    (env.handlers / "sitecustomize.py").write_text("raise SystemExit(3)\n")
    return ""


@pytest.mark.parametrize("make", [broken_encodings, interrupted_site,
                                  exiting_site])
def test_python_does_not_start(make_httpd: MakeHttpd,
                               make: Callable[[Env], str]) -> None:
    # two would write what CPython itself says through each other
    server = make_httpd(workers=ONE)
    server.log.allow(OWN_WORDS)
    server.stderr.allow(OWN_WORDS)
    server.env.write("guarded/x.txt", "secret\n")
    server.env.write("x.txt", "static\n")
    text = make(server.env) + LINES
    assert server.check_config(text).rc == 0
    server.start(text)
    first = server.children()
    with Client(server.port()) as client:
        for _ in range(5):
            assert client.get("/python").status_code == 500
            assert client.get("/guarded/x.txt").status_code == 500
            assert client.get("/x.txt").text == "static\n"
    server.log.expect("MP0310: .* no interpreter")
    # no crash loop: the child is the first one, and has said it once
    assert server.children() == first
    [said] = server.log.expect("MP0113: Python cannot start ")
    place = server.env.root / "home" if "Home" in text else prefix()
    assert f" {place})" in said.text


def test_errors_of_site_hooks_are_no_obstacle(
        make_httpd: MakeHttpd) -> None:
    """sitecustomize and .pth files: CPython says so and goes on."""
    server = make_httpd()
    server.log.allow(OWN_WORDS)
    server.stderr.allow(OWN_WORDS)
    (server.env.handlers / "sitecustomize.py").write_text(
        "raise RuntimeError('broken')\n")
    server.start(LINES)
    with Client(server.port()) as client:
        assert client.json("/python", headers={"X-Eval": "1 + 1"}) == 2


# -- extensions -----------------------------------------------------------------


def test_extension_that_refuses(make_httpd: MakeHttpd) -> None:
    """A real one that works in one interpreter of a process only: the log
    says in one line what to do, and the main interpreter goes on."""
    server = make_httpd(workers=ONE)
    add_packages(server.env, "pydantic_core")
    (server.env.handlers / "validating.py").write_text(
        "import pydantic_core\n"
        "def handler(req):\n"
        "    req.write(pydantic_core.to_json([1]))\n"
        "    return 0\n")
    server.start("""
<Location />
    SetHandler mod_python
    PythonHandler validating
</Location>
<Location /sub>
    PythonInterpreter sub
</Location>
""")
    with Client(server.port()) as client:
        # the base server's own name is served by the main interpreter
        assert client.text("/") == "[1]"
        assert client.get("/sub").status_code == 500
        server.log.expect("MP0400: PythonHandler validating")
        [line] = server.log.expect("MP0402")
        assert re.search("extension module \\S*pydantic_core\\S* does not "
                         "work in this interpreter: use `PythonInterpreter "
                         "main_interpreter`", line.text)
        assert client.text("/") == "[1]"
