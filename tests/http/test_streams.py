# SPDX-License-Identifier: Apache-2.0
"""Filters that misbehave over content of all kinds, over HTTP/1.1, TLS and
HTTP/2. What nobody filtered never reaches the client, and whatever happens to
a response, the next one on the connection is that of the next request."""
from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.channel import KINDS, TLS_HOST, Channel, Outcome, add_tls, connect
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.raw import Connection
from harness.servers import Servers

MODULES = ["proxy", "proxy_http"]
FILTERS = """identity manual passes disables unread mute neither tenfold
bytewise closes first middle last after_close redirects""".split()
FAILING = ["first", "middle", "last"]
RAISING = [*FAILING, "after_close"]
PATHS = "ping body tells ignores content tiny form after".split()

# the same as in the handlers
CONTENT = (bytes(range(256)) + b"SECRET") * 500
TRANSLATED = bytes(byte for byte in CONTENT if byte not in b"SECRT")
LARGE = b"p" * 70_000
ERROR = b"[an error occurred while processing this directive]"
REFUSED = (b"[a filter of a request must not read from or write to that "
           b"request: use the filter's methods]")

CONFIG = TLS_HOST + """\
AliasMatch "^/static/[^/]+/data$" "${DOCROOT}/data"
ScriptAliasMatch "^/cgi/[^/]+/data$" "${DOCROOT}/data.cgi"
ScriptAliasMatch "^/catcgi/[^/]+/data$" "${DOCROOT}/cat.cgi"
<Directory "${DOCROOT}">
    Options +ExecCGI +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
""" + "".join(f"""\
<Location "/{name}">
    SetHandler mod_python
    PythonHandler test_streams::{name}
    PythonLogHandler test_streams
</Location>
""" for name in PATHS) + "".join(f"""\
PythonOutputFilter test_streams::{name} OUT-{name}
PythonInputFilter test_streams::{name} IN-{name}
<LocationMatch "^/(content|static|cgi|proxied)/{name}/">
    SetOutputFilter OUT-{name}
</LocationMatch>
<LocationMatch "^/(body|tells|ignores|catcgi|catproxied)/{name}/">
    SetInputFilter IN-{name}
</LocationMatch>
<Location "/errordoc/{name}">
    ErrorDocument 404 /static/{name}/data
</Location>
""" for name in FILTERS)

DATA_CGI = """\
#!/bin/sh
echo "Content-Type: application/octet-stream"
echo
exec cat %s
"""
# httpd sends the whole body before it reads an answer
CAT_CGI = """\
#!/bin/sh
body=$(mktemp) && cat >"$body" && exec 3<"$body" && rm "$body"
echo "Content-Type: application/octet-stream"
echo
exec cat <&3
"""


def configure(env: Env) -> None:
    add_tls(env)
    path = env.write("data", CONTENT)
    add_packages(env, "multipart")
    env.cgi("data.cgi", DATA_CGI % path)
    env.cgi("cat.cgi", CAT_CGI)
    for name in FILTERS:
        env.write(f"pages/{name}.shtml",
                  f'<<!--#include virtual="/static/{name}/data" -->>')


@pytest.fixture(scope="module", autouse=True)
def backend(mpm: str, servers: Servers, httpd: Httpd) -> Iterator[Httpd]:
    """What requests are proxied to."""
    server = servers.make(mpm, "backend", python=False)
    path = server.env.write("data", CONTENT)
    server.env.cgi("cat.cgi", CAT_CGI)
    server.start(f"""
        <Directory "{path.parent}">
            Options +ExecCGI
            AddHandler cgi-script .cgi
        </Directory>
    """)
    for name, target in (("proxied", "data"), ("catproxied", "cat.cgi")):
        httpd.env.write(f"{name}/.htaccess", f"""
            RewriteEngine On
            RewriteRule data$ http://127.0.0.1:{server.port()}/{target} [P]
        """)
    yield server
    problems = servers.finish(server)
    assert not problems, "\n".join(["the backend:", *problems])


@pytest.fixture(params=KINDS)
def channel(request: pytest.FixtureRequest, httpd: Httpd
            ) -> Iterator[Channel]:
    """A connection; at the end it is in step."""
    with connect(httpd, request.param) as made:
        yield made
        for number in range(2):
            assert made.in_step(f"/ping?{number}", b"pong %d" % number)


# -- output -----------------------------------------------------------------------

SOURCES = {
    "handler": "/content/{}/data", "static": "/static/{}/data",
    "proxied": "/proxied/{}/data", "cgi": "/cgi/{}/data",
    "include": "/pages/{}.shtml", "errordoc": "/errordoc/{}",
}
PAIRS = list(itertools.product(SOURCES, FILTERS))



def expected(name: str, parts: int) -> bytes:
    """What a filter that fails nowhere makes of the content, which came in
    parts."""
    return {
        "manual": TRANSLATED, "unread": b"w" * parts, "mute": b"",
        "neither": b"", "closes": b"closed", "after_close": b"closed",
        "redirects": REFUSED * parts,
    }.get(name, CONTENT)


