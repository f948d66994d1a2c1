# SPDX-License-Identifier: Apache-2.0
"""Python output filters: what they see, what comes out, what goes wrong."""
from __future__ import annotations

import gzip
import time

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection, IncompleteError
from harness.tools import wait_until

WORKERS = ONE
MODULES = ["deflate"]

FILTERS = """upper once portions by_line short_lines members closes drops
silent passes disables disables_later counts types flushes large raises
raises_later returns returns_ok result uses_request keeps sub
interpreter half steps""".split()

# what httpd reads from files: parts, more than once, kept for a slow client
SIZES = (1, 4095, 4096, 10_000, 300_000)
FILE_FILTERS = {
    "upper": "PLAIN", "once": "F-once", "half": "F-half", "steps": "F-steps",
    "two": "PLAIN;F-steps", "packed": "PLAIN;DEFLATE"}

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler test_filter_output
</Directory>
PythonOutputFilter test_filter_output
PythonOutputFilter test_filter_output::upper PLAIN
PythonOutputFilter test_filter_output::upper
PythonOutputFilter test_filter_output::missing missing
PythonOutputFilter no_such_module nomodule
<Location "/static">
    SetHandler none
    SetOutputFilter PLAIN
</Location>
<LocationMatch "/debug$">
    PythonDebug On
</LocationMatch>
<LocationMatch "/default$">
    SetOutputFilter test_filter_output
</LocationMatch>
<LocationMatch "/unnamed$">
    SetOutputFilter test_filter_output::upper
</LocationMatch>
<LocationMatch "/inner$">
    PythonOutputFilter test_filter_output::portions PLAIN
    SetOutputFilter PLAIN
</LocationMatch>
<LocationMatch "/two$">
    SetOutputFilter PLAIN;F-portions
</LocationMatch>
<LocationMatch "/deflated$">
    SetOutputFilter PLAIN;DEFLATE
</LocationMatch>
<LocationMatch "/included$">
    Options +Includes
    SetOutputFilter INCLUDES
</LocationMatch>
<Location "/subtext">
    SetOutputFilter F-sub
</Location>
<LocationMatch "/plaintext$">
    SetOutputFilter none
</LocationMatch>
<LocationMatch "/document$">
    ErrorDocument 410 "a teapot"
    SetOutputFilter F-returns
</LocationMatch>
<LocationMatch "/elsewhere$">
    PythonInterpreter elsewhere
</LocationMatch>
<LocationMatch "/broken$">
    SetOutputFilter missing
</LocationMatch>
<LocationMatch "/nomodule$">
    SetOutputFilter nomodule
</LocationMatch>
<LocationMatch "/nohandler$">
    SetOutputFilter onlyhere
</LocationMatch>
<Location "/somewhere">
    PythonOutputFilter test_filter_output::upper onlyhere
</Location>
<LocationMatch "/bytype$">
    AddOutputFilterByType PLAIN text/x-upper
</LocationMatch>
<LocationMatch "/smart$">
    FilterDeclare PLAIN
    FilterProvider PLAIN PLAIN "%{CONTENT_TYPE} == 'text/x-upper'"
    FilterChain PLAIN
</LocationMatch>
""" + "".join(f"""\
<Location "/files/{name}">
    SetHandler none
    SetOutputFilter {filters}
</Location>
""" for name, filters in FILE_FILTERS.items()) + "".join(f"""\
PythonOutputFilter test_filter_output::{name} F-{name}
<LocationMatch "/{name}(/debug|/elsewhere)?$">
    SetOutputFilter F-{name}
