# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonAuthnProvider and PythonAuthzProvider: Python behind httpd's own
AuthBasicProvider, AuthDigestProvider and Require."""
from __future__ import annotations

import pytest
from requests import Response
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog

PROVIDERS = """
PythonAuthnProvider people test_providers::users
PythonAuthnProvider staff test_providers::staff
PythonAuthnProvider named test_providers::Named.check
PythonAuthnProvider where test_providers::where
PythonAuthnProvider late test_providers::late
PythonAuthzProvider test test_providers
PythonAuthzProvider member test_providers::member
PythonAuthzProvider banned test_providers::banned
PythonAuthzProvider header test_providers::header
<AuthnProviderAlias people aliased>
    PythonOption alias yes
</AuthnProviderAlias>
<AuthzProviderAlias member insiders joe>
</AuthzProviderAlias>
"""

BASIC = {
    "people": "AuthBasicProvider people\nRequire valid-user",
    "both": "AuthBasicProvider staff people\nRequire valid-user",
    "file": "AuthBasicProvider people file\n"
            "AuthUserFile ${ROOT}/conf/users\nRequire valid-user",
    "alias": "AuthBasicProvider aliased\nRequire valid-user",
    "named": "AuthBasicProvider named\nRequire valid-user",
    "where": "AuthBasicProvider where\nRequire valid-user\n"
             "PythonInterpreter other",
    "late": "AuthBasicProvider late\nRequire valid-user",
    # authorisation
    "member": "AuthBasicProvider people\nRequire member root joe",
    "insiders": "AuthBasicProvider people\nRequire insiders",
    "any": "AuthBasicProvider people\n<RequireAny>\nRequire member root\n"
           "Require header X-Pass open\n</RequireAny>",
    "all": "AuthBasicProvider people\n<RequireAll>\nRequire member root joe\n"
           "Require header X-Pass open\n</RequireAll>",
    "not": "AuthBasicProvider people\n<RequireAll>\nRequire valid-user\n"
           "Require not banned joe\n</RequireAll>",
    "none": "AuthBasicProvider people\n<RequireAll>\nRequire valid-user\n"
            "<RequireNone>\nRequire banned joe\n"
            "Require header X-Pass shut\n</RequireNone>\n</RequireAll>",
}
ARGUMENTS = {
    "plain": ("one two", ("one", "two")),
    "quoted": ("\"one two\" 'th \"ree'", ("one two", 'th "ree')),
    "expression": ("%{REQUEST_METHOD} \"%{HTTP:X-Pass} x\" %%",
                   ("GET", "a b\u00e9 x", "%%")),
    "function": ("%{tolower:ABC} \"%{tolower:%{REQUEST_METHOD}}\"",
                 ("abc", "get")),
    "nothing": ("", ()),
}


def configure(env: Env) -> str:
    import base64
    import hashlib
    digest = base64.b64encode(hashlib.sha1(b"filepw").digest()).decode()
    env.write(str(env.root / "conf" / "users"), f"fay:{{SHA}}{digest}\n")
    text = [PROVIDERS, """
<Directory ${DOCROOT}/digest>
    AuthType Digest
    AuthName "the realm"
    AuthDigestProvider people
    Require valid-user
</Directory>"""]
    for name, lines in BASIC.items():
        text.append(f"<Directory ${{DOCROOT}}/{name}>\nAuthType Basic\n"
                    f'AuthName "the realm"\n{lines}\n</Directory>')
    for name, (args, _) in ARGUMENTS.items():
        text.append(f"<Location /args/{name}>\nRequire test {args}\n"
                    "</Location>")
    text.append("""
<LocationMatch "/show$">
    SetHandler mod_python
    PythonHandler test_providers::show
</LocationMatch>
<Location /open>
    Require header X-Pass open
