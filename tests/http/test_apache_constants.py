# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The constants and small functions of mod_python.apache."""
from __future__ import annotations

from typing import Any

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = """
Define OWN_DEFINE
PythonOption of.main 1
<Directory "/nowhere">
    <IfModule python_module>
        PythonDebug On
    </IfModule>
</Directory>
""" + EXECUTE + EVAL


def numbers(text: str, base: int = 10) -> dict[str, int]:
    """"A 1, B 2" as a dict."""
    pairs = (one.split() for one in text.replace("\n", " ").split(","))
    return {name: int(value, base) for name, value in pairs}


def counted(names: str, start: int = 0) -> dict[str, int]:
    return {name: start + n for n, name in enumerate(names.split())}


EXPECTED = {
    "": numbers("""OK 0, REQ_PROCEED 0, DECLINED -1, REQ_NOACTION -1, DONE -2,
        REQ_ABORTED 500"""),
    "HTTP_": numbers("""CONTINUE 100, SWITCHING_PROTOCOLS 101, PROCESSING 102,
        EARLY_HINTS 103, OK 200, CREATED 201, ACCEPTED 202,
        NON_AUTHORITATIVE 203, NO_CONTENT 204, RESET_CONTENT 205,
        PARTIAL_CONTENT 206, MULTI_STATUS 207, ALREADY_REPORTED 208,
        IM_USED 226, MULTIPLE_CHOICES 300, MOVED_PERMANENTLY 301,
        MOVED_TEMPORARILY 302, SEE_OTHER 303, NOT_MODIFIED 304,
        USE_PROXY 305, TEMPORARY_REDIRECT 307, PERMANENT_REDIRECT 308,
        BAD_REQUEST 400, UNAUTHORIZED 401, PAYMENT_REQUIRED 402,
        FORBIDDEN 403, NOT_FOUND 404, METHOD_NOT_ALLOWED 405,
        NOT_ACCEPTABLE 406, PROXY_AUTHENTICATION_REQUIRED 407,
        REQUEST_TIME_OUT 408, CONFLICT 409, GONE 410, LENGTH_REQUIRED 411,
        PRECONDITION_FAILED 412, REQUEST_ENTITY_TOO_LARGE 413,
        REQUEST_URI_TOO_LARGE 414, UNSUPPORTED_MEDIA_TYPE 415,
        RANGE_NOT_SATISFIABLE 416, EXPECTATION_FAILED 417, IM_A_TEAPOT 418,
        MISDIRECTED_REQUEST 421, UNPROCESSABLE_ENTITY 422, LOCKED 423,
        FAILED_DEPENDENCY 424, TOO_EARLY 425, UPGRADE_REQUIRED 426,
        PRECONDITION_REQUIRED 428, TOO_MANY_REQUESTS 429,
        REQUEST_HEADER_FIELDS_TOO_LARGE 431,
        UNAVAILABLE_FOR_LEGAL_REASONS 451, INTERNAL_SERVER_ERROR 500,
        NOT_IMPLEMENTED 501, BAD_GATEWAY 502, SERVICE_UNAVAILABLE 503,
        GATEWAY_TIME_OUT 504, VERSION_NOT_SUPPORTED 505,
        VARIANT_ALSO_VARIES 506, INSUFFICIENT_STORAGE 507,
        LOOP_DETECTED 508, NOT_EXTENDED 510,
        NETWORK_AUTHENTICATION_REQUIRED 511"""),
    "APLOG_": {**counted("""EMERG ALERT CRIT ERR WARNING NOTICE INFO DEBUG
        TRACE1 TRACE2 TRACE3 TRACE4 TRACE5 TRACE6 TRACE7 TRACE8"""),
               "NOERRNO": 0},
    "REMOTE_": counted("HOST NAME NOLOOKUP DOUBLE_REV"),
    "FINFO_": counted("""MODE INO DEV NLINK UID GID SIZE ATIME MTIME CTIME
        FNAME NAME FILETYPE"""),
    "URI_": counted("""SCHEME HOSTINFO USER PASSWORD HOSTNAME PORT PATH
        QUERY FRAGMENT"""),
    "PROXYREQ_": counted("NONE PROXY REVERSE RESPONSE"),
    "M_": counted("""GET PUT POST DELETE CONNECT OPTIONS TRACE PATCH PROPFIND
        PROPPATCH MKCOL COPY MOVE LOCK UNLOCK VERSION_CONTROL CHECKOUT
        UNCHECKOUT CHECKIN UPDATE LABEL REPORT MKWORKSPACE MKACTIVITY
        BASELINE_CONTROL MERGE INVALID"""),
    "AP_REQ_": counted("ACCEPT_PATH_INFO REJECT_PATH_INFO DEFAULT_PATH_INFO"),
    "AP_MPMQ_": {**counted("NOT_SUPPORTED STATIC DYNAMIC"), **counted("""
        MAX_DAEMON_USED IS_THREADED IS_FORKED HARD_LIMIT_DAEMONS
        HARD_LIMIT_THREADS MAX_THREADS MIN_SPARE_DAEMONS MIN_SPARE_THREADS
        MAX_SPARE_DAEMONS MAX_SPARE_THREADS MAX_REQUESTS_DAEMON
        MAX_DAEMONS""", 1)},
    "REQUEST_": counted("NO_BODY CHUNKED_ERROR CHUNKED_DECHUNK"),
    "AP_CONN_": counted("UNKNOWN CLOSE KEEPALIVE"),
    "APR_": {**counted("NOFILE REG DIR CHR BLK PIPE LNK SOCK"),
             "UNKFILE": 127},
    "APR_FINFO_": numbers("""LINK 1, MTIME 10, CTIME 20, ATIME 40, SIZE 100,
        CSIZE 200, DEV 1000, INODE 2000, NLINK 4000, TYPE 8000, USER 10000,
        GROUP 20000, UPROT 100000, GPROT 200000, WPROT 400000, ICASE 1000000,
        NAME 2000000, MIN 8170, IDENT 3000, OWNER 30000, PROT 700000,
        NORM 73b170, DIRENT 2000000""", 16),
}

