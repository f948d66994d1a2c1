# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Whatever goes wrong where access is decided, access is denied: every error
in every hook that decides."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from requests.auth import HTTPDigestAuth

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

MODULE = "test_fail_closed"
JOE = ("joe", "secret")

# What is wrong whoever asks: handler strings.
ALWAYS = ["no_such_module", "no_such_package.module", "broken_syntax",
          "broken_import", f"{MODULE}::no_such_function",
          *(f"{MODULE}::{name}" for name in (
              "nothing_there", "number", "raises", "exits", "interrupts",
              "recursion", "memory", "generator_exit", "unprintable", "group",
              "coroutine", "generator", "returns_text", "returns_empty",
              "returns_float", "returns_list", "returns_huge",
              "returns_no_status", "returns_odd", "server_return_empty",
              "server_return_none", "server_return_text",
              "server_return_bool", "server_return_huge",
              "server_return_status", "no_arguments", "NeedsMore.check",
              "bad.check", "bad.missing"))]
HANDLERS = ["returns_none", "returns_true", "returns_false"]
PROVIDERS = ["returns_ok", "returns_one", "server_return_ok", "declines"]
# None and False are answers of authn providers
AUTHZ_PROVIDERS = ["returns_none"]
DIGEST = ["returns_true", "returns_false", "returns_short", "returns_no_hex",
          "returns_wide", "returns_surrogate", "returns_bytes"]
DIGEST_ALWAYS = [spec for spec in ALWAYS
                 if not re.search(r"broken|no_such|\.|coroutine", spec)]


def of_module(names: list[str]) -> list[str]:
    return [f"{MODULE}::{name}" for name in names]


BASIC = 'AuthType Basic\nAuthName x\n'
USER = f"{BASIC}PythonAuthenHandler test_fail_closed::joe\n"

# hook -> (specs, what stands in front, what stands in the section)
HOOKS: dict[str, tuple[list[str], str, str]] = {
    "access": (ALWAYS + of_module(HANDLERS), "",
               "PythonAccessHandler {spec}"),
    "access_debug": (ALWAYS + of_module(HANDLERS), "",
                     "PythonDebug On\nPythonAccessHandler {spec}"),
    "authen": (ALWAYS + of_module(HANDLERS), "",
               BASIC + "Require valid-user\nPythonAuthenHandler {spec}"),
    "authen_debug": (ALWAYS + of_module(HANDLERS), "",
                     BASIC + "Require valid-user\nPythonDebug On\n"
                     "PythonAuthenHandler {spec}"),
    "authz": (ALWAYS + of_module(HANDLERS), "",
              BASIC + "Require valid-user\nAuthBasicProvider anybody\n"
              "PythonAuthzHandler {spec}"),
    "authz_debug": (ALWAYS + of_module(HANDLERS), "",
                    BASIC + "Require valid-user\nAuthBasicProvider anybody\n"
                    "PythonDebug On\nPythonAuthzHandler {spec}"),
    "authn_provider": (
        ALWAYS + of_module(PROVIDERS),
        "PythonAuthnProvider {name} {spec}",
        BASIC + "AuthBasicProvider {name}\nRequire valid-user"),
    # another provider that would grant, and leave to pass on
    "authn_open": (
        ALWAYS + of_module(PROVIDERS), "",
        BASIC + "AuthBasicProvider authn_provider-{number} anybody\n"
        "AuthBasicAuthoritative Off\nRequire valid-user"),
    "digest": (
        of_module([spec.partition("::")[2].join(("digest_", ""))
                   for spec in DIGEST_ALWAYS]
                  + [f"digest_{name}" for name in DIGEST]),
        "PythonAuthnProvider {name} {spec}",
        "AuthType Digest\nAuthName x\nAuthDigestProvider {name}\n"
        "Require valid-user"),
    "authz_provider": (
        ALWAYS + of_module(PROVIDERS + AUTHZ_PROVIDERS),
        "PythonAuthzProvider {name} {spec}", "Require {name} joe"),
    "authz_not": (
        ALWAYS + of_module(PROVIDERS + AUTHZ_PROVIDERS), "",
        "<RequireAll>\nRequire all granted\n"
        "Require not authz_provider-{number} joe\n</RequireAll>"),
    "authz_none": (
        ALWAYS + of_module(PROVIDERS + AUTHZ_PROVIDERS), "",
        "<RequireAll>\nRequire all granted\n<RequireNone>\n"
        "Require authz_provider-{number} joe\n</RequireNone>\n</RequireAll>"),
    "authz_any": (
        ALWAYS + of_module(PROVIDERS + AUTHZ_PROVIDERS), "",
        "<RequireAny>\nRequire authz_provider-{number} joe\n"
        "Require all granted\n</RequireAny>"),
    "authz_user": (
        ALWAYS + of_module(PROVIDERS + AUTHZ_PROVIDERS), "",
        BASIC + "AuthBasicProvider anybody\n"
        "<RequireAll>\nRequire valid-user\n"
        "Require authz_provider-{number} joe\n</RequireAll>"),
}
CASES = [(hook, number) for hook, (specs, _, _) in HOOKS.items()
         for number in range(len(specs))]


def section(hook: str, number: int) -> str:
    specs, before, inside = HOOKS[hook]
    values = {"spec": specs[number], "number": number,
              "name": f"{hook}-{number}"}
    return (before.format(**values)
            + f'\n<Location "/static/{hook}-{number}">\n'
            + inside.format(**values) + "\n</Location>\n")