</Location>""")
    for name in [*BASIC, "digest", "open", "htaccess"]:
        env.write(f"{name}/x.txt", "secret text\n")
    env.write("htaccess/.htaccess", 'AuthType Basic\nAuthName x\n'
              'AuthBasicProvider people\nRequire member "%{tolower:JOE}"\n')
    return "\n".join(text)


def get(client: Client, name: str, user: str = "", password: str = "",
        **headers: str) -> Response:
    auth = HTTPBasicAuth(user.encode(), password.encode()) if user else None
    return client.get(f"/{name}/x.txt", auth=auth, headers={
        key.replace("_", "-"): value for key, value in headers.items()})


@pytest.mark.parametrize("name", ["people", "both", "alias", "file"])
def test_users(client: Client, log: ErrorLog, name: str) -> None:
    refused = get(client, name)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="the realm"'
    assert "secret text" not in refused.text
    assert get(client, name, "joe", "secret").text == "secret text\n"
    assert get(client, name, "jürgen", "pä ss:wort").status_code == 200
    assert get(client, name, "joe", "wrong").status_code == 401
    log.expect("AH01617: user joe: authentication failure")
    assert get(client, name, "nobody", "x").status_code == 401
    log.expect("AH01618: user nobody not found")


def test_several_providers(client: Client, log: ErrorLog) -> None:
    assert get(client, "both", "ann", "staff").status_code == 200
    assert get(client, "file", "fay", "filepw").status_code == 200
    # the first that knows the user decides
    assert get(client, "both", "ann", "secret").status_code == 401
    log.expect("AH01617: user ann")
    assert client.json("/both/show", auth=("joe", "secret"))[4] == (
        "staff users ")


def test_object_made_for_each_call(client: Client) -> None:
    assert get(client, "named", "joe", "named").status_code == 200


def test_digest(client: Client, log: ErrorLog) -> None:
    def status(user: str, password: str) -> int:
        return client.get("/digest/x.txt", auth=HTTPDigestAuth(
            user, password)).status_code

    assert client.get("/digest/x.txt").headers["WWW-Authenticate"].startswith(
        'Digest realm="the realm"')
    assert status("joe", "secret") == 200
    assert status("root", "toor") == 200  # digits in upper case
    assert status("joe", "wrong") == 401
    log.expect("user joe: password mismatch")
    assert status("nobody", "x") == 401
    log.expect("AH01790: user `nobody' in realm `the realm' not found")


def test_interpreter(client: Client) -> None:
    assert client.json("/where/show", auth=("a", "b"))[4] == "other other"


def test_handlers_added_by_a_provider(client: Client) -> None:
    shown = client.json("/late/show", auth=("a", "b"))
    assert shown[4] == "PythonAccessHandler is past for this request"
    assert shown[1] == "added"


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(client: Client, name: str) -> None:
    shown = client.json(f"/args/{name}/show",
                        headers={"X-Pass": "a b\u00e9".encode()})
    assert shown[1] == repr(ARGUMENTS[name][1])
    # without a user it is asked in the access phase
    assert shown[2] == "PythonAccessHandler"


def test_user_is_asked_for_first(client: Client, log: ErrorLog) -> None:
    assert get(client, "member").status_code == 401
    assert client.json("/member/show", auth=("joe", "secret")) == [
        "joe", None, None, "2", "users "]
    assert get(client, "member", "jürgen", "pä ss:wort").status_code == 401
    log.expect("AH01631")


@pytest.mark.parametrize("name,user,header,status", [
    ("insiders", "joe", "", 200), ("insiders", "root", "", 401),
    ("any", "", "open", 200), ("any", "", "", 401), ("any", "root", "", 200),
    ("any", "joe", "", 401),
    ("all", "joe", "open", 200), ("all", "joe", "", 401),
    ("all", "", "open", 401),
    ("not", "root", "", 200), ("not", "joe", "", 401), ("not", "", "", 401),
    ("none", "root", "", 200), ("none", "joe", "", 401),
    ("none", "root", "shut", 403),  # whoever the user may be
    ("open", "", "open", 200), ("open", "", "", 403),
    ("htaccess", "joe", "", 200), ("htaccess", "root", "", 401),
])
def test_containers(client: Client, log: ErrorLog, name: str, user: str,
                    header: str, status: int) -> None:
    log.allow("AH01631|AH01630")  # httpd says whom it refuses
    passwords = {"joe": "secret", "root": "toor"}
    response = get(client, name, user, passwords.get(user, ""),
                   X_Pass=header)
    assert response.status_code == status
    assert (response.text == "secret text\n") is (status == 200)


@pytest.mark.parametrize("text,says", [
    ("PythonAuthnProvider file mod", 'there is a provider "file" already'),
    ("PythonAuthzProvider user mod", 'there is a provider "user" already'),
    ("PythonAuthzProvider x mod\nPythonAuthzProvider x mod",
     'there is a provider "x" already'),
    ("PythonAuthnProvider x", "write: PythonAuthnProvider name handler"),
    ("PythonAuthzProvider x ::f", "PythonAuthzProvider:"),
    ("<Directory /x>\nPythonAuthnProvider x mod\n</Directory>",
     "not allowed"),
    ("<VirtualHost *:1>\nPythonAuthzProvider x mod\n</VirtualHost>",
     "main server configuration"),
    ('PythonAuthzProvider x mod\n<Location />\nRequire x "%{nothing"\n'
     "</Location>", "cannot parse the expression"),
    ("\n".join(f"PythonAuthnProvider n{n} mod" for n in range(129)),
     "more than 128 providers"),
])
def test_wrong_configuration(httpd: Httpd, text: str, says: str) -> None:
    status, stderr = httpd.check_config(text)
    assert status != 0
    assert says in stderr


def test_names_may_be_shared_by_both_kinds(httpd: Httpd) -> None:
    text = "\n".join(f"PythonAuthnProvider n{n} mod\n"
                     f"PythonAuthzProvider n{n} mod" for n in range(64))
    assert httpd.check_config(text).rc == 0


def test_restart_keeps_providers(httpd: Httpd, client: Client) -> None:
    httpd.graceful()
    assert get(client, "member", "joe", "secret").text == "secret text\n"
