# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Server objects."""
from __future__ import annotations

import time

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = """
ServerAdmin webmaster@example.org
LimitRequestLine 4000
LimitRequestFieldSize 5000
LimitRequestFields 60
PythonOption where main
PythonOption only.main 1
PythonAutoReload Off
""" + EXECUTE + EVAL + """
<VirtualHost 127.0.0.1:${PORT1}>
    ServerName other.example.org:8080
    ServerAlias alias.example.org *.wild.example.org other.alias
    ServerPath /some/path
    Timeout 7
    KeepAliveTimeout 250ms
    MaxKeepAliveRequests 5
    KeepAlive Off
    LogLevel debug
    PythonOption where virtual
    PythonInterpreter main_interpreter
    DocumentRoot "${DOCROOT}"
</VirtualHost>
"""


def test_main_server(client: Client, env: Env) -> None:
    got = run(client, """
        s = req.server
        result = [s.server_hostname, s.server_admin, s.is_virtual, s.timeout,
                  s.keep_alive_timeout, s.keep_alive_max, s.keep_alive,
                  s.limit_req_line, s.limit_req_fieldsize,
                  s.limit_req_fields, s.path, s.pathlen, s.names,
                  s.wild_names, s.port, s.loglevel, s.error_fname,
                  s.my_generation, s.defn_name, repr(type(s))]
    """)
    assert got[:18] == ["localhost", "webmaster@example.org", 0, 20.0, 10.0,
                        0, 1, 4000, 5000, 60, None, 0, [], [], 0, 6,
                        "logs/error.log", 0]
    assert got[18] is None or got[18].startswith(str(env.root))
    assert got[19] == "<class 'mp_server'>"


def test_virtual_host(client: Client) -> None:
    got = run(client, """
        s = apache.main_server.next
        result = [s.server_hostname, s.is_virtual, s.timeout,
                  s.keep_alive_timeout, s.keep_alive_max, s.keep_alive,
                  s.path, s.pathlen, s.names, s.wild_names, s.port,
                  s.loglevel, s.next, s.defn_line_number > 0,
                  s.defn_name != "", s.server_admin]
    """)
    assert got == ["other.example.org", 1, 7.0, 0.25, 5, 0, "/some/path", 10,
                   ["alias.example.org", "other.alias"],
                   ["*.wild.example.org"], 8080, 7, None, True, True,
                   "webmaster@example.org"]


def test_restart_time(client: Client) -> None:
    started = run(client, "result = req.server.restart_time")
    assert isinstance(started, float)
    assert time.time() - 600 < started <= time.time()


def test_generation(httpd: Httpd, client: Client) -> None:
    before = run(client, "result = req.server.my_generation")
    client.session.close()
    httpd.graceful()
    assert run(client, "result = req.server.my_generation") == before + 1


def test_identity_and_attributes(client: Client) -> None:
    assert run(client, """
        s = req.server
        s.counter = 5
        result = [s is apache.main_server, s is req.connection.base_server,
                  s.next is s.next, "counter" in s.__dict__,
                  "port" in dir(s), "log_error" in dir(s)]
    """) == [True, True, True, True, True, True]
    assert run(client, "result = req.server.counter") == 5
    assert run(client, """
        del req.server.counter
        result = hasattr(req.server, "counter")
    """) is False


def test_read_only(client: Client) -> None:
    assert run(client, """
        s = req.server
        members = ["next", "defn_name", "defn_line_number", "server_admin",
                   "server_hostname", "port", "error_fname", "loglevel",
                   "is_virtual", "timeout", "keep_alive_timeout",
                   "keep_alive_max", "keep_alive", "path", "pathlen",
                   "names", "wild_names", "limit_req_line",
                   "limit_req_fieldsize", "limit_req_fields",
                   "my_generation", "restart_time", "_server_rec"]
        result = [sorted({raised(setattr, s, name, getattr(s, name))
                          .partition(":")[0] for name in members}),
                  sorted({raised(delattr, s, name).partition(":")[0]
                          for name in members}),
                  raised(type(s)).partition(":")[0],
                  type(s._server_rec).__name__]
    """) == [["AttributeError"], ["TypeError"], "TypeError", "PyCapsule"]


def test_tables(client: Client) -> None:
    assert run(client, """
        s = apache.main_server
        options, config = s.get_options(), s.get_config()
        other = s.next.get_options()
        result = [options is s.get_options(), config is s.get_config(),
                  options["where"], other["where"], other["only.main"],
                  config["PythonAutoReload"],
                  "where" in req.get_options()]
        options["from.python"] = "1"
        result += [s.get_options()["from.python"],
                   "from.python" in req.get_options(),
                   "from.python" in other]
    """) == [True, True, "main", "virtual", "1", "0", True, "1", False,
             False]
    # stays for later requests of this interpreter
    assert run(client, """
        result = ["from.python" in req.server.get_options(),
                  "from.python" in req.get_options()]
    """) == [True, False]


def test_second_interpreter(client: Client) -> None:
    """Has server objects and connection objects of its own."""
    code = """
        s, c = req.server, req.connection
        before = getattr(s, "mine", None)
        s.mine = apache.interpreter
        c.notes[apache.interpreter] = "was here"
        result = [before, s.mine, s is apache.main_server,
                  c is req.connection, c.client_ip, sorted(c.notes.keys()),
                  s.get_options()["where"], "mine" in s.get_options(),
                  isinstance(c.notes, table)]
        s.get_options()["mine"] = "1"
    """
    rest = ["main", False, True]
    assert run(client, code) == [
        None, "localhost", True, True, "127.0.0.1", ["localhost"], *rest]
    assert run(client, code, "/second") == [
        None, "second", True, True, "127.0.0.1", ["localhost", "second"],
        *rest]
    run(client, "del req.server.mine")
    assert run(client, code, "/second")[0] == "second"


def test_log_error(client: Client, log: ErrorLog) -> None:
    run(client, """
        req.server.log_error("first\\nsecond", apache.APLOG_NOTICE)
        apache.log_error("third", level=apache.APLOG_INFO, server=req.server)
        req.server.log_error(message="fourth")
        apache.log_error("not seen", apache.APLOG_DEBUG)
        apache.log_error("seen", apache.APLOG_DEBUG, req.server.next)
    """)
    found = log.expect("first$|second$|third$|fourth$|seen$", 5)
    assert [(one.module, one.level, one.text) for one in found] == [
        ("python", "notice", "first"), ("python", "notice", "second"),
        ("python", "info", "third"), ("python", "error", "fourth"),
        ("python", "debug", "seen")]


def test_register_cleanup(client: Client, httpd: Httpd,
                          log: ErrorLog) -> None:
    run(client, """
        def note(data):
            apache.log_error(data, apache.APLOG_NOTICE)
        kind = lambda *args: raised(req.server.register_cleanup,
                                    *args).partition(":")[0]
        assert kind(req) == kind(req, 5) == kind(5, note) == "TypeError"
        req.server.register_cleanup(req, note, "cleanup one")
        req.server.register_cleanup(req, note, "cleanup two")
        req.server.register_cleanup(req, lambda none: note(repr(none)))
    """)
    client.session.close()
    httpd.restart()
    found = log.expect("None$|cleanup (one|two)$", 3)
    assert [one.text for one in found] == ["None", "cleanup two",
                                           "cleanup one"]
