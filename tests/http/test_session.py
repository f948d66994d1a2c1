# Licensed under the Apache License, Version 2.0; see LICENSE.
"""One suite of behaviour over all kinds of sessions, and what is special to
some of them."""
from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import termios
from collections.abc import Callable, Iterator

import pytest

from harness.client import Client
from harness.conf import ONE, Workers
from harness.env import Env
from harness.httpd import Httpd, StartError
from harness.packages import add_packages
from harness.raw import Connection
from harness.redis import Redis
from harness.servers import Servers
from harness.tools import concurrently, wait_until

# MemorySession needs one process: it has a server of its own.
SHARED = ["Dbm", "File", "Sqlite", "Redis"]
CLIENTS, INCREMENTS = 50, 20
LARGE = 10_000_000  # more than the sockets hold

# event closes idle connections while all its threads are busy, at the moment
# when their clients may use them again
CLOSE = {"Connection": "close"}

BLOCK = """
<Location /{place}>
    SetHandler mod_python
    PythonHandler test_session
    PythonLogHandler test_session
    PythonCleanupHandler test_session
    PythonOption mod_python.session.session_type {kind}Session
    PythonOption mod_python.session.database_directory "${{ROOT}}/var/{place}"
    PythonOption mod_python.session.application_path /
    {more}
</Location>
"""


def block(kind: str, more: str = "", place: str = "") -> str:
    return BLOCK.format(kind=kind, place=place or kind, more=more)


def shared_config(env: Env, url: str | None) -> str:
    """The configuration for all classes but MemorySession."""
    text = []
    for kind in SHARED:
        more = f"ErrorDocument 404 /{kind}/count\n"
        if kind == "Redis":
            if url is None:
                continue
            more += f"PythonOption mod_python.redis_session.url {url}"
        text.append(block(kind, more))
    for place in (*SHARED, "json", "options", "own", "default"):
        env.directory(f"var/{place}", writable=True)
    text.append(block("File", "PythonOption mod_python.session.serializer "
                      "json", "json"))
    text.append(block("File", """
    PythonOption mod_python.session.cookie_name other
    PythonOption mod_python.session.application_path /options
    PythonOption mod_python.session.application_domain .example.org
    PythonOption mod_python.session.cookie_secure On
    PythonOption mod_python.session.cookie_httponly Off
    PythonOption mod_python.session.cookie_samesite Strict
    """, "options"))
    text.append("""
<Location /default>
    SetHandler mod_python
    PythonHandler test_session
</Location>
<Location /wrong>
    SetHandler mod_python
    PythonHandler test_session
    PythonOption mod_python.session.session_type NoSession
</Location>
<Location /own>
    SetHandler mod_python
    PythonHandler test_session
    PythonOption mod_python.session.session_type test_session::Own
</Location>
""")
    return "\n".join(text)


@pytest.fixture(autouse=True)
def under_each_mpm(mpm: str, servers: Servers) -> None:
    """The servers below are asked for by name."""


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis | None]:
    program = Redis.find()
    if program is None:
        yield None
        return
    server = Redis(program)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def shared(mpm: str, servers: Servers, redis: Redis | None,
           request: pytest.FixtureRequest) -> Iterator[Httpd]:
    """The server for all classes but MemorySession: several processes."""
    server = servers.make(mpm, "session")
    env = server.env
    env.workers = Workers(children=2, threads=8, max_children=16)
    env.copy_handlers("test_session")
    if redis is not None:
        add_packages(env, "redis")
    server.start(shared_config(env, redis.url if redis else None))
    yield server
    problems = servers.finish(server)
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def alone(mpm: str, servers: Servers) -> Iterator[Httpd]:
    """The server for MemorySession: one process."""
    server = servers.make(mpm, "memory", workers=ONE)
    server.env.copy_handlers("test_session")
    # an idle connection would keep the one child of prefork
    server.start(block("Memory", "ErrorDocument 404 /Memory/count\n") + """
        KeepAlive Off
        <Location /default>
            SetHandler mod_python
            PythonHandler test_session
            PythonOption mod_python.session.database_directory "${ROOT}/var"
        </Location>""")
    yield server
    problems = servers.finish(server)
    assert not problems, "\n".join(problems)


@pytest.fixture(params=["Memory", *SHARED])
def kind(request: pytest.FixtureRequest, redis: Redis | None) -> str:
    if request.param == "Redis" and redis is None:
        pytest.skip("redis-server is not installed")
    return str(request.param)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Httpd:
    name = "alone" if kind == "Memory" else "shared"
    return request.getfixturevalue(name)  # type: ignore[no-any-return]


