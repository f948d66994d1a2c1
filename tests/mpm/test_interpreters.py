# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Which interpreter a handler runs in, and that they are apart."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd

WORKERS = ONE
HANDLER = "SetHandler mod_python\nPythonHandler"


def configure(env: Env) -> str:
    for name in ("one/deep", "two"):
        env.write(f"{name}/index.html", "")
        env.write(f"{name}/file.txt", "")
    env.write("two/.htaccess", f"""
PythonInterpPerDirective On
{HANDLER} test_interpreters::names
""")
    text = [f"""
<Location /{name}>
    {HANDLER} test_interpreters::{name}
</Location>""" for name in ("names", "count", "thread", "spawn", "settings",
                           "gilstate")]
    for number, host in ((1, "one.test"), (2, "two.test"), (3, "localhost"),
                         (4, "one.test")):
        text.append(f"""
<VirtualHost 127.0.0.1:${{PORT{number}}}>
    ServerName {host}
    DocumentRoot ${{DOCROOT}}
</VirtualHost>""")
    text.append(f"""
<Location /named>
    PythonInterpreter shop
    {HANDLER} test_interpreters::names
</Location>
<Location /main>
    PythonInterpreter main_interpreter
    {HANDLER} test_interpreters::names
</Location>
<Directory ${{DOCROOT}}/one>
    PythonInterpPerDirectory On
    {HANDLER} test_interpreters::names
</Directory>
<Location /perlocation>
    PythonInterpPerDirective On
    {HANDLER} test_interpreters::names
</Location>
<Location /same>
    {HANDLER} test_interpreters::marked
    PythonFixupHandler test_interpreters::mark
</Location>
<Directory ${{DOCROOT}}/two>
    <Files mixed>
        PythonFixupHandler test_interpreters::mark
        PythonHandler test_interpreters::marked
    </Files>
</Directory>
<Location /gilstate/sub>
    PythonInterpreter sub
</Location>
<Location /thread/sub>
    PythonInterpreter sub
</Location>
<Location /spawn/sub>
    PythonInterpreter sub
</Location>
""")
    return "\n".join(text)


def names(httpd: Httpd, path: str, port: int = 0) -> list[str]:
    with Client(httpd.port(port)) as client:
        return client.json(path)


def test_named_after_the_server(httpd: Httpd) -> None:
    one, two = names(httpd, "/names", 1), names(httpd, "/names", 2)
    assert one[:2] == ["one.test"] * 2
    assert two[:2] == ["two.test"] * 2
    assert one[2] != two[2]


def test_equal_names_are_one_interpreter(httpd: Httpd) -> None:
    assert names(httpd, "/names", 1)[2] == names(httpd, "/names", 4)[2]


def test_base_server_is_the_main_interpreter(httpd: Httpd) -> None:
    base, main = names(httpd, "/names"), names(httpd, "/main")
    assert base[:2] == ["localhost", "localhost"]
    assert main[:2] == ["main_interpreter", "main_interpreter"]
    assert base[2] == main[2] == names(httpd, "/names", 3)[2]


def test_named_by_directive(httpd: Httpd) -> None:
    shop = names(httpd, "/named")
    assert shop[:2] == ["shop", "shop"]
    assert shop[2] == names(httpd, "/named", 1)[2] != names(httpd, "/main")[2]


def test_per_directory(httpd: Httpd, env: Env) -> None:
    one, deep = f"{env.docroot}/one/", f"{env.docroot}/one/deep/"
    assert names(httpd, "/one/file.txt")[0] == one
    assert names(httpd, "/one/")[0] == one
    assert names(httpd, "/one/deep/file.txt")[0] == deep
    assert (names(httpd, "/one/file.txt")[2]
            != names(httpd, "/one/deep/file.txt")[2])


def test_per_directive(httpd: Httpd, env: Env) -> None:
    assert names(httpd, "/two/file.txt")[0] == f"{env.docroot}/two/"
    assert names(httpd, "/perlocation")[0] == "/perlocation"


def test_state_is_per_interpreter(httpd: Httpd) -> None:
    seen: dict[str, list[int]] = {}
    for port in (1, 2, 1, 2, 4):
        number, identity = names(httpd, "/count", port)
        seen.setdefault(identity, []).append(number)
    assert sorted(seen.values()) == [[1, 2], [1, 2, 3]]


def test_one_object_for_all_phases(client: Client) -> None:
    assert client.json("/same") == [True, "set", True]


def test_settings(client: Client) -> None:
    argv, executable, no_user_site, prefix = client.json("/settings")
    assert argv == ["mod_python"]
    assert no_user_site == 1
    assert executable == "" or executable.startswith(prefix)


def test_thread_locals(httpd: Httpd) -> None:
    def ask(number: int) -> list[bool]:
        path = "/thread/sub" if number % 3 == 0 else "/thread"
        with Client(httpd.port(number % 3)) as client:
            return client.json(path)

    with ThreadPoolExecutor(8) as pool:
        assert {tuple(seen) for seen in pool.map(ask, range(120))} == {
            (True,) * 4}


def test_threads_of_python(client: Client) -> None:
    assert client.json("/spawn") == ["main_interpreter"]
    assert client.json("/spawn/sub") == ["sub"]


def test_callbacks_of_extension_modules(client: Client) -> None:
    assert client.json("/gilstate") == [True, True]
    assert client.json("/gilstate/sub") == [True, True]


def test_a_gil_of_its_own_needs_a_python(httpd: Httpd, env: Env) -> None:
    """3.12 can make such interpreters, and they corrupt memory."""
    assert env.build is not None
    for options in ("gil=own", "instances=2"):
        status, stderr = httpd.check_config(
            f"PythonInterpreterOptions pool {options}")
        lines = [line for line in stderr.splitlines() if "MP" in line]
        if env.build.has_python(3, 13):
            assert (status, lines) == (0, [])
        else:
            [line] = lines
            assert status != 0
            assert "MP0115: PythonInterpreterOptions pool: " in line
            assert "needs CPython 3.13" in line
