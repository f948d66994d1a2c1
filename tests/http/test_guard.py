# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Python decides who may see what httpd itself serves: static files, CGI
scripts, a proxied back end, a DAV folder."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
from requests import Response

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog

MODULES = ["proxy", "proxy_http", "dav", "dav_fs", "dav_lock"]
KEY = b"a key of the tests"

CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\nscript for %s by %s' \
    "$REMOTE_USER" "$AUTH_TYPE"
"""


def configure(env: Env) -> str:
    env.write("static/x.txt", "secret text\n")
    env.write("static/deep/page.html", "secret page\n")
    env.cgi("cgi/x.cgi", CGI)
    env.write("backend/x.txt", "secret of the back end\n")
    env.write("cookie/x.txt", "secret text\n")
    env.directory(str(env.docroot / "dav"), writable=True)
    env.directory("var/locks", writable=True)
    guard = ('    AuthType Bearer\n    AuthName "the realm"\n'
             "    PythonAuthenHandler test_guard::bearer\n"
             "    Require valid-user\n")
    return f"""
DavLockDB ${{ROOT}}/var/locks/db
<Directory ${{DOCROOT}}/static>
{guard}</Directory>
<Directory ${{DOCROOT}}/cgi>
{guard}    Options +ExecCGI
    SetHandler cgi-script
</Directory>
<Location /proxied/>
{guard}    ProxyPass http://127.0.0.1:${{PORT1}}/backend/
</Location>
<Directory ${{DOCROOT}}/dav>
{guard}    Dav On
    PythonAuthzHandler test_guard::writer
</Directory>
<Directory ${{DOCROOT}}/cookie>
    AuthType Cookie
    AuthName x
    PythonAuthenHandler test_guard::cookie
    Require user joe
</Directory>
<VirtualHost 127.0.0.1:${{PORT1}}>
    ServerName localhost
    DocumentRoot ${{DOCROOT}}
    # who reaches it without the guard is seen
    Header set X-Seen-User "expr=%{{HTTP:Authorization}}"
</VirtualHost>
"""


def pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user: object = "joe", *, key: bytes = KEY, age: float = 3600,
          algorithm: str = "HS256") -> str:
    head = pack(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    body = pack(json.dumps({"sub": user, "exp": time.time() + age}).encode())
    signature = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{pack(signature.digest())}"


def ask(client: Client, path: str, text: str | None, method: str = "GET",
        **options: object) -> Response:
    headers = {} if text is None else {"Authorization": text}
    return client.request(method, path, headers=headers, **options)


SERVED = {"/static/x.txt": "secret text\n",
          "/static/deep/page.html": "secret page\n",
          "/cgi/x.cgi": "script for joe by Bearer",
          "/proxied/x.txt": "secret of the back end\n"}
WRONG = {
    "nothing": None, "empty": "", "scheme only": "Bearer",
    "no token": "Bearer ", "rubbish": "Bearer x", "dots": "Bearer ..",
    "no base64": "Bearer %%%.%%%.%%%",
    "other scheme": "Basic am9lOnNlY3JldA==",
    "other key": "Bearer " + token(key=b"another"),
    "late": "Bearer " + token(age=-1),
    "no algorithm": "Bearer " + token(algorithm="none"),
    "cut": "Bearer " + token()[:-4], "no ascii": "Bearer \xff\xfe",
    "two": f"Bearer {token()} {token()}",
}


@pytest.mark.parametrize("path", SERVED)
def test_right_token(client: Client, path: str) -> None:
    response = ask(client, path, f"Bearer {token()}")
    assert response.status_code == 200
    assert response.text == SERVED[path]


@pytest.mark.parametrize("path", SERVED)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_token(client: Client, path: str, name: str) -> None:
    response = ask(client, path, WRONG[name])
    assert response.status_code == 401
    assert "secret" not in response.text and "script" not in response.text
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="the realm"')
    knows_scheme = (WRONG[name] or "").startswith("Bearer")
    assert ('error="invalid_token"' in challenge) is knows_scheme


def test_a_token_without_a_name_denies(client: Client, log: ErrorLog) -> None:
    """Errors of the guard never open the door."""
    response = ask(client, "/static/x.txt", f"Bearer {token(user=5)}")
    assert response.status_code == 500
    assert "secret" not in response.text
    log.expect("MP0400: PythonAuthenHandler test_guard::bearer: .*TypeError")


def test_ranges_and_conditions_are_guarded_too(client: Client) -> None:
    right = {"Authorization": f"Bearer {token()}"}
    whole = client.get("/static/x.txt", headers=right)
    for extra in ({"Range": "bytes=0-5"},
                  {"If-None-Match": whole.headers["ETag"]}):
        assert client.get("/static/x.txt", headers=extra).status_code == 401
        assert client.get("/static/x.txt", headers={**extra, **right}
                          ).status_code in (206, 304)


def test_dav(client: Client) -> None:
    reader, writer = (f"Bearer {token(name)}" for name in ("joe", "writer"))

    def status(method: str, path: str, who: str | None,
               data: bytes | None = None, **headers: str) -> int:
        return client.request(method, path, data=data, headers={
            **({"Authorization": who} if who else {}), **headers}
        ).status_code

    assert status("PUT", "/dav/new.txt", None, b"x") == 401
    assert status("PUT", "/dav/new.txt", reader, b"x") == 403
    assert status("MKCOL", "/dav/folder", reader) == 403
    assert status("PUT", "/dav/new.txt", writer, b"some text") == 201
    assert status("GET", "/dav/new.txt", None) == 401
    assert ask(client, "/dav/new.txt", reader).text == "some text"
    assert status("PROPFIND", "/dav/", reader, Depth="1") == 207
    assert status("PROPFIND", "/dav/", None, Depth="1") == 401
    assert status("MOVE", "/dav/new.txt", reader,
                  Destination="/dav/other.txt") == 403
    assert status("DELETE", "/dav/new.txt", None) == 401
    assert status("DELETE", "/dav/new.txt", reader) == 403
    assert status("DELETE", "/dav/new.txt", writer) == 204


@pytest.mark.parametrize("value,status", [
    ("login={token}", 200), ("login={anns}", 401), ("login={old}", 403),
    ("login=x", 403), ("other=y", 403), ("", 403)])
def test_cookie(client: Client, log: ErrorLog, value: str,
                status: int) -> None:
    cookie = value.format(token=token(), anns=token("ann"), old=token(age=-1))
    response = client.get("/cookie/x.txt", headers={"Cookie": cookie})
    assert response.status_code == status
    assert (response.text == "secret text\n") is (status == 200)
    if status == 401:
        log.expect("AH01631: user ann: authorization failure")
