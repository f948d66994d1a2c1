# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The phases before httpd knows a file: connections, quick handlers,
pre-translation and map-to-storage."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection

MODULES = ["proxy", "proxy_http"]
VHOST = """
<VirtualHost 127.0.0.1:${PORT%d}>
    ServerName host%d.test
    DocumentRoot ${DOCROOT}
    <Location /show>
        SetHandler mod_python
        PythonHandler test_early_phases::show
    </Location>
    %s
</VirtualHost>
"""
HOSTS = {
    1: "PythonPreConnectionHandler test_early_phases "
       "test_early_phases::second test_early_phases::io",
    2: "PythonPreConnectionHandler test_early_phases::refuse "
       "test_early_phases",
    3: "PythonPreConnectionHandler test_early_phases::done",
    4: "PythonPreConnectionHandler test_early_phases::connection_fails",
    5: "PythonPreConnectionHandler test_early_phases::nothing",
    6: "PythonQuickHandler test_early_phases\n"
       "<Location />\nRequire all denied\n</Location>",
    7: "PythonQuickHandler test_early_phases::added_by_quick",
    8: "PythonPreTranslateHandler test_early_phases\n"
       "PythonTransHandler test_early_phases::trace\n"
       "PythonMapToStorageHandler test_early_phases",
    9: "ProxyPass / http://127.0.0.1:${PORT2}/\n"
       "ProxyPreserveHost On",
}


def configure(env: Env) -> str:
    env.write("real.txt", "the real file\n")
    env.write("page.shtml", '<!--#include virtual="/part.txt" -->')
    env.write("part.txt", "the part\n")
    env.write("closed/.htaccess", "Require all denied\n")
    env.write("closed/stored.txt", "closed\n")
    return "".join(VHOST % (n, n, lines) for n, lines in HOSTS.items())


def shown(httpd: Httpd, number: int, path: str = "/show") -> list[object]:
    with Client(httpd.port(number)) as client:
        return client.json(path)


# -- connections ----------------------------------------------------------


def test_pre_connection(httpd: Httpd) -> None:
    answer = shown(httpd, 1)
    assert answer[3] == "127.0.0.1 host1.test second"
    assert str(answer[4]).count("a pre-connection handler cannot read") == 3


def test_pre_connection_runs_once_for_a_connection(httpd: Httpd) -> None:
    with Connection(httpd.port(1)) as one:
        first = one.request("/show").body
        assert one.request("/show").body == first


@pytest.mark.parametrize("number,code", [
    (2, ""), (3, ""), (4, "MP0400"), (5, "MP0304")])
def test_pre_connection_closes(httpd: Httpd, log: ErrorLog, number: int,
                               code: str) -> None:
    with Connection(httpd.port(number)) as one:
        one.send(b"GET /real.txt HTTP/1.0\r\n\r\n")
        try:
            assert one.read_all() == b""
        except ConnectionResetError:  # what was sent has not been read
            pass
    if code:
        log.expect(f"{code}: PythonPreConnectionHandler ")


def test_connections_to_back_ends_are_left_alone(httpd: Httpd) -> None:
    """The base server's handler is not asked for what mod_proxy opens."""
    with Client(httpd.port(9)) as client:
        # the back end closes what its handler refuses
        assert client.get("/real.txt").status_code == 502
    httpd.log.expect("AH01102|AH00898")


# -- quick ------------------------------------------------------------------


def test_quick_comes_before_access(httpd: Httpd) -> None:
    with Client(httpd.port(6)) as client:
        assert client.json("/quick/x") == ["PythonQuickHandler", "/quick/x",
                                           None, None]
        assert client.get("/real.txt").status_code == 403
        httpd.log.expect("AH01630")
        assert client.get("/quick?decline").status_code == 403
        assert client.get("/quick?status").status_code == 410
        assert client.json("/quick?body", "POST", data=b"text") == b"text"
        made = client.get("/quick?created")
        assert (made.status_code, made.text) == (201, "made")
        empty = client.get("/quick?empty")
        assert (empty.status_code, empty.text) == (200, "")


def test_error_of_a_quick_handler(httpd: Httpd, log: ErrorLog) -> None:
    with Client(httpd.port(6)) as client:
        response = client.get("/quick?fail")
    assert response.status_code == 500
    assert "something" not in response.text
    log.expect("MP0400: PythonQuickHandler test_early_phases: .*on purpose")


def test_handlers_added_by_a_quick_handler(httpd: Httpd) -> None:
    trace, said, *_ = shown(httpd, 7)
    assert trace == ["PythonPreTranslateHandler /show False",
                     "PythonTransHandler /show False",
                     "PythonMapToStorageHandler /show True"]
    assert str(said).split("; ") == [
        "'PythonQuickHandler' is no phase that handlers can be added to",
        "PythonPostReadRequestHandler is past for this request",
        "'PythonChildInitHandler' is no phase that handlers can be added to",
        "'PythonPreConnectionHandler' is no phase that handlers can be added "
        "to"]


# -- from the URI to a file ---------------------------------------------------


def test_pre_translate_sees_the_uri_as_sent(httpd: Httpd) -> None:
    with Connection(httpd.port(8)) as one:
        trace = one.request("/show/%2C%20").json()[0]
    assert trace == ["PythonPreTranslateHandler /show/%2C%20 False",
                     "PythonTransHandler /show/,  False",
                     "PythonMapToStorageHandler /show/,  True"]


def test_pre_translate_may_change_the_uri(httpd: Httpd) -> None:
    trace = shown(httpd, 8, "/pre/rewrite/x")[0]
    assert trace[1] == "PythonTransHandler /show False"


@pytest.mark.parametrize("path,status", [
    ("403", 403), ("503", 503), ("200", 200), ("304", 304), ("moved", 301),
    ("fail", 500), ("12345", 500)])
def test_status_of_pre_translate(httpd: Httpd, log: ErrorLog, path: str,
                                 status: int) -> None:
    with Client(httpd.port(8)) as client:
        response = client.get(f"/pre/{path}/x", allow_redirects=False)
    assert response.status_code == status
    if path == "moved":
        assert response.headers["Location"].endswith("/elsewhere")
    if status == 500:
        log.expect("MP0400|MP0303")


def test_map_to_storage(httpd: Httpd, log: ErrorLog) -> None:
    with Client(httpd.port(8)) as client:
        assert client.get("/closed/stored.txt").status_code == 403
        log.expect("AH01630")
        assert client.get("/gone").status_code == 410
        assert client.get("/broken").status_code == 500
        log.expect("MP0400: PythonMapToStorageHandler test_early_phases: ")
        assert client.get("/real.txt").text == "the real file\n"


def test_map_to_storage_ok_replaces_the_directory_walk(
        httpd: Httpd) -> None:
    """httpd looks at no file then, and at no access rule of directories: the
    default handler finds nothing, a Python handler would run."""
    with Client(httpd.port(8)) as client:
        assert client.get("/stored/x").status_code == 404


def test_other_requests_are_not_touched(client: Client) -> None:
    assert client.get("/real.txt").text == "the real file\n"
