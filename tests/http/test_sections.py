# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Which handlers and values count where: sections, .htaccess, virtual hosts.

Fixup handlers leave their name, directory and extension; the content handler
reports them with the options and the configuration in effect.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

HANDLERS = ["test_sections_module"]

CONFIG = """
PythonOption shared base
PythonOption only_base base
PythonOption mod_python.session.cookie_name base
PythonDebug On

<Directory ${DOCROOT}>
    SetHandler mod_python
    PythonHandler test_sections::report
</Directory>

<Directory ${DOCROOT}/append>
    PythonAccessHandler test_sections::access
    PythonFixupHandler test_sections::a test_sections::b
    PythonFixupHandler test_sections::c
</Directory>
<Directory ${DOCROOT}/append/inner>
    PythonFixupHandler test_sections::d
</Directory>
<Directory ${DOCROOT}/append/none>
    PythonFixupHandler None
</Directory>

<Directory ${DOCROOT}/ext>
    PythonFixupHandler test_sections::a
    PythonFixupHandler test_sections::b | .x .y
    PythonFixupHandler test_sections::c |.b.x
</Directory>
<Directory ${DOCROOT}/ext/inner>
    PythonFixupHandler test_sections::d | .x
</Directory>
<Directory ${DOCROOT}/ext/none>
    PythonFixupHandler None | .x
</Directory>

<Directory ${DOCROOT}/files>
    <Files one.html>
        PythonFixupHandler test_sections::a
    </Files>
    <FilesMatch "^two">
        PythonFixupHandler test_sections::b
    </FilesMatch>
    <If "%{QUERY_STRING} == 'if'">
        PythonFixupHandler test_sections::c
    </If>
</Directory>
<Files everywhere.html>
    PythonFixupHandler test_sections::d
</Files>

<Location /location>
    SetHandler mod_python
    PythonFixupHandler test_sections::a
</Location>
<LocationMatch "^/match[0-9]+">
    PythonFixupHandler test_sections::b
</LocationMatch>
<Location ~ "^/tilde[0-9]+">
    PythonFixupHandler test_sections::c
</Location>
<Location /append/location>
    PythonFixupHandler test_sections::d
</Location>

<Directory ${DOCROOT}/wild/*/www>
    PythonFixupHandler test_sections::a
</Directory>
<DirectoryMatch "/regex/[0-9]{3}/">
    PythonFixupHandler test_sections::b
</DirectoryMatch>
<Directory ~ "/tilde-[a-z]+/">
    PythonFixupHandler test_sections::c
</Directory>
<Directory ${DOCROOT}/dots/../dots//./here/>
    PythonFixupHandler test_sections::d
</Directory>

<Directory ${DOCROOT}/module>
    PythonHandlerModule test_sections_module
    PythonHandler test_sections::report
</Directory>
<Directory ${DOCROOT}/module/own>
    PythonFixupHandler test_sections::b
</Directory>
<Directory ${DOCROOT}/module/off>
    PythonHandlerModule None
    PythonHandler test_sections::report
</Directory>

<Directory ${DOCROOT}/values>
    PythonOption shared directory
    PythonOption only_base
    PythonOption own "two words"
    PythonOption session_cookie_name directory
    PythonDebug Off
    PythonAutoReload Off
    PythonInterpreter chosen
</Directory>
<Directory ${DOCROOT}/values/inner>
    PythonOption own ""
    PythonOption shared inner
    PythonInterpreter other
</Directory>

<Directory ${DOCROOT}/htaccess>
    AllowOverride Limit
    PythonFixupHandler test_sections::a
    PythonOption own directory
</Directory>
<Directory ${DOCROOT}/ignored>
    AllowOverride None
</Directory>

<Location /server>
    SetHandler mod_python
    PythonHandler test_sections::server_report
</Location>

<VirtualHost 127.0.0.1:${PORT1}>
    ServerName host.test
    DocumentRoot ${DOCROOT}
    PythonOption shared host
    PythonOption host_only host
    PythonDebug Off
    PythonFixupHandler test_sections::d
</VirtualHost>
<VirtualHost 127.0.0.1:${PORT2}>
    ServerName plain.test
    DocumentRoot ${DOCROOT}
</VirtualHost>
"""


def configure(env: Env) -> None:
    env.write("htaccess/.htaccess", """
        PythonFixupHandler test_sections::b
        PythonFixupHandler test_sections::c
        PythonOption own htaccess
        PythonOption only_base ""
        <Files one.html>
            PythonFixupHandler test_sections::d
        </Files>
    """)
    env.write("htaccess/none/.htaccess", "PythonFixupHandler None\n")
    env.write("htaccess/ext/.htaccess",
              "PythonFixupHandler test_sections::a | .x\n")
    env.write("ignored/.htaccess", "PythonFixupHandler test_sections::a\n")
    env.write("refused/.htaccess", "PythonTransHandler test_sections::a\n")
    env.write("filter/.htaccess", "PythonOutputFilter test_sections::a\n")
    env.write("wrong/.htaccess", "PythonHandler a | x\n")
    for name in ("append/inner", "append/none", "append/location", "ext/inner",
                 "ext/none", "files", "wild/joe/www/deep", "regex/123/456",
                 "regex/12", "tilde-abc/def", "dots/here", "module/own",
                 "module/off", "values/inner", "htaccess/none"):
        env.write(f"{name}/real.html", "static\n")