</LocationMatch>
""" for name in FILTERS)


def numbers(size: int) -> str:
    """Text of which no two pieces are the same."""
    return "".join(f"line {n}\n" for n in range(size // 6 + 1))[:size]


def configure(env: Env) -> None:
    env.write("static/file.txt", "static text\n")
    env.write("static/large.txt", "abcdefghi\n" * 50_000)
    for name in FILE_FILTERS:
        for size in SIZES:
            env.write(f"files/{name}/{size}.txt", numbers(size))


# -- data ----------------------------------------------------------------------

TEXT = "some text\nof two lines"


@pytest.mark.parametrize(("path", "expected"), [
    ("upper", TEXT.upper()), ("once", TEXT.upper()),
    ("default", "default:" + TEXT), ("unnamed", TEXT.upper()),
    ("inner", "<som><e t><ext><\nof>< tw><o l><ine><s>None"),
    ("by_line", "10:some text\n12:of two lines"),
    ("short_lines", "[some][ tex][t\n][of t][wo l][ines]"),
    ("drops", "d"), ("silent", ""), ("passes", "<so>" + TEXT[2:] + "None"),
    ("disables", "D" + TEXT), ("disables_later", "SO" + TEXT[2:]),
    ("counts", "(1:22 end)"), ("returns_ok", TEXT.upper()),
    ("result", TEXT.upper()), ("flushes", TEXT), ("large", TEXT * 10)])
def test_one_brigade(client: Client, path: str, expected: str) -> None:
    assert client.text("/text/" + path) == expected


def test_content_length(raw: Connection) -> None:
    """A response that fits is still sent in one piece."""
    response = raw.request("/text/upper")
    assert response.header("Content-Length") == "22"


def test_empty_response(client: Client) -> None:
    assert client.text("/empty/upper") == ""
    assert client.text("/empty/counts") == "(1:0 end)"


def test_several_brigades(client: Client) -> None:
    assert client.text("/pieces/upper") == "ONE TWO THREE"
    assert client.text("/pieces/once") == "ONE TWO THREE"
    assert client.text("/pieces/counts") == "(1:4)(2:4)(3:5)(4:0 end)"
    assert client.text("/pieces/disables") == "Done two three"
    assert client.text("/pieces/disables_later") == "ONe two three"


def test_flush_marks_reach_the_client(raw: Connection) -> None:
    response = raw.request("/pieces/upper")
    assert response.chunks == [b"ONE ", b"TWO ", b"THREE"]


def test_flush(raw: Connection) -> None:
    response = raw.request("/pieces/flushes")
    assert response.chunks == [bytes([byte]) for byte in b"one two three"]


@pytest.mark.parametrize("name", ["upper", "once", "large"])
def test_much_data(client: Client, name: str) -> None:
    factor = 10 if name == "large" else 1
    assert client.text(f"/big/{name}") == (
        "x" if name == "large" else "X") * 300_000 * factor


def test_types(client: Client) -> None:
    assert client.get("/text/types").content == (
        b"\xe2\x82\xac\xffacdTypeErrorTypeErrorUnicodeEncodeError"
        b"TypeErrorTypeErrorTypeError")


def test_static_files(client: Client) -> None:
    response = client.get("/static/file.txt")
    assert response.text == "STATIC TEXT\n"
    assert client.get("/static/large.txt").text == "ABCDEFGHI\n" * 50_000
    response = client.head("/static/large.txt")
    assert (response.status_code, response.text) == (200, "")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FILE_FILTERS)
def test_sizes_of_files(client: Client, name: str, size: int) -> None:
    text = numbers(size)
    expected = text if name in ("half", "steps") else text.upper()
    headers = {"Accept-Encoding": "gzip"} if name == "packed" else {}
    assert client.get(f"/files/{name}/{size}.txt",
                      headers=headers).text == expected


def test_slow_client(raw: Connection) -> None:
    """What was written stays what it is until it is sent."""
    size = SIZES[-1]
    for name in ("once", "steps"):
        raw.send_request(f"/files/{name}/{size}.txt")
        time.sleep(0.2)
    for change in (str.upper, str):
        response = raw.read_response()
        assert response.status == 200
        assert response.text == change(numbers(size))


def test_by_extension(client: Client, env: Env) -> None:
    env.write("byext/.htaccess", "SetHandler none\n"
              "AddOutputFilter PLAIN;F-portions .loud\n")
    env.write("byext/one.loud", "abcd")
    env.write("byext/one.two.LOUD", "abcd")
    env.write("byext/one.txt", "abcd")
    for name in ("one.loud", "one.two.LOUD"):
        assert client.text("/byext/" + name) == "<ABC><D>None"
    assert client.text("/byext/one.txt") == "abcd"


def test_by_type(client: Client) -> None:
    assert client.text("/typed/bytype?text/x-upper") == "TEXT"
    assert client.text("/typed/bytype?text/plain") == "text"


def test_smart_filter(client: Client) -> None:
    """mod_filter's others are found if they have the name of the filter."""
    assert client.text("/typed/smart?text/x-upper") == "TEXT"
    assert client.text("/typed/smart?text/plain") == "text"


def test_static_file_with_other_length(client: Client) -> None:
    """The length httpd announced for the file does not hold."""
    assert client.get("/static/file.txt", headers={"Range": "bytes=0-5"}
                      ).content == b"STATIC"


def test_chains(client: Client) -> None:
    assert client.text("/text/two") == (
        "<SOM><E T><EXT><\nOF>< TW><O L><INE><S>None")
    with client.get("/big/deflated", headers={"Accept-Encoding": "gzip"},
                    stream=True) as response:
        data = response.raw.read()
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(data) == b"X" * 300_000


def test_head_and_no_content(raw: Connection) -> None:
    raw.request("/pieces/upper", "HEAD")
    assert raw.request("/text/upper").body == TEXT.upper().encode()


# -- members ---------------------------------------------------------------------


def test_members(client: Client) -> None:
    seen = eval(client.text("/text/members"))
    assert seen == [
        "f-members", 0, "test_filter_output::members", None, 0, 1,
        "/text/members", "mp_filter", "<class 'mp_filter'>", "PythonHandler",
        ["close", "closed", "dir", "disable", "flush", "handler", "is_input",
         "name", "pass_on", "read", "readline", "req", "softspace", "write"],
        "AttributeError", "AttributeError", "TypeError", "TypeError",
        "AttributeError"]


