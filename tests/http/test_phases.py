# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Each phase runs its handlers, in order, and does what they return."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog

ALL = ["post:PythonPostReadRequestHandler", "init:PythonInitHandler",
       "trans:PythonTransHandler", "header:PythonHeaderParserHandler",
       "access:PythonAccessHandler", "authen:PythonAuthenHandler",
       "authz:PythonAuthzHandler", "type:PythonTypeHandler",
       "fixup:PythonFixupHandler", "handler:PythonHandler"]
PLACES = ["Directory", "Location", "Files", "htaccess"]
STOPPING = ["HeaderParser", "Access", "Authen", "Authz", "Type", "Fixup", ""]

VHOST = """
<VirtualHost 127.0.0.1:${PORT%d}>
    ServerName host%d.test
    %s
</VirtualHost>
"""
GUARDED = """
    AuthType Basic
    AuthName test
    Require user joe
"""


def configure(env: Env) -> str:
    for number in range(1, 5):
        env.port(number)
    env.write("real.txt", "the real file\n")
    env.write("all/x.txt", "static\n")
    every = "\n".join(
        f"    Python{name}Handler test_phases" for name in
        ("PostReadRequest", "Trans", "Init", "HeaderParser", "Access",
         "Authen", "Authz", "Type", "Fixup", "Log", "Cleanup"))
    text = [VHOST % (1, 1, every + """
    <Directory ${DOCROOT}/all>
        SetHandler mod_python
        PythonHandler test_phases
        %s
    </Directory>""" % GUARDED)]
    # PythonHandlerModule in place of all those lines
    text.append(VHOST % (2, 2, """
    PythonHandlerModule test_phases
    <Directory ${DOCROOT}/all>
        SetHandler mod_python
        %s
    </Directory>""" % GUARDED))
    # server-level handlers that change the request
    text.append(VHOST % (3, 3, """
    PythonTransHandler test_phases::nofile test_phases::rename
    PythonTypeHandler test_phases::type_of"""))
    text.append(VHOST % (4, 4, """
    PythonInitHandler test_phases::stop"""))
    # one phase in each kind of place
    for phase in STOPPING:
        user = ("PythonAuthenHandler test_phases::user"
                if phase == "Authz" else "")
        guard = GUARDED if phase.startswith("Auth") else ""
        lines = (f"{guard}\n{user}\nSetHandler mod_python\n"
                 f"Python{phase}Handler test_phases::stop\n")
        low = phase.lower() or "content"
        for place in PLACES:
            env.write(f"{place}-{low}/x.txt", "static\n")
        text += [
            f"<Directory ${{DOCROOT}}/Directory-{low}>\n{lines}</Directory>",
            f"<Location /Location-{low}>\n{lines}</Location>",
            f"<Directory ${{DOCROOT}}/Files-{low}>\n<Files x.txt>\n{lines}"
            "</Files>\n</Directory>"]
        env.write(f"htaccess-{low}/.htaccess", lines)
    text.append("""
<Location /order>
    SetHandler mod_python
    PythonFixupHandler test_phases::first test_phases::second
    PythonFixupHandler test_phases::third
    PythonHandler test_phases::order
</Location>
<Location /order/stopped>
    PythonFixupHandler test_phases::first test_phases::stop test_phases::third
</Location>
<Location /order/declined>
    PythonTypeHandler test_phases::decline test_phases::type_of test_phases::stop
    PythonHandler test_phases::decline test_phases::order
</Location>
<Location /early>
    SetHandler mod_python
    PythonAccessHandler test_phases::fail
    PythonHandler test_phases::order
</Location>
<Location /init>
    SetHandler mod_python
    PythonInitHandler test_phases::first
    PythonHeaderParserHandler test_phases::second
    PythonHandler test_phases::order
</Location>
<Directory ${DOCROOT}>
    PythonLogHandler test_phases
    PythonCleanupHandler test_phases::nothing test_phases
</Directory>
""")
    return "\n".join(text)


@pytest.mark.parametrize("port", [1, 2])
def test_every_phase_once_in_order(httpd, port: int, log: ErrorLog) -> None:
    with Client(httpd.port(port)) as client:
        assert client.json("/all/x.txt") == ALL
    log.expect("logged /all/x.txt by PythonLogHandler")
    log.expect("cleaned /all/x.txt by PythonCleanupHandler")


@pytest.mark.parametrize("phase", STOPPING)
@pytest.mark.parametrize("place", PLACES)
def test_status_of_a_phase_is_the_response(client: Client, phase: str,
                                           place: str) -> None:
    path = f"/{place}-{phase.lower() or 'content'}/x.txt"
    auth = ("joe", "x") if phase.startswith("Auth") else None
    assert client.get(path, auth=auth).status_code == 418
    assert client.get("/real.txt").text == "the real file\n"


def test_lists_run_in_order(client: Client) -> None:
    assert client.json("/order") == ["first", "second", "third"]


def test_status_ends_the_list(client: Client) -> None:
    assert client.get("/order/stopped").status_code == 418


def test_first_phases_go_on_after_declined_only(client: Client) -> None:
    # the type phase ends with type_of, the content phase goes on to order
    response = client.get("/order/declined")
    assert response.status_code == 200
    assert response.json() == ["first", "second", "third"]


def test_init_runs_before_header_parser(client: Client) -> None:
    assert client.json("/init") == ["first", "second"]


def test_init_of_a_server_ends_the_request_early(httpd) -> None:
    with Client(httpd.port(4)) as client:
        assert client.get("/real.txt").status_code == 418


def test_access_fails_closed(client: Client, log: ErrorLog) -> None:
    assert client.get("/early").status_code == 500
    log.expect("ZeroDivisionError: on purpose")


def test_trans_maps_the_uri(httpd) -> None:
    with Client(httpd.port(3)) as client:
        response = client.get("/renamed/thing")
        assert response.text == "the real file\n"
        assert response.headers["Content-Type"] == "text/x-own"


def test_trans_ok_needs_a_file_name(httpd, log: ErrorLog) -> None:
    with Client(httpd.port(3)) as client:
        assert client.get("/nofile").status_code == 500
    log.expect("MP0312")


def test_log_and_cleanup_of_static_content(client: Client,
                                           log: ErrorLog) -> None:
    assert client.get("/real.txt").text == "the real file\n"
    log.expect("logged /real.txt by PythonLogHandler with 1 before")
    log.expect("cleaned /real.txt by nothing")  # returns None: no error
    log.expect("cleaned /real.txt by PythonCleanupHandler")