def ran(client: Client, path: str) -> list[str]:
    """Names of the handlers that ran, in order."""
    return [row[0] for row in client.json(path)["ran"]]


def last(client: Client, path: str) -> list[Any]:
    """[name, directory, is_location, extension] of the last one."""
    rows: list[list[Any]] = client.json(path)["ran"]
    return rows[-1]


@pytest.fixture
def host(httpd: Httpd) -> Iterator[Client]:
    with Client(httpd.port(1)) as made:
        yield made


@pytest.fixture
def plain_host(httpd: Httpd) -> Iterator[Client]:
    with Client(httpd.port(2)) as made:
        yield made


# -- lists ----------------------------------------------------------------


def test_lines_of_a_section_are_appended(client: Client) -> None:
    assert ran(client, "/append/x") == ["access", "a", "b", "c"]


def test_inner_section_replaces_the_list_of_its_phase(client: Client) -> None:
    assert ran(client, "/append/inner/x") == ["access", "d"]


def test_none_switches_a_phase_off(client: Client) -> None:
    assert ran(client, "/append/none/x") == ["access"]


def test_location_is_inside_directory(client: Client) -> None:
    assert ran(client, "/append/location/x") == ["access", "d"]


@pytest.mark.parametrize("path, name, extension", [
    ("/ext/f", "a", ""),
    ("/ext/f.html", "a", None),
    ("/ext/f.x", "b", ".x"),
    ("/ext/f.y", "b", ".y"),
    ("/ext/f.b.x", "c", ".b.x"),
    ("/ext/f.a.b.x", "c", ".b.x"),
    ("/ext/f.x.b", "a", None),
    ("/ext/inner/f.x", "d", ".x"),
    ("/ext/inner/f.y", "b", ".y"),
    ("/ext/inner/f", "a", ""),
    ("/ext/none/f.x", "a", None),
    ("/ext/none/f.b.x", "c", ".b.x"),
    ("/ext/none/f.y", "b", ".y"),
])
def test_extensions(client: Client, path: str, name: str,
                    extension: str | None) -> None:
    row = last(client, path)
    assert (row[0], row[3]) == (name, extension)


def test_handler_module(client: Client) -> None:
    assert ran(client, "/module/x") == ["access", "a"]
    assert ran(client, "/module/own/x") == ["access", "b"]
    assert ran(client, "/module/off/x") == []


# -- the directory of a handler -------------------------------------------


@pytest.mark.parametrize("path, name, directory", [
    ("/append/inner/x", "d", "append/inner/"),
    ("/append/x/y/z", "c", "append/"),
    ("/files/one.html", "a", "files/"),
    ("/files/two.html", "b", "files/"),
    ("/files/real.html?if", "c", "files/"),
    ("/wild/joe/www/deep/real.html", "a", "wild/joe/www/"),
    ("/wild/joe/www/", "a", "wild/joe/www/"),
    ("/regex/123/456/real.html", "b", "regex/123/"),
    ("/tilde-abc/def/real.html", "c", "tilde-abc/"),
    ("/dots/here/real.html", "d", "dots/here/"),
    ("/htaccess/x", "c", "htaccess/"),
    ("/htaccess/one.html", "d", "htaccess/"),
    ("/htaccess/ext/f.x", "a", "htaccess/ext/"),
])
def test_directory(client: Client, env: Env, path: str, name: str,
                   directory: str) -> None:
    row = last(client, path)
    assert row[:3] == [name, f"{env.docroot}/{directory}", 0]


def test_no_directory_outside_sections(client: Client) -> None:
    assert last(client, "/everywhere.html")[:3] == ["d", None, 0]


@pytest.mark.parametrize("path", ["/wild/joe/other/x", "/regex/12/x"])
def test_pattern_does_not_match(client: Client, path: str) -> None:
    assert ran(client, path) == []


@pytest.mark.parametrize("path, name, location", [
    ("/location/deep/x", "a", "/location"),
    ("/match12/x", "b", "^/match[0-9]+"),
    ("/tilde5", "c", "^/tilde[0-9]+"),
])
def test_location_path(client: Client, path: str, name: str,
                       location: str) -> None:
    assert last(client, path)[:3] == [name, location, 1]


# -- .htaccess --------------------------------------------------------------


