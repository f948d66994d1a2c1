# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Request objects end with their request: no sooner, and without traces."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.raw import Connection
from harness.tools import concurrently, wait_until

# one process: what one request keeps, another one sees
WORKERS = Workers(children=1, threads=16, max_children=1)

CONFIG = """
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_request_lifetime
</Directory>
<Location /attributes>
    PythonFixupHandler test_request_lifetime::fixup
    PythonLogHandler test_request_lifetime::attributes_log
</Location>
<Location /page.shtml>
    SetHandler None
    SetOutputFilter INCLUDES
    Options +Includes
    PythonLogHandler test_request_lifetime::page_log
</Location>
<Location /own>
    PythonFixupHandler test_request_lifetime::other
</Location>
<Directory "${DOCROOT}/own">
    PythonInterpPerDirective On
    PythonHandler test_request_lifetime::own
</Directory>
"""


def configure(env: Env) -> None:
    env.write("page.shtml", '[<!--#include virtual="/sub?x" -->]')
    env.directory(str(env.docroot / "own"))


@pytest.fixture(autouse=True)
def busy(log: ErrorLog) -> None:
    """The MPMs complain when their few threads are all busy."""
    log.allow("AH10159|AH00161|AH00287")


def wait_for_end(httpd: Httpd) -> None:
    def ended() -> bool:
        with Client(httpd.port()) as client:
            return bool(client.json("/ended"))

    wait_until(ended)


@pytest.fixture
def kept(httpd: Httpd, client: Client) -> Iterator[None]:
    """A request that has ended but is still held."""
    with Client(httpd.port()) as other:
        assert other.json("/keep?x") == "kept"
    wait_for_end(httpd)
    yield
    client.json("/forget")


def test_any_use_raises_reference_error(kept: None, client: Client) -> None:
    uses, wrong = client.json("/use")
    assert wrong == {}
    assert uses > 180  # every member, method and table


def test_what_survives(kept: None, client: Client) -> None:
    assert client.json("/survivors") == [
        "mine", 2, {"own": "mine", "own2": 2}, "<class 'mp_request'>",
        "test_request_lifetime", "localhost", True]


def test_the_connection_ends_too(kept: None, client: Client) -> None:
    # the client of the kept request has closed its connection
    wait_until(lambda: client.json("/connection")
               == ["ReferenceError", False])


def test_the_connection_lasts_longer(client: Client) -> None:
    client.json("/keep")
    assert client.json("/connection") == ["", True]
    client.json("/forget")


def test_a_thread_that_stays(httpd: Httpd, client: Client) -> None:
    client.json("/thread")
    client.close()  # prefork has this one process only
    wait_for_end(httpd)
    wait_until(lambda: client.json("/thread_result") == "ReferenceError")
    client.json("/forget")


def test_a_thread_inside_a_method(httpd: Httpd, client: Client) -> None:
    with client.raw() as raw:
        raw.send(b"POST /late_reader HTTP/1.1\r\nHost: x\r\n"
                 b"Connection: close\r\nContent-Length: 5\r\n\r\nab")
        if httpd.env.mpm != "prefork":  # has no other process to ask
            wait_until(lambda: client.json("/late_result") is None)
        raw.send(b"cde")
        assert raw.read_response().status == 200
    wait_until(lambda: client.json("/late_result") == 5)
    client.json("/forget")


def test_httpd_stops_in_the_middle(start_httpd: Callable[..., Httpd]) -> None:
    server = start_httpd(CONFIG, workers=WORKERS)
    with Connection(server.port()) as raw:
        raw.send_request("/slow")
        wait_until(lambda: server.log.records("slow begins"))
        server.stop()


# ---- while it lives ----

def test_attributes_last_to_the_end(client: Client, log: ErrorLog) -> None:
    assert client.json("/attributes") == [
        ["PythonFixupHandler", "PythonHandler"], True]
    log.expect(r"log sees \['PythonFixupHandler', 'PythonHandler'\] True")
    log.expect(r"cleanup sees \['PythonFixupHandler', 'PythonHandler'\]")


def test_attributes_end_with_the_request(client: Client,
                                         log: ErrorLog) -> None:
    # at once, not with the next request
    client.json("/resource")
    log.expect("resource freed")


def test_redirects_share_a_pool(client: Client, log: ErrorLog) -> None:
    assert client.json("/chain") == ["/chain", True]
    # the last request ends first
    log.expect(r"cleanup of /chain7: \['/chain6', None, None\]")
    log.expect(r"cleanup of /chain6: \['/chain', 'ended', None\]")
    log.expect(r"cleanup of /chain: \[None, 'ended', None\]")


def test_sub_request(httpd: Httpd, client: Client, log: ErrorLog) -> None:
    assert client.text("/page.shtml") == "[main=/page.shtml None True]"
    log.expect("page knows /sub")
    client.close()
    wait_for_end(httpd)
    client.json("/forget")


def test_objects_of_several_interpreters(client: Client, log: ErrorLog,
                                         env: Env) -> None:
    own = f"{env.docroot}/own/"
    assert client.text("/own/") == (
        f"False /own {own} 1 /own of the other {own} True")
    log.expect("cleanup in /own: of the other")


# ---- what is left ----

def counts(httpd: Httpd) -> dict[str, int]:
    """After whatever still runs has ended."""
    last: list[dict[str, int]] = []

    def settled() -> bool:
        # a new connection: httpd closes idle ones when it is busy
        with Client(httpd.port()) as client:
            client.json("/forget")
            last.append(client.json("/count"))
        return (len(last) > 1 and last[-2] == last[-1]
                and last[-1]["mp_request"] == 1)  # the one that counts

    wait_until(settled)
    return last[-1]


def hang_up(path: str) -> Callable[[Client], None]:
    def act(client: Client) -> None:
        with client.raw() as raw:
            raw.send_request(path)
            raw.read_some()
            raw.abort()
    return act


def stop_upload(client: Client) -> None:
    with client.raw() as raw:
        raw.send(b"POST /upload HTTP/1.1\r\nHost: x\r\n"
                 b"Content-Length: 1000000\r\n\r\n" + b"x" * 100)
        raw.abort()


SCENES: dict[str, Callable[[Client], object]] = {
    "leaves while reading": hang_up("/stream"),
    "leaves while writing": stop_upload,
    "plain": lambda client: client.json("/plain"),
    "views": lambda client: client.json("/views", "POST", data=b"abc"),
    "cycle": lambda client: client.json("/cycle"),
    "attributes": lambda client: client.json("/attributes"),
    "error": lambda client: client.get("/error"),
    "redirects": lambda client: client.json("/chain"),
    "threads": lambda client: client.text("/hammer"),
    "sub-request": lambda client: client.text("/page.shtml"),
    "interpreters": lambda client: client.text("/own/"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_left(httpd: Httpd, log: ErrorLog, scene: str) -> None:
    log.allow("ZeroDivisionError|MP0400|MP0401|PythonHandler ")

    def times(number: int) -> dict[str, int]:
        def one(_: int) -> None:
            with Client(httpd.port()) as client:
                SCENES[scene](client)

        concurrently(one, number, threads=4)
        if scene.startswith("leaves"):
            log.expect("the client has left", number, since=mark)
        return counts(httpd)

    mark = log.mark()
    times(5)
    mark = log.mark()
    few = times(5)
    mark = log.mark()
    many = times(50)
    # views are kept for the requests to come, five for each request that was
    # there at the same time as others, in each interpreter
    assert many.pop("mp_table") < few.pop("mp_table") + 80
    assert many == few
    # the request that counts
    assert few["mp_request"] == 1