def check_broken(outcome: Outcome) -> None:
    """An error, or recognisably not the whole; nothing unfiltered."""
    assert outcome.status >= 400 or not outcome.complete
    assert b"SECRET" not in outcome.body
    if not outcome.complete:
        body = outcome.body.removeprefix(b"<").removesuffix(ERROR + b">")
        assert LARGE.startswith(body) or TRANSLATED.startswith(body)


def check_whole(outcome: Outcome, name: str) -> None:
    assert outcome.complete
    if name == "tenfold":  # in what pieces nobody knows
        assert Counter(outcome.body) == {
            byte: 10 * count for byte, count in Counter(TRANSLATED).items()}
        return
    assert outcome.body in [expected(name, parts) for parts in range(1, 50)]


@pytest.mark.parametrize("source,name", PAIRS)
def test_output(channel: Channel, log: ErrorLog, source: str, name: str
                ) -> None:
    outcome = channel.request(SOURCES[source].format(name))
    if name in RAISING:
        log.expect("MP0400: PythonOutputFilter .*LookupError")
        log.allow("unable to include .*subrequest returned")
    if name in FAILING:
        check_broken(outcome)
        return
    assert outcome.status == (404 if source == "errordoc" else 200)
    if source == "include":
        assert outcome.body[:1] + outcome.body[-1:] == b"<>"
        outcome.body = outcome.body[1:-1].removesuffix(
            ERROR if name == "after_close" else b"")
    check_whole(outcome, name)


# -- input ------------------------------------------------------------------------

READERS = {
    "handler": "/body/{}/data", "cgi": "/catcgi/{}/data",
    "proxied": "/catproxied/{}/data",
}


@pytest.mark.parametrize("reader,name",
                         list(itertools.product(READERS, FILTERS)))
def test_input(channel: Channel, log: ErrorLog, reader: str, name: str
               ) -> None:
    outcome = channel.request(READERS[reader].format(name), "POST",
                              body=CONTENT)
    if name in RAISING:
        log.expect("MP0400: PythonInputFilter .*LookupError")
        log.allow("MP0400: PythonHandler .*OSError|AH01225|AH01270|AH0109[57]|AH02608")
        check_broken(outcome)
        return
    assert outcome.status == 200
    check_whole(outcome, name)


def test_reader_may_go_on(channel: Channel, log: ErrorLog) -> None:
    """Its own error is all that a handler notices."""
    outcome = channel.request("/tells/last/data", "POST", body=CONTENT)
    *sizes, error = json.loads(outcome.body)
    assert sum(sizes) < len(TRANSLATED)
    assert error == ["OSError", "Client read error (Timeout?)"]
    log.expect("MP0400: PythonInputFilter .*LookupError")


@pytest.mark.parametrize("name", FILTERS)
def test_body_nobody_reads(channel: Channel, log: ErrorLog, name: str
                           ) -> None:
    """httpd drops it, through the filter."""
    outcome = channel.request(f"/ignores/{name}/data", "POST", body=CONTENT)
    assert outcome == Outcome(200, b"ignored", True)
    if name in RAISING:
        log.allow("MP0400: PythonInputFilter .*LookupError")


# -- no filters -------------------------------------------------------------------


@pytest.mark.parametrize("flush", [0, 1])
def test_ten_thousand_writes(channel: Channel, flush: int) -> None:
    outcome = channel.request(f"/tiny?{flush}")
    assert outcome.complete
    assert outcome.body == b"".join(b"%04d\n" % i for i in range(10_000))


def test_large_body_there_and_back(channel: Channel) -> None:
    """The handler reads and writes by turns."""
    body = CONTENT * 10
    assert channel.request("/body/plain/data", "POST", body=body) == (
        Outcome(200, body, True))


def test_continue(channel: Channel, log: ErrorLog) -> None:
    """Who asks before sending is answered at the first read, by a reader of
    forms too."""
    kind = "multipart/form-data; boundary=b"
    body = (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"'
            b"\r\n\r\n" + CONTENT + b"\r\n--b--\r\n")
    headers = [("Expect", "100-continue"), ("Content-Type", kind),
               ("Content-Length", str(len(body)))]
    peer = channel.peer
    if isinstance(peer, Connection):
        peer.send_request("/form", "POST", headers)
        assert peer.read_head().status == 100
        peer.send(body)
        answer = peer.read_response()
    else:
        number = peer.send_request("/form", "POST", headers, end=False)
        wait = peer.read_interim(number)
        assert wait.status == 100
        peer.send(number, body, end=True)
        answer = peer.read_response(number)
    assert answer.json() == ["1", "x", len(CONTENT)]


def test_later_phases(channel: Channel, log: ErrorLog) -> None:
    """Reading there never waits for the client."""
    outcome = channel.request("/after", "POST", body=CONTENT)
    assert outcome == Outcome(200, b"read 4", True)
    for phase in ("log", "cleanup"):
        text = log.wait(f"{phase}: ")[0].text
        assert text.startswith((f"{phase}: b", f"{phase}: OSError"))
