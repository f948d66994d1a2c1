# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Configuration as a request sees it, and what it adds for itself."""
from __future__ import annotations

import subprocess

import pytest

from harness import sanitizer
from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

ORDER = ["PostReadRequest", "Init", "Trans", "HeaderParser", "Access",
         "Authen", "Authz", "Type", "Fixup", ""]

CONFIG = EVAL + """
PythonPostReadRequestHandler test_request_config::add_all
PythonOption gone server
PythonOption changed server
PythonOption inner server
PythonDebug Off

<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_config
</Directory>

<VirtualHost 127.0.0.1:${PORT1}>
    ServerName localhost
    PythonPostReadRequestHandler test_request_config::early
    PythonFixupHandler test_request_config::late
    <Directory "${DOCROOT}/options">
        PythonOption inner directory
        PythonOption changed directory
        PythonDebug On
        PythonHandler test_request_config::options
    </Directory>
</VirtualHost>

<Location /all>
    AuthType Basic
    AuthName test
    Require valid-user
    PythonFixupHandler test_request_config::configured
    PythonHandler test_request_config::content
</Location>

<Directory "${DOCROOT}/dirs/a">
    PythonHandler test_request_config::from_dir
</Directory>
<Directory "${DOCROOT}/dirs/b">
    PythonFixupHandler test_request_config::inherits
    PythonHandler in_dir::first
</Directory>
"""

REQUIRE = """
<Directory "${DOCROOT}/require">
    AuthType Basic
    AuthName test
    PythonAuthenHandler test_request_config::requires
    PythonHandler test_request_config::required
    Require user "joe" jim
    Require valid-user
    <Limit PUT>
        Require method PUT
    </Limit>
</Directory>
<Directory "${DOCROOT}/require/any">
    <RequireAny>
        Require user joe
        <RequireAll>
            Require not user jim
            Require valid-user
        </RequireAll>
    </RequireAny>
</Directory>
<Directory "${DOCROOT}/require/merged">
    AuthMerging Or
    Require user jim
</Directory>
<Directory "${DOCROOT}/require/inherited">
    PythonOption a b
</Directory>
<Directory "${DOCROOT}/exts">
    PythonHandler test_request_config::exts
    AddHandler mod_python .ONE two
    AddHandler python-program .three
    AddHandler send-as-is .four
</Directory>
<Directory "${DOCROOT}/exts/inner">
    RemoveHandler .two
    AddHandler send-as-is .three
    AddHandler mod_python .five
</Directory>
"""


def configure(env: Env) -> str:
    for name in ("options", "require/any", "require/merged",
                 "require/inherited", "require/htaccess", "exts/inner", "dirs/a"):
        env.directory(str(env.docroot / name))
    env.write("require/htaccess/.htaccess", "Require user joe")
    env.write("exts/inner/.htaccess", "AddHandler mod_python .six")
    env.write("dirs/x/in_dir.py", """
from mptest import reply
def handler(req):
    return reply(req, [req.hlist.directory, __file__])
""")
    env.write("dirs/b/in_dir.py", """
from mod_python import apache
from mptest import reply
def first(req):
    req.place = req.hlist.directory
    return apache.OK
def handler(req):
    return reply(req, [req.place, req.hlist.directory])
""")
    return REQUIRE.replace("test_request_config::exts", "mptest::evaluate")


# ---- directives and options ----

def test_tables_follow_the_walk_and_keep_changes(httpd: Httpd) -> None:
    with Client(httpd.port(1)) as client:
        early, options, same, config = client.json("/options/")
    assert early == [
        {"gone": "server", "changed": "server", "inner": "server"}, "0"]
    assert options == {"changed": "early", "inner": "directory",
                       "added": "early", "late": "fixup"}
    assert same
    assert config["PythonDebug"] == "1"


def test_changes_are_of_one_request(client: Client) -> None:
    expression = ("[dict(req.get_options()), req.get_options().add('x', 'y'),"
                  " dict(req.get_options())]")
    server = {"gone": "server", "changed": "server", "inner": "server"}
    for _ in range(3):
        assert client.eval(expression) == [server, None, {**server, "x": "y"}]


# ---- what other modules are told ----

@pytest.mark.parametrize("path, method, lines", [
    ("", "GET", ['user "joe" jim', "valid-user"]),
    ("", "PUT", ['user "joe" jim', "valid-user", "method PUT"]),
    ("any/", "GET", ["user joe", "not user jim", "valid-user"]),
    ("merged/", "GET", ['user "joe" jim', "valid-user", "user jim"]),
    ("inherited/", "GET", ['user "joe" jim', "valid-user"]),
    ("htaccess/", "GET", ["user joe"]),
])
def test_requires(client: Client, path: str, method: str,
                  lines: list[str]) -> None:
    assert client.json(f"/require/{path}", method) == lines


def test_document_root(client: Client, env: Env) -> None:
    assert client.eval("req.document_root()") == str(env.docroot)
    # of the document root only "granted" is in effect
    assert client.eval("req.requires()") == ["all granted"]