# a line that a child has read before is taken from memory
@pytest.mark.parametrize("_", range(3))
def test_htaccess_replaces_and_appends(client: Client, _: int) -> None:
    assert ran(client, "/htaccess/x") == ["b", "c"]
    assert ran(client, "/htaccess/one.html") == ["d"]
    assert ran(client, "/htaccess/none/x") == []
    assert ran(client, "/htaccess/ext/f.x") == ["a"]
    assert ran(client, "/htaccess/ext/f.y") == ["b", "c"]


def test_htaccess_values(client: Client) -> None:
    options = client.json("/htaccess/x")["options"]
    assert options["own"] == "htaccess"
    assert "only_base" not in options
    assert options["shared"] == "base"


def test_htaccess_is_read_for_each_request(client: Client, env: Env) -> None:
    for name in "abc":
        env.write("changing/.htaccess",
                  f"PythonFixupHandler test_sections::{name}\n"
                  f"PythonOption own {name}\n")
        report = client.json("/changing/x")
        assert report["ran"][0][0] == name
        assert report["options"]["own"] == name


def test_htaccess_needs_allow_override(client: Client) -> None:
    assert ran(client, "/ignored/x") == []


@pytest.mark.parametrize("path, line", [
    ("/refused/x", "PythonTransHandler not allowed"),
    ("/filter/x", "PythonOutputFilter not allowed"),
    ("/wrong/x", re.escape('"x" after "|" is not an extension: write .x')),
])
def test_htaccess_error(client: Client, log: ErrorLog, path: str,
                        line: str) -> None:
    assert client.get(path).status_code == 500
    log.expect(line)


def test_htaccess_off(make_httpd: Any) -> None:
    server = make_httpd()
    server.env.write("python/.htaccess", "PythonOption a b\n")
    server.env.write("python/x.html", "static\n")
    server.env.write("files/.htaccess",
                     "<Files x.html>\nPythonDebug On\n</Files>\n")
    server.env.write("other/.htaccess", "DirectoryIndex x.html\n")
    server.env.write("other/x.html", "static\n")
    server.start("""
        PythonHtaccess Off
        <VirtualHost 127.0.0.1:${PORT1}>
            ServerName localhost
            DocumentRoot ${DOCROOT}
        </VirtualHost>
        <VirtualHost 127.0.0.1:${PORT2}>
            ServerName localhost
            DocumentRoot ${DOCROOT}
            PythonOption c d
        </VirtualHost>
    """)
    for number in range(3):
        with Client(server.port(number)) as client:
            assert client.text("/other/") == "static\n"
            for name, line in (("python", "PythonOption"),
                               ("files", "PythonDebug")):
                assert client.get(f"/{name}/x.html").status_code == 500
                server.log.expect(
                    f"{name}/.htaccess: {line} is not allowed in .htaccess "
                    "because of PythonHtaccess Off")


# -- values -----------------------------------------------------------------


def test_options_merge_by_key(client: Client) -> None:
    assert client.json("/x")["options"] == {
        "shared": "base", "only_base": "base",
        "mod_python.session.cookie_name": "base"}
    # an option of a former name replaces that of the present one
    assert client.json("/values/x")["options"] == {
        "shared": "directory", "own": "two words",
        "session_cookie_name": "directory"}
    assert client.json("/values/inner/x")["options"] == {
        "shared": "inner", "session_cookie_name": "directory"}


def test_config_merges_by_directive(client: Client) -> None:
    assert client.json("/x")["config"] == {"PythonDebug": "1"}
    report = client.json("/values/x")
    assert report["config"] == {"PythonDebug": "0", "PythonAutoReload": "0",
                                "PythonInterpreter": "chosen"}
    assert report["interpreter"] == "chosen"
    report = client.json("/values/inner/x")
    assert report["config"]["PythonInterpreter"] == "other"
    assert report["config"]["PythonAutoReload"] == "0"
    assert report["interpreter"] == "other"


def test_virtual_host(host: Client, plain_host: Client) -> None:
    report = host.json("/x")
    assert [row[:3] for row in report["ran"]] == [["d", None, 0]]
    assert report["options"] == {
        "shared": "host", "only_base": "base", "host_only": "host",
        "mod_python.session.cookie_name": "base"}
    assert report["config"] == {"PythonDebug": "0"}
    assert report["interpreter"] == "host.test"
    assert ran(host, "/append/x") == ["access", "a", "b", "c"]
    # one without a directive of its own
    report = plain_host.json("/x")
    assert report["ran"] == []
    assert report["options"]["shared"] == "base"
    assert report["interpreter"] == "plain.test"


def test_server_tables(client: Client, host: Client) -> None:
    options, config = client.json("/server")
    assert options["shared"] == "base"
    assert config == {"PythonDebug": "1"}
    options, config = host.json("/server")
    assert options == {
        "shared": "host", "only_base": "base", "host_only": "host",
        "mod_python.session.cookie_name": "base"}
    assert config == {"PythonDebug": "0"}