@pytest.fixture
def visitor(server: Httpd, kind: str) -> Iterator[Client]:
    """A browser: keeps cookies."""
    with Client(server.port(), 60) as client:
        yield client


Ask = Callable[..., object]


@pytest.fixture
def ask(visitor: Client, kind: str) -> Ask:
    return lambda name: visitor.json(f"/{kind}/{name}")


def sid_of(client: Client, name: str = "pysid") -> str:
    value = client.session.cookies.get(name)
    assert value is not None
    return str(value)


# ---- one suite over all ----

def test_found_again(ask: Ask, visitor: Client, kind: str) -> None:
    first = ask("show")
    assert first["new"] is True
    assert first["type"] == kind + "Session"
    assert first["id"] == sid_of(visitor)
    sid = ask("put")
    second = ask("show")
    assert second["new"] is False
    assert second["id"] == sid == sid_of(visitor)
    assert second["data"] == {"value": {"list": [1, "ä"], "none": None}}
    assert second["timeout"] == 1800
    assert 0 <= second["idle"] <= second["age"] < 60
    with Client(visitor.port) as other:
        assert other.json(f"/{kind}/show")["new"] is True


def test_no_increment_is_lost(server: Httpd, kind: str, visitor: Client,
                              ask: Ask) -> None:
    assert ask("count") == 1
    cookie = {"Cookie": "pysid=" + sid_of(visitor), **CLOSE}

    def work(_number: int) -> list[int]:
        with Client(server.port(), 120) as client:
            return [client.json(f"/{kind}/count", headers=cookie)
                    for _ in range(INCREMENTS)]

    results = concurrently(work, CLIENTS, threads=CLIENTS, timeout=300)
    values = [value for result in results for value in result]
    assert sorted(values) == list(range(2, CLIENTS * INCREMENTS + 2))
    assert ask("count") == CLIENTS * INCREMENTS + 2


def test_many_sessions_at_a_time(server: Httpd, kind: str) -> None:
    def work(_number: int) -> tuple[str, list[int]]:
        with Client(server.port(), 60) as client:
            values = [client.json(f"/{kind}/count", headers=CLOSE)
                      for _ in range(10)]
            return sid_of(client), values

    results = concurrently(work, 20, threads=10)
    assert all(values == list(range(1, 11)) for _, values in results)
    assert len({sid for sid, _ in results}) == 20


def test_expiry(visitor: Client, ask: Ask, kind: str) -> None:
    sid = ask("put?0.3")
    wait_until(lambda: ask("show")["id"] != sid, 10)
    ask("cleanup")


def test_unknown_ids_are_not_taken_over(server: Httpd, kind: str) -> None:
    for sid in ("0123456789abcdef" * 2, "0" * 31, "X" * 32, "../../x", ""):
        with Client(server.port()) as client:
            for _ in range(2):
                found = client.json(f"/{kind}/show", headers={
                    "Cookie": f"pysid={sid}"})
                assert found["new"] is True
                assert found["id"] != sid
                assert len(found["id"]) == 32


def test_delete_and_invalidate(visitor: Client, ask: Ask, kind: str
                               ) -> None:
    sid = ask("put")
    assert ask("delete") is None
    assert ask("show")["id"] != sid
    sid = str(ask("put"))
    ask("invalidate")
    assert visitor.session.cookies.get("pysid") is None
    found = visitor.json(f"/{kind}/show", headers={"Cookie": f"pysid={sid}"})
    assert found["new"] is True
    assert found["id"] != sid


def test_explicit_id(ask: Ask, visitor: Client, kind: str, server: Httpd
                     ) -> None:
    sid = str(ask("put"))
    with Client(server.port()) as other:
        assert other.json(f"/{kind}/sid?{sid}") == [False, sid]
        assert "pysid" not in other.session.cookies
        new, made = other.json(f"/{kind}/sid?{'f' * 32}")
        assert new is True
        assert made != "f" * 32
        assert other.get(f"/{kind}/sid?nonsense").status_code == 500
    server.log.expect("ValueError: a session id")


def test_secret(ask: Ask, visitor: Client, server: Httpd, kind: str) -> None:
    new, sid = ask("secret")
    assert new is True
    cookie = sid_of(visitor)
    assert re.fullmatch("[0-9a-f]{64}" + sid, cookie)
    assert ask("secret") == [False, sid]
    for forged in (sid, "0" * 64 + sid, cookie[:-1] + "0"):
        if forged == cookie:
            continue
        with Client(server.port()) as other:
            found = other.json(f"/{kind}/secret", headers={
                "Cookie": "pysid=" + forged})
            assert found[0] is True
            assert found[1] != sid


