# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A handler that leaves a request alone leaves its response alone.

For each phase, each kind of place and each result that means "go on": what
httpd serves by itself is byte for byte what it is without the handler.
"""
from __future__ import annotations

import os

import pytest

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd

# phase -> the results after which httpd goes on
GO_ON = {"PostReadRequest": ("decline", "go_on"), "Trans": ("decline",),
         "Init": ("decline", "go_on"), "HeaderParser": ("decline", "go_on"),
         "Access": ("decline", "go_on"), "Authen": ("decline",),
         "Authz": ("decline",), "Type": ("decline",),
         "Fixup": ("decline", "go_on"), "": ("decline", "go_on"),
         "Log": ("decline", "go_on"), "Cleanup": ("decline", "go_on")}
SERVER_ONLY = ("PostReadRequest", "Trans")
PLACES = ("Directory", "Location", "Files", "htaccess")
CASES = [(phase, result, place)
         for phase, results in GO_ON.items() for result in results
         for place in (*(() if phase in SERVER_ONLY else PLACES), "vhost")]

CGI = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\nX-From: cgi\\r\\n\\r\\n'
printf '%s %s\\n' "$REQUEST_METHOD" "$QUERY_STRING"
cat
"""
# path below the directory, method
REQUESTS = [("file.txt", "GET"), ("file.txt", "HEAD"), ("", "GET"),
            ("script.cgi?a=b", "GET"), ("script.cgi", "POST"),
            ("moved", "GET"), ("old/file.txt", "GET"), ("gone", "GET"),
            ("sub", "GET"), ("auth/secret.txt", "GET"),
            ("page.shtml", "GET"), ("list/", "GET")]


def name_of(phase: str, result: str, place: str) -> str:
    return f"{place}-{phase or 'Content'}-{result}".lower()


def fill(env: Env, name: str) -> None:
    """The content of one place; the same bytes and times everywhere."""
    files = [env.write(f"{name}/file.txt", "static\n"),
             env.write(f"{name}/index.html", "<p>index</p>\n"),
             env.write(f"{name}/sub/index.html", "<p>sub</p>\n"),
             env.write(f"{name}/list/a.txt", "a\n"),
             env.write(f"{name}/auth/secret.txt", "secret\n"),
             env.write(f"{name}/page.shtml",
                       '[<!--#include virtual="file.txt" -->]\n'),
             env.write(f"{name}/none.txt", "nothing here\n"),
             env.cgi(f"{name}/script.cgi", CGI)]
    for path in [*files, *(path.parent for path in files)]:
        os.utime(path, (1_700_000_000, 1_700_000_000))


def place_text(phase: str, result: str, place: str) -> tuple[str, str]:
    """Configuration of one case: (of the server, of its .htaccess)."""
    name = name_of(phase, result, place)
    line = f"Python{phase}Handler test_undisturbed::{result}\n"
    if place == "Directory":
        return f"<Directory ${{DOCROOT}}/{name}>\n{line}</Directory>\n", ""
    if place == "Location":
        return f"<Location /{name}>\n{line}</Location>\n", ""
    if place == "Files":
        return (f"<Directory ${{DOCROOT}}/{name}>\n<Files *>\n{line}</Files>\n"
                "</Directory>\n"), ""
    return "", line


def configure(env: Env) -> str:
    text = ["""
<Directory ${DOCROOT}>
    Options +ExecCGI +Includes +Indexes
    AddHandler cgi-script .cgi
    AddOutputFilter INCLUDES .shtml
    DirectoryIndex index.html
    IndexOptions SuppressLastModified SuppressDescription SuppressRules
    RewriteEngine On
    RewriteRule ^([^/]+)/moved$ $1/file.txt
    RewriteRule ^([^/]+)/old/(.*)$ $1/$2
</Directory>
<DirectoryMatch ^${DOCROOT}/[^/]+/auth/>
    AuthType Basic
    AuthName test
    AuthUserFile ${ROOT}/conf/users
    Require valid-user
</DirectoryMatch>
ErrorDocument 404 /untouched/none.txt
"""]
    env.write(str(env.root / "conf" / "users"), "")
    fill(env, "untouched")
    vhosts = 0
    for phase, result, place in CASES:
        if place == "vhost":
            vhosts += 1
            text.append(f"""
<VirtualHost 127.0.0.1:${{PORT1}}>
    ServerName {name_of(phase, result, place)}.test
    Python{phase}Handler test_undisturbed::{result}
</VirtualHost>""")
            continue
        name = name_of(phase, result, place)
        fill(env, name)
        server, htaccess = place_text(phase, result, place)
        text.append(server)
        if htaccess:
            env.write(f"{name}/.htaccess", htaccess)
    env.port(1)
    return "\n".join(text)


def ask(client: Client, directory: str, host: str | None) -> list[object]:
    """What a client sees of each kind of content, comparable."""
    seen = []
    for path, method in REQUESTS:
        headers = {"Host": host} if host else {}
        response = client.request(method, f"/{directory}/{path}",
                                  headers=headers,
                                  data=b"body" if method == "POST" else None)
        # the place's own name shows in redirects and listings only
        body = response.content.replace(directory.encode(), b"HERE")
        told = {key: value.replace(directory, "HERE") for key, value in
                response.headers.items() if key not in ("Date", "Keep-Alive")}
        if host:
            told.pop("Location", None)
        if path.startswith("script"):
            # httpd's framing depends on how fast the script writes
            told.pop("Content-Length", None)
            told.pop("Transfer-Encoding", None)
        if path in ("sub", "list/"):
            told.pop("Content-Length", None)
            body = body.partition(b" Port ")[0].partition(b"<address")[0]
        if path == "sub" and host:
            body = b""
        seen.append((path, method, response.status_code, response.reason,
                     told, body))
    return seen


@pytest.fixture(scope="module")
def plain(httpd: Httpd) -> list[object]:
    with Client(httpd.port()) as client:
        seen = ask(client, "untouched", None)
    statuses = [one[2] for one in seen]  # type: ignore[index]
    assert statuses == [200, 200, 200, 200, 200, 200, 200, 404, 301, 401,
                        200, 200]
    return seen


@pytest.mark.parametrize("phase,result,place", CASES)
def test_same_response(httpd: Httpd, plain: list[object], phase: str,
                       result: str, place: str) -> None:
    if place != "vhost":
        with Client(httpd.port()) as client:
            seen = ask(client, name_of(phase, result, place), None)
        for there, here in zip(seen, plain, strict=True):
            assert there == here
        return
    host = f"{name_of(phase, result, place)}.test"
    with Client(httpd.port(1)) as client:
        seen = ask(client, "untouched", host)
    for there, here in zip(seen, plain, strict=True):
        there, here = list(there), list(here)  # type: ignore[call-overload]
        here[4] = {k: v for k, v in here[4].items() if k != "Location"}
        if here[0] == "sub":
            here[5] = b""
        assert there == here
