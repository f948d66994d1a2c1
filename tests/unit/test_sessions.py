# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.Session with a fake request."""
from __future__ import annotations

import gc
import random
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_fakes import HList, Request, ServerReturn, httpd_fake

from mod_python import Cookie

__all__ = ["httpd_fake"]


@pytest.fixture
def lib(httpd_fake: Any, monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path) -> Any:
    """The module Session, fresh."""
    sys.modules.pop("mod_python.Session", None)
    import mod_python.Session

    module = sys.modules["mod_python.Session"]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "CLEANUP_CHANCE", 0)
    httpd_fake.locks.clear()
    yield module
    del mod_python.Session
    sys.modules.pop("mod_python.Session", None)


CLASSES = ["MemorySession", "DbmSession", "FileSession", "SqliteSession"]


@pytest.fixture(params=CLASSES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def request(kind: str | None = None, cookie: str | None = None,
            options: dict[str, str] | None = None, **attributes: Any
            ) -> Request:
    req = Request(**attributes)
    if kind:
        req.options["mod_python.session.session_type"] = kind
    for key, value in (options or {}).items():
        req.options["mod_python." + key] = value
    if cookie:
        req.headers_in.pairs.append(("Cookie", cookie))
    return req


def set_cookies(req: Request) -> list[str]:
    return req.headers_out.getlist("Set-Cookie")


def pair(req: Request) -> str:
    """What the browser sends back."""
    return set_cookies(req)[-1].partition(";")[0]


# ---- life of a session ----

def test_found_again(lib: Any, kind: str) -> None:
    req = request(kind)
    session = lib.Session(req)
    assert type(session).__name__ == kind
    assert session.is_new()
    session["n"] = 1
    session.save()
    req.end()
    again = request(kind, pair(req))
    found = lib.Session(again)
    assert not found.is_new()
    assert found == {"n": 1}
    assert found.id() == session.id()
    assert found.created() == session.created()
    assert found.last_accessed() == session.last_accessed()
    assert found.timeout() == lib.DFT_TIMEOUT
    assert set_cookies(again) == []
    again.end()
    explicit = request(kind)
    assert lib.Session(explicit, sid=session.id()) == {"n": 1}
    explicit.end()


def test_delete_and_invalidate(lib: Any, kind: str) -> None:
    req = request(kind)
    session = lib.Session(req)
    session["n"] = 1
    session.save()
    req.end()
    gone = request(kind, pair(req))
    session = lib.Session(gone)
    session.invalidate()
    assert session == {}
    session["n"] = 2
    session.save()
    gone.end()
    text = set_cookies(gone)[-1]
    assert "expires=Thu, 01-Jan-1970" in text
    assert "max-age=0" in text
    late = request(kind, pair(req))
    assert lib.Session(late).is_new()
    late.end()


def test_expiry(lib: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    req = request(kind)
    session = lib.Session(req, timeout=100)
    session.save()
    req.end()
    now[0] += 99
    second = request(kind, pair(req))
    session = lib.Session(second)
    assert not session.is_new()
    assert session.timeout() == 100
    session.set_timeout(50)
    session.save()  # renews
    assert session.last_accessed() == now[0]
    second.end()
    now[0] += 49
    third = request(kind, pair(req))
    assert not lib.Session(third).is_new()
    third.end()
    now[0] += 2
    late = request(kind, pair(req))
    session = lib.Session(late)
    assert session.is_new()
    assert session.id() not in pair(req)
    late.end()


# ---- session ids ----

@pytest.mark.parametrize("sid", [
    "0" * 31, "0" * 33, "A" * 32, "0" * 31 + "g", "0" * 32 + "\n",
    "\u0660" * 32, "../" * 10 + "00", "*", "0" * 31 + "\0"])
def test_bad_ids(lib: Any, kind: str, sid: str) -> None:
    req = request(kind, "pysid=" + sid)
    session = lib.Session(req)
    assert session.is_new()
    assert session.id() != sid
    req.end()
    with pytest.raises(ValueError, match="32 hexadecimal"):
        lib.Session(request(kind), sid=sid)


@given(st.text(st.characters()))
def test_any_text_as_id(text: str) -> None:
    from mod_python import Session

    assert Session._is_sid(text) == (
        len(text) == 32 and set(text) <= set("0123456789abcdef"))


def test_unknown_id_is_not_taken_over(lib: Any, kind: str) -> None:
    sid = "0123456789abcdef" * 2
    for req in (request(kind, "pysid=" + sid), request(kind)):
        session = lib.Session(req) if req.headers_in.keys() else (
            lib.Session(req, sid=sid))
        assert session.is_new()
        assert session.id() != sid
        assert session.id() in pair(req)
        session.save()
        req.end()
    req = request(kind, "pysid=" + sid)
    assert lib.Session(req).is_new()
    req.end()


def test_new_ids() -> None:
    from mod_python import Session

    ids = {Session._new_sid() for _ in range(1_000_000)}
    assert len(ids) == 1_000_000


# ---- cookies ----

def test_cookie_defaults(lib: Any) -> None:
    req = request("MemorySession")
    session = lib.Session(req)
    assert set_cookies(req) == [
        f"pysid={session.id()}; path=/; samesite=Lax; httponly"]
    req = request("MemorySession", https=1)
    assert "; secure" in str(lib.Session(req).make_cookie())


@pytest.mark.parametrize(("options", "https", "expected"), [
    ({"cookie_name": "c", "application_path": "/a",
      "application_domain": "x.org"}, 0,
     "c=SID; path=/a; domain=x.org; samesite=Lax; httponly"),
    ({"cookie_secure": "On", "cookie_httponly": "Off",
      "cookie_samesite": "Strict"}, 0,
     "pysid=SID; path=/; secure; samesite=Strict"),
    ({"cookie_secure": "off", "cookie_samesite": "off"}, 1,
     "pysid=SID; path=/; httponly"),
])
def test_cookie_options(lib: Any, options: dict[str, str], https: int,
                        expected: str) -> None:
    req = request("MemorySession", https=https, options={
        "session." + key: value for key, value in options.items()})
    session = lib.Session(req)
    assert set_cookies(req)[0].replace(session.id(), "SID") == expected
    req.headers_in["Cookie"] = pair(req)
    session.save()
    req.end()
    assert not lib.Session(req).is_new()


@pytest.mark.parametrize(("directory", "uri", "location", "path"), [
    ("/htdocs/app/", "/app/x", 0, "/app/"),
    ("/htdocs/", "/app/x", 0, "/"),
    ("/htdocs/app/", "/other/x", 0, "/"),
    ("/htdocs2/app/", "/app/x", 0, "/"),
    ("/app/", "/app/x", 1, "/"),
    (None, "/app/x", 0, "/"),
])
def test_cookie_path(lib: Any, directory: str | None, uri: str,
                     location: int, path: str) -> None:
    hlist = HList(directory)
    hlist.is_location = location
    req = request("MemorySession", uri=uri, hlist=hlist)
    assert lib.Session(req).make_cookie().path == path
    req.hlist = None
    assert lib.Session(req).make_cookie().path == "/"


def test_secret(lib: Any, kind: str) -> None:
    req = request(kind)
    session = lib.Session(req, secret="s")
    session.save()
    req.end()
    assert len(pair(req)) == len("pysid=") + 64 + 32
    signed = request(kind, pair(req))
    assert not lib.Session(signed, secret="s").is_new()
    signed.end()
    for cookie in ("pysid=" + session.id(), pair(req)[:-1] + "0",
                   str(Cookie.SignedCookie("pysid", session.id(), "other"))):
        forged = request(kind, cookie)
        if cookie != pair(req):
            assert lib.Session(forged, secret="s").is_new()
        forged.end()


@pytest.mark.parametrize(("key", "value"), [
    ("session.cookie_secure", "maybe"), ("session.cookie_samesite", "x"),
    ("session.cookie_httponly", "x"), ("session.cookie_name", "a;b"),
    ("session.cookie_name", "a=b"), ("session.application_path", "/;"),
    ("session.application_domain", "a\x01"),
    ("session.serializer", "xml"), ("session.session_type", "NoSession"),
    ("session.session_type", "StoreError"),
    ("session.session_type", "os::nothing"),
    ("file_session.cleanup_time_limit", "-1"),
    ("file_session.enable_fast_cleanup", "x"),
])
def test_invalid_options(lib: Any, key: str, value: str) -> None:
    req = request("FileSession", options={key: value})
    with pytest.raises(ServerReturn) as caught:
        lib.Session(req)
    assert caught.value.args == (500,)
    assert req.log[0].startswith("MP0600: ")
    assert "mod_python." + key in req.log[0]
    req.end()


def test_old_option_names(lib: Any, tmp_path: Path) -> None:
    req = request()
    for key, value in {"session": "FileSession", "session_cookie_name": "c",
                       "ApplicationPath": "/p",
                       "session_directory": str(tmp_path)}.items():
        req.options[key] = value
    session = lib.Session(req)
    session.save()
    assert type(session).__name__ == "FileSession"
    assert set_cookies(req)[0].startswith("c=")
    assert "path=/p" in set_cookies(req)[0]
    assert (tmp_path / "mp_sess").is_dir()
    req.end()


# ---- locks ----

def test_locked_to_the_end_of_the_request(lib: Any, kind: str,
                                          httpd_fake: Any) -> None:
    def own() -> list[Any]:  # without the reserved lock of dbm files
        return [one[0] for one in httpd_fake.locks if one[2] != 0]

    req = request(kind)
    session = lib.Session(req)
    assert own() == ["lock"]
    session.lock()
    session.save()
    del session
    gc.collect()
    assert len(own()) == 1
    req.end()
    assert own() == ["lock", "unlock"]
    assert len([1 for one in httpd_fake.locks if one[0] == "lock"]) == len(
        [1 for one in httpd_fake.locks if one[0] == "unlock"])


def test_unlock_early_and_without_lock(lib: Any, httpd_fake: Any) -> None:
    req = request("MemorySession")
    session = lib.Session(req)
    session.unlock()
    assert [one[0] for one in httpd_fake.locks] == ["lock", "unlock"]
    session.unlock()
    session.lock()
    req.end()
    assert [one[0] for one in httpd_fake.locks] == [
        "lock", "unlock"] * 2
    httpd_fake.locks.clear()
    req = request("MemorySession")
    session = lib.Session(req, lock=0)
    session.lock()
    assert httpd_fake.locks == []


def test_error_page_of_a_page_does_not_wait(lib: Any, httpd_fake: Any
                                            ) -> None:
    req = request("MemorySession")
    session = lib.Session(req)
    session.save()
    page = request("MemorySession", pair(req), prev=req)
    assert not lib.Session(page).is_new()
    lib.Session(request("MemorySession", pair(req), main=page))
    assert [one[0] for one in httpd_fake.locks] == ["lock"]
    req.end()
    assert [one[0] for one in httpd_fake.locks] == ["lock", "unlock"]


def test_an_error_while_opening_leaves_no_lock(
        lib: Any, httpd_fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(lib.MemoryStore, "load", fail)
    req = request("MemorySession", "pysid=" + "0" * 32)
    with pytest.raises(OSError, match="broken"):
        lib.Session(req)
    assert [one[0] for one in httpd_fake.locks] == ["lock", "unlock"]


# ---- classes ----

def test_default_class(lib: Any, httpd_fake: Any,
                       monkeypatch: pytest.MonkeyPatch) -> None:
    for threaded, processes, instances, name in (
            (1, 1, 1, "MemorySession"), (1, 4, 1, "DbmSession"),
            (0, 1, 1, "DbmSession"), (1, 1, 2, "DbmSession")):
        answers = {2: threaded, 12: processes}
        monkeypatch.setattr(httpd_fake, "mpm_query", answers.get)
        monkeypatch.setattr(httpd_fake, "_instance",
                            lambda count=instances: (0, count))
        req = request()
        assert type(lib.Session(req)).__name__ == name
        req.end()


def test_class_of_ones_own(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    records: dict[str, Any] = {}

    class Mine(lib.BaseSession):  # type: ignore[misc, name-defined]
        def __init__(self, req: Any, sid: Any = 0, secret: Any = None,
                     timeout: Any = 0, lock: Any = 1) -> None:
            lib.BaseSession.__init__(self, req, sid=sid, secret=secret,
                                     timeout=timeout, lock=lock)

        def do_load(self) -> Any:
            return records.get(self.id())

        def do_save(self, record: Any) -> None:
            records[self.id()] = record

        def do_delete(self) -> None:
            records.pop(self.id(), None)

        def do_cleanup(self) -> None:
            records.clear()

    module = types.ModuleType("mine")
    module.Mine = Mine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    req = request("mine::Mine")
    session = lib.Session(req)
    session["a"] = 1
    session.save()
    req.end()
    assert lib.Session(request("mine::Mine", pair(req))) == {"a": 1}
    records[session.id()] = {"broken": 1}
    broken = request("mine::Mine", pair(req))
    assert lib.Session(broken).is_new()
    assert broken.log[0].startswith("MP0610: ")


def test_replaced_names_count(lib: Any, monkeypatch: pytest.MonkeyPatch
                              ) -> None:
    monkeypatch.setattr(lib, "COOKIE_NAME", "other")
    monkeypatch.setattr(lib, "DFT_TIMEOUT", 5)
    req = request("MemorySession")
    assert lib.Session(req).timeout() == 5
    assert set_cookies(req)[0].startswith("other=")


def test_replaced_classes_and_functions_count(
        lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(lib.MemorySession):  # type: ignore[misc, name-defined]
        pass

    sent: list[Any] = []
    monkeypatch.setattr(lib, "MemorySession", Other)
    monkeypatch.setattr(Cookie, "add_cookie",
                        lambda _req, cookie: sent.append(cookie))
    session = lib.Session(request("MemorySession"))
    assert type(session) is Other
    assert [cookie.value for cookie in sent] == [session.id()]
    session.save()
    monkeypatch.setattr(Cookie, "get_cookie",
                        lambda *_a, **_k: Cookie.Cookie("x", session.id()))
    assert not lib.Session(request("MemorySession")).is_new()


def test_cleanup_chance(lib: Any, kind: str, monkeypatch: pytest.MonkeyPatch
                        ) -> None:
    monkeypatch.setattr(lib, "CLEANUP_CHANCE", 10)
    cleaned = []
    monkeypatch.setattr(getattr(lib, kind), "do_cleanup",
                        lambda self: cleaned.append(self))
    monkeypatch.setattr(random, "random", lambda: 0.1)
    req = request(kind)
    lib.Session(req)
    req.end()
    assert cleaned == []
    monkeypatch.setattr(random, "random", lambda: 0.0999)
    req = request(kind)
    lib.Session(req)
    assert cleaned == []
    req.end()
    assert len(cleaned) == 1


def test_json(lib: Any) -> None:
    options = {"session.serializer": "json"}
    req = request("FileSession", options=options)
    session = lib.Session(req)
    session["a"] = [1, {"b": None}]
    session.save()
    req.end()
    again = request("FileSession", pair(req), options=options)
    assert lib.Session(again) == {"a": [1, {"b": None}]}
    again.end()
    session["a"] = object()
    with pytest.raises(TypeError):
        session.save()


def test_store_directory_of_somebody_else(
        lib: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    req = request("FileSession")
    with pytest.raises(ServerReturn) as caught:
        lib.Session(req)
    assert caught.value.args == (500,)
    assert req.log[0].startswith("MP0611: ")


def test_redis_missing(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    sys.modules.pop("mod_python._session_redis", None)
    req = request("RedisSession")
    with pytest.raises(ServerReturn) as caught:
        lib.Session(req)
    assert caught.value.args == (500,)
    assert req.log[0].startswith("MP0612: ")


def test_redis_away(lib: Any) -> None:
    pytest.importorskip("redis")
    req = request("RedisSession", "pysid=" + "0" * 32, options={
        "redis_session.url": "redis://:secret@127.0.0.1:1/0"})
    with pytest.raises(ServerReturn) as caught:
        lib.Session(req)
    assert caught.value.args == (500,)
    assert req.log[0].startswith("MP0614: ")
    assert "127.0.0.1:1" in req.log[0]
    assert "secret" not in req.log[0]


def test_redis_url(lib: Any) -> None:
    pytest.importorskip("redis")
    req = request("RedisSession", options={"redis_session.url": "nonsense"})
    with pytest.raises(ServerReturn):
        lib.Session(req)
    assert req.log[0].startswith("MP0613: ")


@pytest.mark.parametrize(("item", "expected"), [
    ("On", True), ("off", False), ("1", True), (" no ", False), (1, True),
    (0, False), (True, True), ("TRUE", True)])
def test_true_or_false(lib: Any, item: object, expected: bool) -> None:
    assert lib.true_or_false(item) is expected


def test_true_or_false_of_other_text(lib: Any) -> None:
    with pytest.raises(ValueError, match="neither"):
        lib.true_or_false("maybe")
