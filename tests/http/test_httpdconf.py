# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What mod_python.httpdconf generates, in a real httpd."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import conf, sanitizer
from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.tools import accepts, wait_until

CONFIG = ""


@contextmanager
def running(env: Env, config: Path, root: Path, port: int) -> Iterator[Client]:
    """An httpd with nothing but this configuration."""
    errors = root / "errors"
    with errors.open("wb") as output:
        process = subprocess.Popen(
            [env.installation.httpd, "-f", str(config), "-DFOREGROUND"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, env=env.httpd_environ({}))
    try:
        def ready() -> bool:
            assert process.poll() is None, errors.read_text()
            return accepts(port)

        wait_until(ready, 20)
        with Client(port) as client:
            yield client
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert errors.read_text() == ""


def python(env: Env, *arguments: str) -> str:
    """Runs Python with the package under test, outside httpd."""
    assert env.build is not None
    done = subprocess.run(
        [sys.executable, *arguments], cwd=env.root, capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(env.build.directory)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def generate(env: Env, mpm: str, root: Path, **options: Any) -> Path:
    """A server root made by write_basic_config(), with this MPM."""
    file = python(env, "-c", (
        "import sys; from mod_python.httpdconf import write_basic_config\n"
        f"print(write_basic_config({str(root)!r}, **{options!r}))")).strip()
    assert file == str(root / options.get("conf", "conf") / "httpd_conf.py")
    text = python(env, file)
    for one in ("event", "worker", "prefork"):
        text = text.replace(f"mpm_{one}", f"mpm_{mpm}")
    config = Path(file).with_name("httpd.conf")
    config.write_text(text)
    return config


@pytest.fixture
def root(env: Env, request: pytest.FixtureRequest) -> Path:
    """A directory that the children can read; nothing is in it."""
    return env.root / f"generated {request.node.name.partition('[')[0]}"


@pytest.mark.skipif(bool(sanitizer.wanted()),
                    reason="its httpd does not load the sanitizer")
def test_basic_config(env: Env, mpm: str, root: Path) -> None:
    port = env.port(1)
    config = generate(env, mpm, root, listen=f"127.0.0.1:{port}",
                      mp_comments=["made by a test"],
                      pythonoptions=["my.key my-value"])
    (root / "public" / "index.py").write_text(
        "def index(req): return req.get_options()['my.key']\n")
    with running(env, config, root, port) as client:
        assert client.text("/") == "my-value"
        assert client.get("/none").status_code == 404
        assert client.get("/../conf/httpd.conf").status_code in (400, 404)
    log = (root / "logs" / "error_log").read_text()
    assert "MP0" not in log
    assert "resuming normal operations" in log
    assert '"GET / HTTP/1.1" 200' in (root / "logs" / "access_log").read_text()


@pytest.mark.skipif(bool(sanitizer.wanted()),
                    reason="its httpd does not load the sanitizer")
def test_basic_config_with_everything(env: Env, mpm: str, root: Path) -> None:
    port = env.port(1)
    library = env.directory("library with 'a' blank")
    env.write(str(library / "helper.py"), "text = 'of the library'\n")
    config = generate(
        env, mpm, root, listen=f"127.0.0.1:{port}", conf="etc", logs="var",
        htdocs="pages", pythonhandler="hello", pythonpath=[str(library)])
    (root / "pages" / "hello.py").write_text(
        "import helper\nfrom mod_python import apache\n"
        "def handler(req):\n    req.write(helper.text)\n"
        "    return apache.OK\n")
    with running(env, config, root, port) as client:
        assert client.text("/any/path") == "of the library"
    assert (root / "var" / "error_log").exists()


def test_existing_config_is_kept(env: Env, mpm: str, root: Path) -> None:
    generate(env, mpm, root)
    file = root / "conf" / "httpd_conf.py"
    file.write_text(file.read_text() + "# changed\n")
    code = ("from mod_python.httpdconf import write_basic_config as write\n"
            f"print(write({str(root)!r}), write({str(root)!r}, "
            "replace_config=True))")
    assert python(env, "-c", code).strip() == f"None {file}"
    assert "# changed" not in file.read_text()


def test_objects(env: Env, httpd: Httpd, mpm: str, start_httpd: Any) -> None:
    """A configuration put together from objects."""
    text = python(env, "-c", f"""if True:
        from mod_python.httpdconf import *
        from mod_python.httpdconf import IndexOptions, Header
        print(Container(
            Comment("objects\\nof all kinds"),
            PythonOption("where server"),
            Directory({str(env.docroot)!r},
                SetHandler("mod_python"),
                Files("*.psp", PythonHandler("mod_python.psp")),
                FilesMatch(r"\\.py$", PythonHandler("mod_python.publisher")),
                IfModule("mod_python.c", Header("set X-Python yes")),
                IfModule("python_module", Header("set X-Module yes")),
                IfModule("!python_module", Header("set X-None yes")),
                RequireAll("", Require("all granted"), RequireNone("",
                    Require("ip 10.0.0.1")))),
            DirectoryMatch("^/none", IndexOptions("FancyIndexing")),
            Location("/location", PythonOption("where location")),
            LocationMatch("^/m[a]tch", PythonOption("where match")),
            VirtualHost("127.0.0.1:${{PORT1}}",
                ServerName("other"), DocumentRoot('"{env.docroot}"'),
                PythonOption("where virtual")),
            Container(Listen("1"), only_if="version.version == 'none'"),
            Directive("PythonInterpreter", "objects")))""")
    assert "Listen 1\n" not in text
    code = "<%= req.get_options()['where'] %> <%= req.interpreter %>"
    # the server's own document root is that of the module's server
    env.write("page.psp", code)
    env.write("location/page.psp", code)
    env.write("match/page.psp", code)
    env.write("pub.py", "def index(): return 'published'\n")
    server = start_httpd(f'DocumentRoot "{env.docroot}"\n' + text)
    with Client(server.port()) as client:
        assert client.text("/page.psp") == "server objects"
        assert client.text("/location/page.psp") == "location objects"
        assert client.text("/match/page.psp") == "match objects"
        response = client.get("/pub.py")
        assert response.text == "published"
        assert response.headers["X-Python"] == "yes"
        assert response.headers["X-Module"] == "yes"
        assert "X-None" not in response.headers
    with Client(server.port(1)) as client:
        assert client.text("/page.psp") == "virtual objects"


def test_repr_makes_the_same(env: Env, mpm: str, root: Path) -> None:
    """The Python that is written gives what httpd read."""
    config = generate(env, mpm, root)
    code = ("import sys, runpy; from mod_python import httpdconf\n"
            f"made = runpy.run_path({str(config.with_name('httpd_conf.py'))!r})"
            "['config']\nassert str(eval(repr(made), vars(httpdconf))) == "
            "str(made)\nprint(made)")
    assert python(env, "-c", code).strip()


def test_python_directives_are_known(env: Env, httpd: Httpd) -> None:
    """Each class of a directive of ours is one that httpd knows."""
    names = python(env, "-c", (
        "from mod_python import httpdconf\n"
        "print(*(n for n in httpdconf.__all__ if n.startswith('Python')))"
    )).split()
    assert len(names) > 30
    for name in names:
        # nobody takes this; but the complaint is not that it is unknown
        check = httpd.check_config(f'{name} a b c d e f "\n')
        assert name in check.stderr
        assert "Invalid command" not in check.stderr, name
    assert "Invalid command" in httpd.check_config("PythonNone a\n").stderr


def test_user_of_the_children(env: Env, mpm: str, root: Path) -> None:
    text = generate(env, mpm, root).read_text()
    names = conf.run_user()
    assert ("\nUser " in text) == (names is not None)
    if names:
        assert f"\nUser {names[0]}\nGroup {names[1]}\n" in text