def configure(env: Env) -> str:
    handlers = env.root / "handlers"
    (handlers / "broken_syntax.py").write_text("def accesshandler(req:\n")
    (handlers / "broken_import.py").write_text("import no_such_thing\n")
    env.write("secret.txt", "secret text\n")
    return ("PythonAuthnProvider anybody test_fail_closed::anybody\n"
            'AliasMatch "^/static/" "${DOCROOT}/secret.txt"\n'
            + "".join(section(*case) for case in CASES))


@pytest.mark.parametrize("hook", HOOKS)
def test_denied(client: Client, log: ErrorLog, hook: str) -> None:
    specs = HOOKS[hook][0]
    auth = HTTPDigestAuth(*JOE) if hook == "digest" else JOE
    for number, spec in enumerate(specs):
        position = log.mark()
        response = client.get(f"/static/{hook}-{number}/x", auth=auth)
        assert response.status_code == 500, spec
        assert "secret text" not in response.text, spec
        # the log says which handler it was
        name = re.escape(spec)
        log.wait(rf"MP0\d\d\d: Python\w+ {name}: ", since=position)
    log.allow(r"MP0(30[2-5]|400|36\d)")
    if hook == "authn_open":
        log.allow("AH01796")  # nobody else answers for the AuthType


@pytest.mark.parametrize("hook", [name for name in HOOKS
                                  if not name.endswith("debug")])
def test_right_answers_grant(
        client: Client, start_httpd: Callable[..., Httpd],
        hook: str) -> None:
    """The table is about errors: right answers do grant."""
    good = f"{MODULE}::" + {"access": "ok", "authen": "joe", "authz": "ok",
                         "digest": "digest"}.get(
        hook, "anybody" if "authn" in hook else "no" if hook in (
            "authz_not", "authz_none") else "yes")
    kind = hook.partition("_")[0]
    before = ("" if hook in ("access", "authen", "authz") else
              f"Python{'Authz' if kind == 'authz' else 'Authn'}Provider "
              f"right {good}")
    inside = HOOKS[hook][2].format(spec=good, name="right", number="right")
    inside = re.sub(r"auth._provider-right", "right", inside)
    server = start_httpd(
        f"PythonAuthnProvider anybody test_fail_closed::anybody\n{before}\n"
        f"<Location />\n{inside}\n</Location>", workers=ONE)
    server.env.write("secret.txt", "secret text\n")
    auth = HTTPDigestAuth(*JOE) if hook == "digest" else JOE
    with Client(server.port()) as one:
        assert one.get("/secret.txt", auth=auth).text == "secret text\n"


GUARDS = {"access": "PythonAccessHandler test_fail_closed::ok",
          "authen": BASIC + "Require valid-user\n"
                    "PythonAuthenHandler test_fail_closed::joe",
          "authz": BASIC + "Require valid-user\nAuthBasicProvider anybody\n"
                   "PythonAuthzHandler test_fail_closed::ok",
          "authn": BASIC + "AuthBasicProvider anybody\nRequire valid-user",
          "digest": "AuthType Digest\nAuthName x\n"
                    "AuthDigestProvider digest\nRequire valid-user",
          "authz_provider": "Require yes",
          "not": "<RequireAll>\nRequire all granted\nRequire not no\n"
                 "</RequireAll>"}


def guarded(server: Httpd) -> str:
    server.env.write("secret.txt", "secret text\n")
    for name in GUARDS:
        server.env.write(f"{name}/x.txt", "secret text\n")
    return """
PythonAuthnProvider anybody test_fail_closed::anybody
PythonAuthnProvider digest test_fail_closed::digest
PythonAuthzProvider yes test_fail_closed::yes
PythonAuthzProvider no test_fail_closed::no
""" + "".join(f"<Location /{name}>\n{lines}\n</Location>\n"
              for name, lines in GUARDS.items())


def all_denied(server: Httpd) -> None:
    with Client(server.port()) as client:
        for name in GUARDS:
            auth = HTTPDigestAuth(*JOE) if name == "digest" else JOE
            response = client.get(f"/{name}/x.txt", auth=auth)
            assert response.status_code == 500, name
            assert "secret text" not in response.text
            server.log.expect(r"MP0310: .* no interpreter")
        # httpd itself is well
        assert client.get("/secret.txt").text == "secret text\n"


def test_python_not_started(make_httpd: Callable[..., Httpd],
                            tmp_path: Path) -> None:
    server = make_httpd(workers=ONE)
    home = server.env.root / "home"
    version = f"python{server.env.build.python_version()}"
    library = home / "lib" / version
    (library / "encodings").mkdir(parents=True)
    (library / "os.py").touch()
    (library / "encodings" / "__init__.py").write_text("raise ValueError\n")
    # the rest is what CPython itself says
    server.log.allow(r"MP0113|^(Python path|  |\]|\w+Error|Traceback|Current|<)")
    server.start(guarded(server) + f"\nPythonHome {home}\n")
    all_denied(server)


def test_no_interpreter(make_httpd: Callable[..., Httpd]) -> None:
    server = make_httpd(workers=ONE)
    shadow = server.env.root / "shadow" / "mod_python"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('refused')\n")
    server.env.environ["PYTHONPATH"] = str(shadow.parent)
    server.log.allow(r"MP0334|sys\.path was|\['/")
    server.start(guarded(server))
    all_denied(server)
