# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``mod_python doctor``: one line for each thing that must be right."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

from mod_python import _serverconf, version
from mod_python._install import Installation, SetupError, own_module
from mod_python.cli import _places, _serve, _siteconf
from mod_python.cli._target import Target
from mod_python.cli._terminal import CommandError, fail, show_json, stdout

AUTH_MODULES = "authn_core authn_file authz_core authz_user auth_basic".split()


class Check(NamedTuple):
    """What was looked at, what was found; a failure says what to do."""

    name: str
    ok: bool
    text: str


def run(options: Namespace) -> int:
    """The command: 0 when all is well."""
    found = [_checked(name, function, options) for name, function in CHECKS]
    checks = [one for one in found if one is not None]
    if options.json:
        show_json([one._asdict() for one in checks])
    else:
        terminal = stdout()
        for one in checks:
            word = terminal.paint("ok  ", "green") if one.ok else terminal.paint(
                "FAIL", "red")
            terminal.line(f"{word} {one.name:<8} {one.text}")
    return 0 if all(one.ok for one in checks) else 1


def _checked(name: str, function: Callable[[Namespace], str | None],
             options: Namespace) -> Check | None:
    try:
        text = function(options)
    except (CommandError, SetupError) as failure:
        return Check(name, False, str(failure))
    return None if text is None else Check(name, True, text)


def _httpd(options: Namespace) -> str:
    found = Installation.find(options.httpd)
    numbers = tuple(int(part) for part in found.version.split(".")[:2])
    if numbers < (2, 4):
        fail(f"MP0720: {found.httpd} is httpd {found.version}: 2.4 or later is needed")
    return f"{found.httpd} {found.version}"


def _mpm(options: Namespace) -> str:
    found = Installation.find(options.httpd).mpms()
    if not found:
        fail("MP0705: this httpd has no MPM: install its modules (Debian: "
             "apt-get install apache2-bin)")
    return ", ".join(found)


def _module(options: Namespace) -> str:
    module = own_module()
    if not module.is_file():
        fail(f"MP0706: {module} does not exist: install mod_python with pip; the "
             "source tree alone is not enough")
    _load(Installation.find(options.httpd))
    return f"{module} loads"


def _load(installation: Installation) -> None:
    """Does httpd take it?"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "httpd.conf")
        mpm = installation.mpms()[:1]
        lines = [
            f'ServerRoot "{directory}"',
            *_serverconf.load_lines(installation,
                                    [f"mpm_{name}" for name in mpm] + ["unixd"]),
            *_siteconf.python_lines(),
            *_serverconf.user_lines(),
            "Listen 127.0.0.1:1",
            "ServerName localhost",
            "ErrorLog /dev/stderr",
        ]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        done = subprocess.run([installation.httpd, "-t", "-f", path], text=True,
                              capture_output=True, errors="backslashreplace",
                              check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        fail(f"MP0721: httpd does not take the module: {said[-1] if said else '?'}; "
             "build mod_python again for this httpd and this Python")


def _python(_: Namespace) -> str:
    built = version.PYTHON_BIN
    if not built:
        fail("MP0706: this mod_python is not built: install it with pip")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    done = subprocess.run(
        [built, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=False) if os.path.exists(built) else None
    if done is None or done.returncode != 0:
        fail(f"MP0722: {built}, for which mod_python was built, is gone: install "
             "mod_python again")
    if done.stdout.strip() != here:
        fail(f"MP0722: mod_python was built for Python {done.stdout.strip()} "
             f"({built}), and this is {here}: install it with {sys.executable}")
    return f"{here}, {built}"


def _home(_: Namespace) -> str:
    """Can the user of httpd's children read that Python, and us?"""
    names = _serverconf.run_user()
    user, group = names or (None, None)
    place = os.path.dirname(os.path.dirname(os.path.abspath(version.__file__)))
    try:
        done = subprocess.run(
            [version.PYTHON_BIN or sys.executable, "-c",
             "import encodings, mod_python"],
            cwd="/", user=user, group=group, extra_groups=[] if names else None,
            env={**os.environ, "PYTHONPATH": place}, capture_output=True, check=False)
        readable = done.returncode == 0
    except OSError:
        readable = False
    who = user or "you"
    if not readable:
        fail(f"MP0707: {who}, who httpd's children are, cannot use {sys.prefix} or "
             f"{place}: put both where that user can read (not below /root)")
    return f"{who} can read {sys.prefix}"


def _uploads(_: Namespace) -> str:
    if find_spec("multipart") is None:
        fail("MP0723: the package multipart is missing, uploads in forms need it: pip "
             "install 'multipart>=1.3'")
    return "multipart is installed"


def _auth(options: Namespace) -> str:
    installation = Installation.find(options.httpd)
    missing = [name for name in AUTH_MODULES if not installation.has(name)]
    if missing:
        fail("MP0724: httpd lacks mod_" + ", mod_".join(missing) + ": handlers for "
             "users need them; install httpd's modules")
    return "modules for users and passwords are there"


def _port(options: Namespace) -> str:
    _places.check_port(options.host, options.port)
    return f"{options.host}:{options.port} is free"


def _target(options: Namespace) -> str | None:
    if options.target is None:
        return None
    target = Target.parse(options.target)
    port = _places.free_port("127.0.0.1")
    site = _siteconf.Site(
        directory=_places.runtime_directory() / str(port),
        mounts=[("/", target)], port=port)
    installation = Installation.find(options.httpd)
    _serve.check_readable(site)
    problem = _serve.probe(site, installation)
    if problem is not None:
        fail(f"MP0710: {target.text} cannot be imported inside httpd: {problem}")
    return f"{target.text} can be imported inside httpd"


CHECKS: list[tuple[str, Callable[[Namespace], str | None]]] = [
    ("httpd", _httpd),
    ("mpm", _mpm),
    ("python", _python),
    ("module", _module),
    ("user", _home),
    ("auth", _auth),
    ("uploads", _uploads),
    ("port", _port),
    ("target", _target),
]