def test_an_error_frees_the_session(ask: Ask, visitor: Client, kind: str,
                                    server: Httpd) -> None:
    assert ask("count") == 1
    for _ in range(3):
        assert visitor.get(f"/{kind}/fail").status_code == 500
    assert ask("count") == 2
    server.log.expect("after the session was made", count=3)


@pytest.mark.mpm("worker", "event")
def test_a_client_that_leaves_frees_the_session(
        ask: Ask, visitor: Client, kind: str, server: Httpd) -> None:
    assert ask("count") == 1
    cookie = ("Cookie", "pysid=" + sid_of(visitor))
    for _ in range(3):
        with Connection(server.port()) as connection:
            connection.send_request(f"/{kind}/stay", headers=[cookie])
            connection.read_line()
            connection.abort()
    assert ask("count") == 2


def test_a_slow_client_frees_the_session(
        ask: Ask, visitor: Client, kind: str, server: Httpd) -> None:
    """The end of such a request may be in another thread."""
    assert ask("count") == 1
    cookie = ("Cookie", "pysid=" + sid_of(visitor))
    for number in range(4):
        with Connection(server.port()) as connection:
            connection.send_request(f"/{kind}/large", headers=[cookie])
            wait_until(lambda: waiting(connection) > 50_000, 10)
            response = connection.read_response()
            assert len(response.body) == LARGE
        assert ask("count") == number + 2


