# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The text rule: bytes of any kind come in, go out and come back the same."""
from __future__ import annotations

from base64 import b64encode

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.log import ErrorLog
from harness.raw import Connection
from running import EXECUTE, run

HANDLERS = ["execute"]

ODD = b"caf\xc3\xa9 \xff\xfe \xed\xb0\x80"  # valid, not valid, a surrogate
TEXT = ODD.decode("utf-8", "surrogateescape")


def configure(env: Env) -> str:
    # httpd reads its configuration as bytes
    path = env.root / "conf" / "odd.conf"
    path.write_bytes(b'PythonOption odd "' + ODD + b'"\n'
                     b'PythonOption "odd.\xff" value\n'
                     b'SetEnv ODD_ENV "' + ODD + b'"\n'
                     b'ServerAdmin "' + ODD + b'"\n')
    return f'Include "{path}"\n' + EXECUTE + EVAL


def test_headers(raw: Connection) -> None:
    code = (b"result = ascii(req.headers_in['X-Odd'])\n"
            b"req.headers_out['X-Odd'] = req.headers_in['X-Odd']\n"
            b"req.headers_out[b'X-Bytes'] = b'\\xff'\n")
    response = raw.request("/run", "POST", [("X-Odd", ODD)], code)
    assert response.json() == ascii(TEXT)
    assert response.header("X-Odd") == TEXT
    assert response.header("X-Bytes") == "\udcff"


def test_configuration(client: Client) -> None:
    assert run(client, """
        tree = [args for name, args in
                [row for row in apache.config_tree() if len(row) == 2
                 and isinstance(row, tuple)] if name == "ServerAdmin"]
        result = [ascii(one) for one in (
            req.get_options()["odd"], req.server.get_options()["odd"],
            req.get_options()["odd.\\udcff"], req.subprocess_env["ODD_ENV"],
            req.server.server_admin, tree[0])]
    """) == [ascii(TEXT)] * 2 + [ascii("value"), ascii(TEXT), ascii(TEXT),
                                 ascii(f'"{TEXT}"')]


def test_notes(client: Client) -> None:
    assert run(client, f"""
        odd = {TEXT!a}
        req.notes[odd] = odd
        req.notes["bytes"] = {ODD!r}
        result = [ascii(req.notes[odd]), req.notes["bytes"] == odd,
                  odd in req.notes.keys()]
    """) == [ascii(TEXT), True, True]


def test_log(client: Client, log: ErrorLog) -> None:
    """Shown as httpd shows what does not print; never an error."""
    run(client, f"""
        import sys
        for message in ({ODD!r}, {TEXT!a}, "\\ud800"):
            req.log_error(message, apache.APLOG_INFO)
            req.server.log_error(message, apache.APLOG_INFO)
            req.connection.log_error(message, apache.APLOG_INFO)
            apache.log_error(message, apache.APLOG_INFO)
            sys.stdout.write(message)
            sys.stdout.write("\\n")
    """)
    kept = log.expect(r"caf\\xc3\\xa9 \\xff\\xfe \\xed\\xb0\\x80", 5)
    assert len(kept) == 5
    escaped = log.expect(r"caf\\xc3\\xa9 \\\\udcff\\\\udcfe \\\\udced", 5)
    assert len(escaped) == 5
    assert len(log.expect(r"\\\\ud800", 5)) == 5


def test_body(client: Client) -> None:
    got = client.request("POST", "/run", data=f"""if True:
        req.write({TEXT!a})
        req.write(bytearray(b" and "))
        result = raised(req.write, "\\ud800").partition(":")[0]
    """.encode())
    assert got.content == ODD + b' and "UnicodeEncodeError"'


def test_nul(client: Client) -> None:
    assert run(client, r"""
        def kind(function, *args):
            return raised(function, *args).partition(":")[0]
        result = [kind(req.notes.__setitem__, "a\0b", "c"),
                  kind(req.notes.__setitem__, "a", "c\0"),
                  kind(apache.stat, "a\0", 0),
                  kind(apache.exists_config_define, "\0"),
                  kind(setattr, req, "args", "a\0"),
                  kind(setattr, req, "filename", b"\0")]
    """) == ["ValueError"] * 6


def test_numbers(client: Client) -> None:
    """Any int, but no bool."""
    assert run(client, """
        import enum, http
        class Level(enum.IntEnum):
            info = 6
        class Number(int):
            pass
        apache.log_error("fine", Level.info)
        apache.log_error("fine", Number(6))
        req.connection.keepalive = Number(1)
        req.status = http.HTTPStatus.OK
        result = [raised(apache.log_error, "x", True),
                  raised(apache.log_error, "x", 6.0),
                  raised(apache.log_error, "x", 2 ** 100),
                  raised(setattr, req.connection, "keepalive", True)]
    """) == ["TypeError: level must be int, not bool",
             "TypeError: level must be int, not float",
             "OverflowError: level must be from 0 to 15",
             "TypeError: keepalive must be int, not bool"]


def test_subclasses_of_str(client: Client) -> None:
    assert run(client, """
        class Text(str):
            def __str__(self):
                return "not this"
            encode = None
        req.notes[Text("key")] = Text("value")
        result = [req.notes["key"], Text("KEY") in req.notes,
                  type(req.notes["key"]) is str]
    """) == ["value", True, True]


def test_user_names(client: Client) -> None:
    """UTF-8, and what is not that is latin-1."""
    for name in ("jöe".encode(), "jöe".encode("latin-1")):
        login = b64encode(name + b":" + name).decode()
        assert run(client, """
            password = req.get_basic_auth_pw()
            result = [req.user, password]
        """, headers={"Authorization": f"Basic {login}"}) == ["jöe", "jöe"]
