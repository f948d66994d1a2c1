# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Arguments and contexts of the directives, as httpd -t sees them.

What the directives do is tested elsewhere: merging in test_sections.py, the
rest with its subject.
"""
from __future__ import annotations

from typing import Any

import pytest

from harness.client import Client
from harness.httpd import Httpd, StartError

pytestmark = pytest.mark.mpm("event")

SERVER_PHASES = ["PythonPreConnectionHandler", "PythonConnectionHandler",
                 "PythonPostReadRequestHandler", "PythonQuickHandler",
                 "PythonPreTranslateHandler", "PythonTransHandler",
                 "PythonMapToStorageHandler"]
CHILD_PHASES = ["PythonChildInitHandler", "PythonChildExitHandler"]
PHASES = ["PythonInitHandler", "PythonHeaderParserHandler",
          "PythonAccessHandler", "PythonAuthenHandler", "PythonAuthzHandler",
          "PythonTypeHandler", "PythonFixupHandler", "PythonHandler",
          "PythonLogHandler", "PythonCleanupHandler"]
FLAGS = ["PythonInterpPerDirectory", "PythonInterpPerDirective",
         "PythonDebug", "PythonEnablePdb", "PythonAutoReload"]

# lines that are right, by the contexts they are allowed in
ANYWHERE = [
    *(f"{name} mod" for name in PHASES),
    *(f"{name} mod::f ./file.py \"/with blank.py\"" for name in PHASES),
    *(f"{name} None" for name in PHASES),
    *(f"{name} {value}" for name in FLAGS for value in ("On", "off")),
    "PythonHandlerTimeout 30", "PythonHandlerTimeout 0.5",
    "PythonHandlerTimeout 0",
    "PythonHandlerModule mod", "PythonHandlerModule pkg.mod",
    "PythonPath \"sys.path + ['/x']\"", "PythonInterpreter one",
    "PythonOption key", "PythonOption key value",
    'PythonOption key "some words"', 'PythonOption key ""',
]
IN_SECTIONS = [
    *(f"{name} mod | .html .b.txt" for name in PHASES),
    *(f"{name} mod |.html" for name in PHASES),
    *(f"{name} None | .html" for name in PHASES),
]
NOT_IN_HTACCESS = [
    "PythonInputFilter mod", "PythonInputFilter mod::f NAME",
    "PythonOutputFilter mod", "PythonOutputFilter mod::f NAME",
]
SERVER_AND_HOST = [
    *(f"{name} mod::f other" for name in SERVER_PHASES),
    "PythonImport mod main_interpreter", "PythonImport mod::f some",
    "PythonOption mod_python.log.stderr_level info",
]
SERVER_ONLY = [
    *(f"{name} mod" for name in CHILD_PHASES),
    *(f"{name} mod::f some" for name in CHILD_PHASES),
    "PythonOptimize On", "PythonOptimize Off", "PythonOptimize 2",
    "PythonSwitchInterval 0.0002", "PythonSwitchInterval 1",
    "PythonInterpreterOptions one", "PythonInterpreterOptions two gil=shared",
    "PythonHtaccess On", "PythonHtaccess Off",
    "PythonOption mod_python.mutex_locks 1",
    "PythonOption mod_python.mutex_directory /tmp",
]
SECTIONS = ['Directory "/srv"', 'DirectoryMatch "^/srv"', "Location /a",
            'LocationMatch "^/a"', "Files x.html", 'FilesMatch "^x"',
            'If "true"']

# (context, line, what the message says)
WRONG = [
    ("D", "PythonHandler", "write PythonHandler handler"),
    ("D", "PythonHandler | .html", "write PythonHandler handler"),
    ("D", "PythonHandler mod |", "write one, such as | .html"),
    ("D", "PythonHandler mod | html", "write .html"),
    ("D", "PythonHandler mod | .x | .y", 'more than one "|"'),
    ("D", "PythonHandler mod|.html", "write a blank before"),
    ("D", "PythonHandler mod None", "write None alone"),
    ("D", "PythonHandler mod::", "write mod::object or mod"),
    ("D", "PythonHandler ::f", "write module::f"),
    ("D", 'PythonHandler ""', "write module or module::object"),
    ("S", "PythonTransHandler mod | .html", "takes no extensions"),
    ("S", "PythonPostReadRequestHandler mod | .x", "takes no extensions"),
    ("S", "PythonConnectionHandler mod | .html", "takes no extensions"),
    ("S", "PythonInitHandler mod | .x", "write it into a <Directory>"),
    ("V", "PythonInitHandler mod | .x", "write it into a <Directory>"),
    ("D", "PythonHandlerModule", "write: PythonHandlerModule module"),
    ("D", "PythonHandlerModule mod | .x", "write: PythonHandlerModule module"),
    ("D", "PythonHandlerModule mod::f", "write PythonHandlerModule mod"),
    ("D", "PythonInputFilter", "write: PythonInputFilter handler [name]"),
    ("D", "PythonOutputFilter a b c", "PythonOutputFilter handler [name]"),
    ("S", "PythonImport mod", "PythonImport module[::function] interpreter"),
    ("S", "PythonImport a b c", "module[::function] interpreter"),
    ("S", "PythonImport mod:: one", "write mod::object or mod"),
    ("D", "PythonPath sys.path + ['/x']", "in double quotes"),
    ("D", 'PythonPath ""', "in double quotes"),
    ("D", "PythonInterpreter", "write: PythonInterpreter name"),
    ("D", 'PythonInterpreter ""', "write: PythonInterpreter name"),
    *(("D", f"{name} yes", "must be On or Off") for name in FLAGS),
    ("S", "PythonHtaccess yes", "must be On or Off"),
    *(("D", f"PythonHandlerTimeout {value}", "a number of seconds, such as")
      for value in ("x", "-1", "1s", "nan", "inf", "1e30")),
    ("D", "PythonHandlerTimeout", "write: PythonHandlerTimeout seconds"),
    ("D", "PythonOption", "write: PythonOption key [value]"),
    ("D", "PythonOption key some words", "quotes around a value"),
    ("S", "PythonOption mod_python.mutex_locks x", "from 1 to"),
    ("S", "PythonOption mod_python.mutex_locks 0", "from 1 to"),
    ("S", "PythonOptimize 3", "must be On (as python -O), Off or 2"),
    ("S", "PythonSwitchInterval 0", "a number of seconds above 0"),
    ("S", "PythonSwitchInterval soon", "such as 0.005"),
    ("S", "PythonInterpreterOptions", "PythonInterpreterOptions name"),
    ("S", "PythonInterpreterOptions a gil=both", "must be shared or own"),
    ("S", "PythonInterpreterOptions a instances=many", "from 1 to 64"),
    ("S", "PythonInterpreterOptions a threads=2", "is no option"),
    ("S", "PythonInterpreterOptions a gil=shared instances=2", "gil=own"),
    ("S", "PythonInterpreterOptions main_interpreter gil=own",
     "another PythonInterpreter"),
    ("D", "PythonInterpreterOptions a",
     "PythonInterpreterOptions not allowed"),
    ("S", 'PythonHome ""', "write: PythonHome path"),
    ("S", "PythonHome a b", "write: PythonHome path"),
    # contexts
    *(("D", f"{name} mod", f"{name} not allowed")
      for name in SERVER_PHASES),
    ("D", "PythonImport mod one", "PythonImport not allowed"),
    ("D", "PythonHome /usr", "PythonHome not allowed"),
    ("D", "PythonHtaccess Off", "PythonHtaccess not allowed"),
    *(("S", f"{name} a b c", f"write: {name} handler [interpreter]")
      for name in CHILD_PHASES),
    *(("V", line, "write it into the main server configuration")
      for line in (*(f"{name} mod" for name in CHILD_PHASES),
                   "PythonHome /usr", "PythonOptimize On",
                   "PythonSwitchInterval 1", "PythonHtaccess Off",
                   "PythonInterpreterOptions a",
                   "PythonOption mod_python.mutex_locks 3",
                   "PythonOption mod_python.mutex_directory /tmp")),
    ("D", "PythonOption mod_python.mutex_locks 3", "main server"),
    ("D", "PythonOption mod_python.log.stdout_level info",
     "write it into the server configuration"),
]


def host(*lines: str) -> str:
    text = "\n".join(lines)
    return f"<VirtualHost 127.0.0.1:*>\n{text}\n</VirtualHost>\n"


def section(name: str, *lines: str) -> str:
    text = "\n".join(lines)
    return f"<{name}>\n{text}\n</{name.partition(' ')[0]}>\n"


@pytest.mark.parametrize("context, line, says", WRONG)
def test_wrong_line(httpd: Httpd, context: str, line: str, says: str) -> None:
    text = {"S": line, "V": host(line),
            "D": section('Directory "/srv"', line)}[context]
    status, stderr = httpd.check_config(text)
    assert status != 0
    messages = [one for one in stderr.splitlines() if one and not
                one.startswith("AH")]
    assert len(messages) == 1, stderr
    assert says in messages[0]
    assert line.split()[0] in messages[0]


@pytest.mark.parametrize("line", [
    f"{name} mod" for name in SERVER_PHASES + CHILD_PHASES]
    + ["PythonHtaccess Off"])
@pytest.mark.parametrize("name", SECTIONS)
def test_server_directive_in_a_section(httpd: Httpd, name: str,
                                       line: str) -> None:
    status, stderr = httpd.check_config(section(name, line))
    assert status != 0
    assert "not allowed" in stderr


def test_right_lines(httpd: Httpd) -> None:
    everywhere = ANYWHERE + NOT_IN_HTACCESS
    inner = everywhere + IN_SECTIONS
    text = "\n".join(everywhere + SERVER_AND_HOST + SERVER_ONLY) + "\n"
    text += "".join(section(name, *inner) for name in SECTIONS)
    text += host(*everywhere, *SERVER_AND_HOST,
                 *(section(name, *inner) for name in SECTIONS))
    status, stderr = httpd.check_config(text)
    assert status == 0, stderr


def test_right_lines_of_htaccess(client: Client, httpd: Httpd) -> None:
    # there are no such modules: what would run them is left out
    lines = [line for line in ANYWHERE + IN_SECTIONS
             if line.partition(" ")[0] not in PHASES]
    lines += [f"{name} None | .html" for name in PHASES]
    httpd.env.write("all/.htaccess", "\n".join(
        [*lines, "PythonPath \"sys.path\"", "PythonHandlerModule None",
         "SetHandler default-handler", ""]))
    httpd.env.write("all/x.txt", "static\n")
    assert client.text("/all/x.txt") == "static\n"


def test_if_module(httpd: Httpd) -> None:
    status, stderr = httpd.check_config(
        "<IfModule mod_python.c>\nDefine BY_FILE\n</IfModule>\n"
        "<IfModule python_module>\nDefine BY_NAME\n</IfModule>\n"
        "<IfDefine !BY_FILE>\nWrongLine\n</IfDefine>\n"
        "<IfDefine !BY_NAME>\nWrongLine\n</IfDefine>\n")
    assert status == 0, stderr


@pytest.mark.mpm("prefork", "worker", "event")
@pytest.mark.parametrize("locks, expected", [
    ("", "8 session locks"),
    ("PythonOption mod_python.mutex_locks 1", "1 session lock and"),
    ("PythonOption mod_python.mutex_locks 20\n"
     'PythonOption mod_python.mutex_directory "${ROOT}/var"',
     "20 session locks and a reserved one, .* directory .*/var"),
], ids=["default", "one", "directory"])
def test_locks(make_httpd: Any, locks: str, expected: str) -> None:
    server = make_httpd()
    server.start(locks)
    # once, although httpd reads its configuration twice
    assert len(server.log.records("session lock")) == 1
    assert len(server.log.records(expected)) == 1


@pytest.mark.mpm("prefork", "worker", "event")
def test_locks_after_a_restart(make_httpd: Any) -> None:
    server = make_httpd()
    server.start("PythonOption mod_python.mutex_locks 3")
    server.graceful()
    server.restart()
    assert len(server.log.records("3 session locks")) == 3


def test_lock_directory_is_missing(make_httpd: Any) -> None:
    server = make_httpd()
    with pytest.raises(StartError, match="MP0002: cannot make the lock file"):
        server.start(
            'PythonOption mod_python.mutex_directory "/nowhere"')