def waiting(connection: Connection) -> int:
    """How many bytes have come and were not read."""
    size = fcntl.ioctl(connection.socket, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(size, sys.byteorder)


def test_redirect_and_error_page_share_the_lock(ask: Ask, visitor: Client,
                                                kind: str) -> None:
    assert ask("count") == 1
    assert ask("redirected") == 3
    response = visitor.get(f"/{kind}/errorpage")
    assert (response.status_code, response.text) == (404, "4")
    assert ask("count") == 5


def test_two_sessions_of_a_request(ask: Ask) -> None:
    assert ask("two") == [False] * 20


@pytest.mark.mpm("worker", "event")
def test_unlock(server: Httpd, visitor: Client, ask: Ask, kind: str) -> None:
    ask("put")
    cookie = {"Cookie": "pysid=" + sid_of(visitor)}

    def work(number: int) -> object:
        with Client(server.port(), 30) as client:
            if number == 0:
                return client.json(f"/{kind}/unlock", headers=cookie)
            wait_until(lambda: "free" in client.json(
                f"/{kind}/show", headers=cookie)["data"], 10)
            return client.json(f"/{kind}/free", headers=cookie)

    assert concurrently(work, 2, threads=2)[0] == "freed"


def test_in_the_log_phase_and_after(ask: Ask, visitor: Client) -> None:
    ask("put")
    for _ in range(5):
        ask("inlog")
    wait_until(lambda: ask("show")["data"].get("log") == 5, 10)
    for _ in range(5):
        ask("incleanup")
    wait_until(lambda: ask("show")["data"].get("cleanup") == 5, 10)


def test_restart(server: Httpd, ask: Ask, kind: str) -> None:
    ask("put")
    server.graceful()
    assert ask("show")["new"] is (kind == "Memory")


# ---- classes and options ----

def test_default_class(shared: Httpd, alone: Httpd, mpm: str) -> None:
    with Client(shared.port()) as client:
        assert client.json("/default/show")["type"] == "DbmSession"
    with Client(alone.port()) as client:
        assert client.json("/default/show")["type"] == (
            "DbmSession" if mpm == "prefork" else "MemorySession")


def test_class_of_the_application(shared: Httpd) -> None:
    with Client(shared.port()) as client:
        assert client.json("/own/show")["type"] == "Own"
        assert client.get("/wrong/show").status_code == 500
    assert "session.session_type" in shared.log.expect("MP0600")[0].text


def test_json(shared: Httpd) -> None:
    with Client(shared.port()) as client:
        client.json("/json/put")
        assert client.json("/json/show")["data"] == {
            "value": {"list": [1, "ä"], "none": None}}
    stored = list((shared.env.var / "json" / "mp_sess").rglob("?" * 32))
    assert b'"_data"' in stored[0].read_bytes()


def test_cookie_options(shared: Httpd) -> None:
    with Client(shared.port()) as client:
        header = client.get("/options/show").headers["Set-Cookie"]
        assert re.fullmatch(
            "other=[0-9a-f]{32}; path=/options; domain=.example.org; secure; "
            "samesite=Strict", header)
        header = client.get("/File/show").headers["Set-Cookie"]
        assert re.fullmatch(
            "pysid=[0-9a-f]{32}; path=/; samesite=Lax; httponly", header)


def test_a_damaged_record_is_absent(shared: Httpd) -> None:
    with Client(shared.port()) as client:
        sid = client.json("/File/put")
        file = shared.env.var / "File" / "mp_sess" / sid[:2] / sid
        file.write_bytes(b"\x80\x04nonsense")
        assert client.json("/File/show")["new"] is True
    shared.log.expect("MP0610")


def test_files_are_private(shared: Httpd) -> None:
    with Client(shared.port()) as client:
        for kind in ("File", "Sqlite", "Dbm"):
            client.json(f"/{kind}/put")
    for path in (*shared.env.var.glob("File/mp_sess/**/*"),
                 *shared.env.var.glob("Sqlite/*")):
        assert path.stat().st_mode & 0o077 == 0, path
    for path in shared.env.var.glob("Dbm/*"):
        assert path.stat().st_mode & 0o027 == 0, path


@pytest.mark.mpm("event")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_default_directory(start_httpd: Callable[..., Httpd]) -> None:
    place = "PythonOption mod_python.session.session_type FileSession"
    server = start_httpd("""
        <Location />
            SetHandler mod_python
            PythonHandler test_session
            %s
        </Location>""" % place)
    server.stop()
    server.start(environ={"TMPDIR": str(server.env.var)})
    with Client(server.port()) as client:
        client.json("/put")
        assert client.json("/show")["new"] is False
        [made] = server.env.var.glob("mod_python-*")
        assert made.stat().st_mode & 0o777 == 0o700
        shutil.rmtree(made)
        made.mkdir(mode=0o700)
        os.chown(made, 12345, 12345)
        assert client.get("/put").status_code == 500
    server.log.expect("MP0611")


@pytest.mark.parametrize("locks", [1, 3])
def test_few_locks(start_httpd: Callable[..., Httpd], locks: int) -> None:
    server = start_httpd(
        f"PythonOption mod_python.mutex_locks {locks}\n"
        + block("File", place="File"))
    server.env.directory("var/File", writable=True)

    def work(number: int) -> object:
        with Client(server.port(), 60) as client:
            assert client.json("/File/two", headers=CLOSE) == [False] * 20
            return [client.json("/File/count", headers=CLOSE)
                    for _ in range(5)]

    assert concurrently(work, 12) == [[1, 2, 3, 4, 5]] * 12


# ---- Redis ----

def test_two_servers(shared: Httpd, redis: Redis | None, mpm: str,
                     start_httpd: Callable[..., Httpd],
                     make_httpd: Callable[..., Httpd]) -> None:
    if redis is None:
        pytest.skip("redis-server is not installed")
    second = make_httpd()
    add_packages(second.env, "redis")
    second.start(block(
        "Redis", f"PythonOption mod_python.redis_session.url {redis.url}"))
    with Client(shared.port()) as client:
        assert client.json("/Redis/count") == 1
        cookie = {"Cookie": "pysid=" + sid_of(client), **CLOSE}

    def work(number: int) -> list[int]:
        one = (shared, second)[number % 2]
        with Client(one.port(), 120) as client:
            return [client.json("/Redis/count", headers=cookie)
                    for _ in range(INCREMENTS)]

    results = concurrently(work, CLIENTS, threads=CLIENTS, timeout=300)
    values = [value for result in results for value in result]
    assert sorted(values) == list(range(2, CLIENTS * INCREMENTS + 2))


def test_redis_goes_and_returns(shared: Httpd, redis: Redis | None) -> None:
    if redis is None:
        pytest.skip("redis-server is not installed")
    with Client(shared.port(), 30) as client:
        assert client.json("/Redis/count") == 1
        redis.stop()
        for _ in range(3):
            assert client.get("/Redis/count").status_code == 500
        [record, *_] = shared.log.expect("MP0614")
        assert f"127.0.0.1:{redis.port}" in record.text
        redis.start()
        for _ in range(20):  # in each process
            client.session.cookies.clear()
            assert client.json("/Redis/count") == 1
            assert client.json("/Redis/count") == 2


@pytest.mark.mpm("event")
def test_locks_that_a_thread_owns(make_httpd: Callable[..., Httpd]) -> None:
    server = make_httpd()
    with pytest.raises(StartError, match="ended with status"):
        server.start("Mutex pthread mod_python")
    server.log.expect("MP0005")
    server.log.allow("AH00016|AH00020")
