# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Who may see what: authentication and authorisation beside httpd's own."""
from __future__ import annotations

import pytest
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog

JOE = ("joe", "secret")
MODULES = ["auth_digest", "authz_owner", "authn_anon", "authn_dbm",
           "authn_socache", "authz_dbm", "session", "auth_form", "request",
           "allowmethods"]

# {SHA} of "filepw"; for mod_auth_basic's own provider
USERS = "ann:{SHA}6JXCXA25P/q8ZDPmCqKHGXt2f8g=\n"


def guard(name: str, lines: str, require: str = "Require valid-user",
          auth: str = "Basic") -> str:
    return f"""
<Directory ${{DOCROOT}}/{name}>
    AuthType {auth}
    AuthName "the realm"
    {require}
    {lines}
</Directory>"""


PLAIN = {
    "basic": "PythonAuthenHandler test_auth::basic",
    "raising": "PythonAuthenHandler test_auth::raising",
    "own": "PythonAuthenHandler test_auth::own_challenge",
    "nobody": "PythonAuthenHandler test_auth::nobody",
    "broken": "PythonAuthenHandler test_auth::broken",
    "nothing": "PythonAuthenHandler test_auth::nothing",
    "odd": "PythonAuthenHandler test_auth::odd",
    "missing": "PythonAuthenHandler test_auth::no_such_function",
    "nomodule": "PythonAuthenHandler no_such_module",
    "both": "PythonAuthenHandler test_auth::decline test_auth::basic\n",
    "granted": "PythonAuthenHandler test_auth::joe\n"
               "PythonAuthzHandler test_auth::grant",
    "refused": "PythonAuthenHandler test_auth::joe\n"
               "PythonAuthzHandler test_auth::refuse",
    "undecided": "PythonAuthenHandler test_auth::joe\n"
                 "PythonAuthzHandler test_auth::decline",
    "brokenauthz": "PythonAuthenHandler test_auth::joe\n"
                   "PythonAuthzHandler test_auth::broken",
    "brokenaccess": "PythonAccessHandler test_auth::broken",
    "debug": "PythonDebug On\nPythonAuthenHandler test_auth::broken",
}


def configure(env: Env) -> str:
    import base64
    import hashlib
    digest = base64.b64encode(hashlib.sha1(b"filepw").digest()).decode()
    env.write(str(env.root / "conf" / "users"), f"ann:{{SHA}}{digest}\n")
    text = [guard(name, lines) for name, lines in PLAIN.items()]
    text += [
        guard("beside", "AuthBasicProvider file\n"
              "AuthUserFile ${ROOT}/conf/users\n"
              "PythonAuthenHandler test_auth::decline"),
        guard("wronguser", "PythonAuthenHandler test_auth::joe\n"
              "PythonAuthzHandler test_auth::decline", "Require user ann"),
        guard("override", "PythonAuthenHandler test_auth::joe\n"
              "PythonAuthzHandler test_auth::grant", "Require user ann"),
        guard("digest", "PythonAuthenHandler test_auth::raising",
              auth="Digest"),
        guard("bearer", "PythonAuthenHandler test_auth::bearer",
              auth="Bearer"),
        guard("open", "PythonAuthenHandler test_auth::broken",
              "Require all granted"),
        guard("show", "SetHandler mod_python\n"
              "PythonAuthenHandler test_auth::before\n"
              "PythonHandler test_auth::show"),
    ]
    for name in [*PLAIN, "beside", "wronguser", "override", "digest",
                 "bearer", "open", "show"]:
        env.write(f"{name}/x.txt", "secret text\n")
    return "\n".join(text)


def get(client: Client, name: str, auth: object = None, **options: object):
    return client.get(f"/{name}/x.txt", auth=auth, **options)


@pytest.mark.parametrize("name", ["basic", "raising", "both"])
def test_basic(client: Client, name: str) -> None:
    refused = get(client, name)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="the realm"'
    assert "secret text" not in refused.text
    assert get(client, name, ("joe", "wrong")).status_code == 401
    assert get(client, name, JOE).text == "secret text\n"


def test_own_challenge_stays(client: Client) -> None:
    response = get(client, "own")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer realm=own"


def test_digest_challenge(client: Client) -> None:
    response = get(client, "digest")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith(
        'Digest realm="the realm", nonce=')
    assert get(client, "digest", HTTPDigestAuth("a", "b")).status_code == 401


def test_scheme_of_our_own(client: Client) -> None:
    assert get(client, "bearer").headers["WWW-Authenticate"] == "Bearer"
    response = get(client, "bearer", headers={"Authorization": "Bearer abc"})
    assert response.text == "secret text\n"


def test_declined_leaves_it_to_mod_auth_basic(client: Client,
                                              log: ErrorLog) -> None:
    assert get(client, "beside", ("ann", "filepw")).text == "secret text\n"
    assert get(client, "beside", JOE).status_code == 401
    log.expect("AH01618")
    assert get(client, "beside").status_code == 401


@pytest.mark.parametrize("name,status,codes", [
    ("nobody", 500, ["MP0313"]), ("broken", 500, ["ZeroDivisionError"]),
    ("nothing", 500, ["MP0304"]), ("odd", 500, ["MP0303"]),
    ("missing", 500, ["contains no 'no_such_function'"]),
    ("nomodule", 500, ["no_such_module"]),
    ("brokenauthz", 500, ["ZeroDivisionError"]),
    ("brokenaccess", 500, ["ZeroDivisionError"]),
    ("debug", 500, ["ZeroDivisionError"]),
])
def test_errors_deny(client: Client, log: ErrorLog, name: str, status: int,
                     codes: list[str]) -> None:
    response = get(client, name, JOE)
    assert response.status_code == status
    assert "secret text" not in response.text
    for code in codes:
        log.expect(code)


@pytest.mark.parametrize("name,status", [
    ("granted", 200), ("refused", 403), ("undecided", 200),
    ("override", 200)])
def test_authz(client: Client, name: str, status: int) -> None:
    assert get(client, name, JOE).status_code == status


def test_authz_declined_leaves_it_to_require(client: Client,
                                             log: ErrorLog) -> None:
    assert get(client, "wronguser", JOE).status_code == 401
    log.expect("AH01631")


def test_nobody_is_asked_without_need(client: Client) -> None:
    assert get(client, "open").text == "secret text\n"


def test_user_and_password(client: Client) -> None:
    assert client.json("/show/", auth=JOE) == [
        "joe", "Basic", "the realm", "Basic", "None", "'joe'", "'secret'"]


def test_user_text_rule(client: Client) -> None:
    for name in ("jürgen", "müller"):
        for codec in ("utf-8", "latin-1"):
            auth = HTTPBasicAuth(name.encode(codec), "pä".encode(codec))
            seen = client.json("/show/", auth=auth)
            assert (seen[0], seen[6]) == (name, repr("pä"))


@pytest.mark.parametrize("value", [
    "Basic", "Basic ", "Basic !!!", "Basic am9l", "Negotiate abc", "",
    "Basic " + "A" * 5000, "basic Og=="])
def test_malformed_credentials(client: Client, value: str) -> None:
    response = client.get("/basic/x.txt", headers={"Authorization": value})
    assert response.status_code == 401