def test_close(client: Client, log: ErrorLog) -> None:
    closed = "I/O operation on closed filter"
    assert client.text("/pieces/closes") == "closed"
    wait_until(lambda: any(
        record.text == f"closed: {[1, *[closed] * 5]}"
        for record in log.records()))


def test_use_after_the_call(client: Client) -> None:
    client.text("/text/keeps")
    assert client.text("/text/keeps") == (
        "this call of a filter has ended;" * 6 + TEXT.upper())


def test_request_in_a_filter(client: Client) -> None:
    response = client.get("/text/uses_request")
    assert response.text == "['RuntimeError', 'RuntimeError']"
    assert response.headers["X-Filter"] == "1"


def test_subrequests(client: Client) -> None:
    assert client.text("/includes/included") == (
        "a (/subtext of /includes/included) b")


@pytest.mark.parametrize(("path", "expected"), [
    ("/text/interpreter", "localhost"),
    ("/text/interpreter/elsewhere", "elsewhere")])
def test_interpreter(client: Client, path: str, expected: str) -> None:
    assert client.text(path) == expected


# -- registered for a request --------------------------------------------------------


@pytest.mark.parametrize(("names", "expected"), [
    ("local", "{text}"), ("LOCAL", "{text}"), ("upper2", "TEXT"),
    ("default", "default:text"), ("plain", "TEXT"),
    ("local,upper2", "TEXT"), ("upper2,local", "{TEXT}"),
    ("local,local", "{{text}}")])
def test_registered(client: Client, names: str, expected: str) -> None:
    if names == "local,upper2":
        expected = "{TEXT}"  # added first, called first
    assert client.text("/registered?" + names) == expected


def test_unknown_names(client: Client) -> None:
    assert client.json("/unknown") == [
        "there is no output filter 'nothing'",
        "there is no output filter 'mod_python.out'",
        "there is no output filter 'upper'"]


# -- errors ------------------------------------------------------------------------


def test_exception(client: Client, log: ErrorLog) -> None:
    response = client.get("/text/raises")
    assert response.status_code == 500
    assert "half" not in response.text and "some text" not in response.text
    log.expect("MP0400: PythonOutputFilter test_filter_output::raises")
    log.expect("PythonOutputFilter test_filter_output::raises: LookupError")


def test_exception_with_debug(client: Client, log: ErrorLog) -> None:
    response = client.get("/text/raises/debug")
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert response.text.startswith("<!DOCTYPE html>")
    assert "LookupError: in the filter" in response.text
    assert "some text" not in response.text
    log.expect("MP0400")


def test_handler_learns_of_it(client: Client, log: ErrorLog) -> None:
    assert client.get("/endless/raises").status_code == 500
    log.expect("MP0400")
    wait_until(lambda: any(record.text == "stopped: -2"
                           for record in log.records()))


def test_exception_after_output(raw: Connection, log: ErrorLog) -> None:
    raw.send_request("/pieces/raises_later")
    with pytest.raises(IncompleteError):
        raw.read_response()
    log.expect("MP0400.*LookupError: in the filter")


def test_exception_after_output_with_debug(raw: Connection, log: ErrorLog
                                           ) -> None:
    raw.send_request("/pieces/raises_later/debug")
    with pytest.raises(IncompleteError):
        raw.read_response()
    log.expect("MP0400.*LookupError: in the filter")


@pytest.mark.parametrize("status", [403, 404, 418, 503])
def test_server_return(client: Client, log: ErrorLog, status: int) -> None:
    response = client.get(f"/text/returns?{status}")
    assert response.status_code == status
    assert "half" not in response.text and "some text" not in response.text
    log.expect("MP0340")
    log.allow("SERVER_RETURN")


def test_error_document(client: Client, log: ErrorLog) -> None:
    response = client.get("/text/document?410")
    assert (response.status_code, response.text) == (410, "a teapot")
    log.expect("MP0340")


@pytest.mark.parametrize(("path", "message"), [
    ("/text/broken", "MP0400.*module '.*' contains no 'missing'"),
    ("/text/nomodule", "MP0400.*no_such_module"),
    ("/text/nohandler", "MP0343")])
def test_no_handler(client: Client, log: ErrorLog, path: str, message: str
                    ) -> None:
    response = client.get(path)
    assert response.status_code == 500
    assert "some text" not in response.text
    log.expect(message)


def test_static_file_is_not_sent_instead(raw: Connection, client: Client,
                                         env: Env, log: ErrorLog) -> None:
    env.write("plain/.htaccess", "SetHandler none\nSetOutputFilter F-raises\n")
    env.write("plain/secret.txt", "secret " * 10_000)
    response = client.get("/plain/secret.txt")
    assert response.status_code == 500
    assert "secret" not in response.text
    log.expect("MP0400")


def test_next_request_is_served(client: Client, log: ErrorLog) -> None:
    for _ in range(3):
        assert client.get("/text/raises").status_code == 500
        assert client.text("/text/upper") == TEXT.upper()
    log.expect("MP0400", 3)