STRINGS = {
    "REQ_EXIT": "REQ_EXIT",
    "CGI_MAGIC_TYPE": "application/x-httpd-cgi",
    "INCLUDES_MAGIC_TYPE": "text/x-server-parsed-html",
    "INCLUDES_MAGIC_TYPE3": "text/x-server-parsed-html3",
    "DIR_MAGIC_TYPE": "httpd/unix-directory",
}


def test_constants(client: Client) -> None:
    expected: dict[str, Any] = dict(STRINGS)
    for prefix, group in EXPECTED.items():
        expected.update({prefix + name: value
                         for name, value in group.items()})
    got = run(client, f"""
        result = {{name: getattr(apache, name, "missing")
                  for name in {list(expected)!r}}}
    """)
    assert got == expected


def test_constants_are_the_same_below(client: Client) -> None:
    assert run(client, """
        result = [name for name in vars(_apache) if name.isupper()
                  and getattr(apache, name) is not getattr(_apache, name)]
    """) == []


def test_magic_numbers(client: Client) -> None:
    major, minor = run(client, """
        result = [apache.MODULE_MAGIC_NUMBER_MAJOR,
                  apache.MODULE_MAGIC_NUMBER_MINOR]
    """)
    assert 20120211 <= major < 20200000
    assert minor >= 0


def test_phases(client: Client) -> None:
    rows = run(client, "result = _apache.phases")
    by_name = {row[0]: row for row in rows}
    assert by_name["PythonHandler"] == ["PythonHandler", "handler", "all",
                                        "any", True, True]
    assert by_name["PythonTransHandler"][2:] == ["first", "server", False,
                                                 True]
    assert by_name["PythonCleanupHandler"][2] == "void"
    assert by_name["PythonChildInitHandler"][2:4] == ["void", "child"]
    assert all(len(row) == 6 for row in rows)


def test_exceptions(client: Client) -> None:
    assert run(client, """
        result = [repr(apache.SERVER_RETURN), repr(apache.HandlerTimeout),
                  issubclass(apache.SERVER_RETURN, Exception),
                  issubclass(apache.HandlerTimeout, Exception),
                  issubclass(apache.HandlerTimeout, BaseException),
                  apache.SERVER_RETURN is _apache.SERVER_RETURN]
    """) == ["<class 'mod_python.apache.SERVER_RETURN'>",
             "<class 'mod_python.apache.HandlerTimeout'>", True, False, True,
             True]