@pytest.mark.parametrize("path, extensions", [
    ("/exts/", ["one", "two", "three"]),
    ("/exts/inner/", ["one", "five", "six"]),
    ("/other/", []),
])
def test_addhandler_exts(client: Client, path: str,
                         extensions: list[str]) -> None:
    if path == "/other/":
        found = client.eval("req.get_addhandler_exts()")
    else:
        found = client.json(path, headers={
            "X-Eval": "req.get_addhandler_exts()"})
    assert sorted(found.split()) == sorted(extensions)


def test_directives_of_missing_modules_stay_errors(httpd: Httpd) -> None:
    text = httpd.env.write_config("", "bare").read_text()
    for module, line in (("authz_core", "Require all denied"),
                         ("authz_core", "AuthMerging Off"),
                         ("mime", "AddHandler mod_python .py"),
                         ("mime", "RemoveHandler .py")):
        kept = [one for one in text.splitlines()
                if f"mod_{module}.so" not in one
                and not one.lstrip().startswith(("Require", "TypesConfig"))]
        result = check(httpd, "\n".join(
            [*kept, "<Directory />", line, "</Directory>", ""]))
        assert f"Invalid command '{line.split()[0]}'" in result


def check(httpd: Httpd, text: str) -> str:
    """What httpd -t says about a whole configuration."""
    env = httpd.env
    path = env.root / "conf" / "bare.conf"
    path.write_text(text)
    done = subprocess.run(
        [env.installation.httpd, "-t", "-d", str(env.root), "-f", str(path)],
        capture_output=True, text=True, timeout=30,
        env=env.httpd_environ(sanitizer.environ(env.root / "sanitizer")))
    assert done.returncode != 0
    return done.stderr


# ---- add_handler() ----

def test_add_to_every_phase(client: Client, log: ErrorLog) -> None:
    expected = []
    for name in ORDER:
        phase = f"Python{name}Handler"
        if name == "Fixup":
            expected.append("configured")
        expected.append(f"{phase}:callable")
        if name != "Authen":
            expected.append(f"{phase}:name")
    # the content handler that is configured runs before those added
    assert client.json("/all", auth=("joe", "x")) == expected[:-2]
    log.expect("PythonHandler:callable PythonHandler:name "
               "PythonLogHandler:callable$")
    log.expect("PythonLogHandler:callable PythonLogHandler:name$")


def test_add_to_the_running_phase(client: Client) -> None:
    assert client.json("/running") == [
        "test_request_config", True, None, True, "PythonHandler"]


def test_add_objects(client: Client) -> None:
    assert client.json("/instance") == ["call", "method"]


def test_errors(client: Client) -> None:
    answer = client.json("/errors")
    assert answer.pop("nothing added") is None
    types = {"int phase", "int handler", "none handler", "int dir", "too few"}
    assert answer == {name: "TypeError" if name in types else "ValueError"
                      for name in answer}


def test_error_in_a_callable(client: Client, log: ErrorLog) -> None:
    assert client.get("/failing").status_code == 500
    log.expect(r"PythonHandler test_request_config::failing\.<locals>\.fails")


def test_dir(client: Client, env: Env) -> None:
    place = f"{env.docroot}/dirs/x/"
    assert client.json("/dirs/a/?dirs/y/../x") == [place, f"{place}in_dir.py"]


def test_dir_is_that_of_the_phase(client: Client, env: Env) -> None:
    place = f"{env.docroot}/dirs/b/"
    assert client.json("/dirs/b/") == [place, place]


# ---- filters, log, cleanups ----

def test_filter_errors(client: Client) -> None:
    answer = client.json("/filters")
    assert answer == {
        "unknown in": "ValueError", "unknown out": "ValueError",
        "other direction": "ValueError", "int": "TypeError",
        "ours": "ValueError", "empty": "ValueError",
        "empty handler": "ValueError", "no handler": "TypeError",
        "relative": "ValueError", "httpd's": ""}


def test_own_filters(client: Client, log: ErrorLog) -> None:
    response = client.post("/own_filters", data=b"some body")
    assert response.text == "<SOME BODY>"
    log.expect(r"late \['ValueError', 'mine'\] PythonLogHandler")


def test_log_error(client: Client, log: ErrorLog) -> None:
    first, second = client.json("/log")
    assert first.startswith("TypeError")
    assert second.startswith("TypeError")
    for line in (r"python:error.*127\.0\.0\.1:\d+\] \xe2\x82\xac one$|"
                 "python:error.* one$", "python:error.* two$",
                 "python:notice.* bytes$"):
        log.expect(line)
    assert not log.records("None$|debug$")


def test_cleanups(client: Client, log: ErrorLog) -> None:
    assert client.json("/cleanups") == [
        "TypeError: callable must be callable, not int",
        "TypeError: register_cleanup() missing required argument "
        "'callable' (pos 1)"]
    log.expect("MP0260")
    log.expect("cleanup None /cleanups")
    order = [one.line.rpartition("cleanup ")[2] for one in
             log.records("cleanup (None|second) /cleanups|MP0260")]
    assert order[0] == "second /cleanups"
    assert order[2] == "None /cleanups"
    assert not log.records("never")
