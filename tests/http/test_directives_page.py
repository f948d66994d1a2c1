# Licensed under the Apache License, Version 2.0; see LICENSE.
"""docs/directives.md and the tables of the C code say the same."""
from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from harness.build import SOURCE
from harness.client import Client
from harness.conf import EVAL
from harness.httpd import Httpd

CONFIG = EVAL

PAGE = (SOURCE / "docs" / "directives.md").read_text()
# | `PythonX args` | S V D H | ...
ROW = re.compile(r"^\| `(Python\w+)[^`]*` \| ([SVDH ]+) \|", re.MULTILINE)
# ### PythonX, PythonY ... and the first letters of the text below its usage
SECTION = re.compile(r"^### (Python.*)\n\n(?:    .*\n)+\n([SVDH]( [VDH])*)\. ",
                     re.MULTILINE)

# What each takes, if not one handler.
ARGUMENTS = {
    "PythonAuthnProvider": "x y", "PythonAuthzProvider": "x y",
    "PythonImport": "x y", "PythonPath": '"[]"', "PythonOption": "k v",
    "PythonHome": "", "PythonOptimize": "On", "PythonSwitchInterval": "0.01",
    "PythonInterpreterOptions": "x gil=shared", "PythonHtaccess": "On",
    "PythonHandlerTimeout": "1", "PythonInterpPerDirectory": "On",
    "PythonInterpPerDirective": "On", "PythonDebug": "On",
    "PythonEnablePdb": "On", "PythonAutoReload": "On",
}


def documented() -> dict[str, str]:
    """directive -> its contexts, as the page has them."""
    found = {name: contexts.strip() for name, contexts in ROW.findall(PAGE)}
    for names, contexts, _ in SECTION.findall(PAGE):
        found.update(dict.fromkeys(names.split(", "), contexts))
    return found


@pytest.fixture(scope="module")
def listed(httpd: Httpd) -> dict[str, str]:
    """directive -> what httpd -L says about it."""
    command = httpd._command("check", "", ())
    done = subprocess.run([*command, "-L"], capture_output=True, text=True,
                          timeout=60, env=httpd._environ(None))
    return dict(re.findall(
        r"^(Python\w+) \(mod_python\.c\)\n((?:\t.*\n)+)", done.stdout,
        re.MULTILINE))


@pytest.mark.mpm("event")
def test_all_are_there(listed: dict[str, str]) -> None:
    assert set(documented()) == set(listed)
    assert set(ARGUMENTS) <= set(listed)


@pytest.mark.mpm("event")
def test_contexts(httpd: Httpd, listed: dict[str, str]) -> None:
    """Each is accepted where the page says, and nowhere else."""
    places: dict[str, Callable[[str], str]] = {
        "S": "{}\n".format,
        "V": "<VirtualHost 127.0.0.1:1>\n{}\n</VirtualHost>\n".format,
        "D": '<Directory "/srv">\n{}\n</Directory>\n'.format}
    # any PythonHome but that of the build is refused
    rows = {name: (f"{name} {ARGUMENTS.get(name, 'module')}", contexts)
            for name, contexts in documented().items() if name != "PythonHome"}
    for letter, place in places.items():
        all_of_them = "\n".join(line for line, contexts in rows.values()
                                if letter in contexts)
        check = httpd.check_config(place(all_of_them))
        assert check.rc == 0, check.stderr
        for line, contexts in rows.values():
            if letter not in contexts:
                assert httpd.check_config(place(line)).rc != 0, (line, letter)
    assert {name for name, contexts in documented().items() if "H" in contexts
            } == {name for name, text in listed.items()
                  if "and in .htaccess" in text}


@pytest.mark.mpm("event")
def test_phases(client: Client) -> None:
    """Order, default objects, what goes on, extension lists."""
    table = re.findall(r"^\| `(Python\w+)` \| [SVDH ]+ \| `(\w+)`[^|]* \| "
                       r"([\w, ]+) \| ([\w ]+) \|$", PAGE, re.MULTILINE)
    goes_on = {"first": "DECLINED", "all": "OK, DECLINED", "void": "any"}
    real = [
        [directive, function, goes_on[run],
         "no" if not ext else "in sections" if directive == "PythonInitHandler"
         else "yes"]
        for directive, function, run, _, ext, _ in client.eval(
            "list(map(list, __import__('_apache').phases))")
        if not directive.startswith("PythonChild")]
    extensions = {directive for directive, *_, ext in real if ext != "no"}
    assert extensions >= {"PythonHandler", "PythonInitHandler"}
    assert [list(row) for row in table] == real