def test_facts(client: Client, env: Env, mpm: str) -> None:
    threaded = mpm != "prefork"
    got = run(client, """
        result = [apache.server_root(),
                  apache.exists_config_define("OWN_DEFINE"),
                  apache.exists_config_define(b"OWN_DEFINE"),
                  apache.exists_config("OTHER"),
                  bool(apache.mpm_query(apache.AP_MPMQ_IS_THREADED)),
                  bool(apache.mpm_query(apache.AP_MPMQ_IS_FORKED)),
                  raised(apache.mpm_query, 9999).partition(":")[0],
                  raised(apache.mpm_query, "x").partition(":")[0],
                  raised(apache.exists_config_define, 5).partition(":")[0],
                  apache.interpreter, req.interpreter,
                  _apache.current_request() is req,
                  apache.main_server is _apache.main_server(),
                  _apache.mp_version == apache.mp_version]
    """)
    assert got == [str(env.root), True, True, False, threaded, True,
                   "ValueError", "TypeError", "TypeError", "localhost",
                   "localhost", True, True, True]


def test_other_threads_serve_nothing(client: Client) -> None:
    assert run(client, """
        import threading
        result = []
        def look():
            result.append(_apache.current_request())
            result.append(apache.interpreter)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    """) == [None, "main_interpreter"]


def test_config_tree(client: Client, env: Env) -> None:
    tree = run(client, "result = apache.config_tree()")
    assert ["PythonOption", "of.main 1"] in tree
    place = tree.index(["<Directory", '"/nowhere">'])
    inner = tree[place + 1]
    assert inner == [["PythonDebug", "On"]] or inner == [
        ["<IfModule", "python_module>"], [["PythonDebug", "On"]]]


def test_config_tree_is_a_copy(client: Client) -> None:
    assert run(client, """
        tree = apache.config_tree()
        size = len(tree)
        tree.clear()
        result = len(apache.config_tree()) == size > 10
    """) is True


def test_register_cleanup_checks(client: Client) -> None:
    assert run(client, """
        kind = lambda *args: raised(_apache.register_cleanup,
                                    *args).partition(":")[0]
        result = [kind("x", req.server, 5), kind("x", 5, print),
                  kind(5, None, print), kind("x", None),
                  kind("x", None, kept.get, "nothing"),
                  kind("x", req.server, kept.get, "nothing")]
    """) == ["TypeError"] * 4 + ["", ""]


# -- global mutexes ------------------------------------------------------------

def test_global_lock(client: Client) -> None:
    assert run(client, """
        import threading
        s = req.server
        def elsewhere(*args):
            got = []
            def attempt():
                got.append(_apache._global_trylock(*args))
                if got[0]:
                    _apache._global_unlock(*args)
            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()
            return got[0]
        result = []
        _apache._global_lock(s, "key")
        result.append(elsewhere(s, "key"))
        result.append(elsewhere(s, b"key"))       # the same bytes
        result.append(elsewhere(s, None, 0))      # the reserved one is free
        _apache._global_unlock(s, "key")
        result.append(elsewhere(s, "key"))
        _apache._global_lock(s, None, 0)
        result.append(elsewhere(s, None, 0))
        _apache._global_unlock(s, None, 0)
        _apache._global_lock(s, "x", 3)
        result.append(elsewhere(s, "y", 3))
        result.append(elsewhere(s, "y", 3 + 8))  # modulo 8 mutexes
        result.append(elsewhere(s, "y", 4))
        _apache._global_unlock(s, "x", 3)
        kind = lambda *args: raised(_apache._global_lock,
                                    *args).partition(":")[0]
        result += [kind(s), kind(s, 5), kind(s, None), kind(s, "x", "y"),
                   kind(s, "x", -2)]
    """) == [0, 0, 1, 1, 0, 0, 0, 1, "TypeError", "TypeError", "TypeError",
             "TypeError", "OverflowError"]


def test_keys_spread_over_the_mutexes(client: Client) -> None:
    assert run(client, """
        taken = []
        for i in range(200):
            if _apache._global_trylock(req.server, "key%d" % i):
                taken.append("key%d" % i)
        result = len(taken)
        for key in taken:
            _apache._global_unlock(req.server, key)
    """) == 8
