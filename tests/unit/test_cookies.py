# Licensed under the Apache License, Version 2.0; see LICENSE.
"""mod_python.Cookie, which needs no httpd."""
from __future__ import annotations

import base64
import marshal
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_fakes import Request

from mod_python import Cookie
from mod_python.Cookie import MarshalCookie, SignedCookie

plain = st.text(st.characters(blacklist_categories=["Cs", "Cc"],
                              blacklist_characters=";"))
names = plain.map(lambda s: s.strip(" ").replace("=", "")).filter(
    lambda s: s and not s.startswith("$") and s == s.strip(" "))
values = plain.map(lambda s: s.strip(" "))


@given(st.dictionaries(names, values))
def test_round_trip(cookies: dict[str, str]) -> None:
    header = "; ".join(str(Cookie.Cookie(n, v)) for n, v in cookies.items())
    assert {n: c.value for n, c in Cookie.Cookie.parse(header).items()
            } == cookies


@given(st.dictionaries(names, values), st.binary(min_size=1))
def test_signed_round_trip(cookies: dict[str, str], secret: bytes) -> None:
    header = "; ".join(str(SignedCookie(n, v, secret))
                       for n, v in cookies.items())
    parsed = SignedCookie.parse(header, secret, mismatch=Cookie.EXCEPTION)
    assert {n: c.value for n, c in parsed.items()} == cookies
    assert SignedCookie.parse(header, secret + b"x", Cookie.IGNORE) == {}


things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(things)
def test_marshal_round_trip(value: Any) -> None:
    header = str(MarshalCookie("name", value, "secret"))
    parsed = MarshalCookie.parse(header, "secret")["name"]
    assert isinstance(parsed, MarshalCookie)
    assert parsed.value == value


@given(st.text(st.characters()))
def test_nothing_a_client_sends_raises(header: str) -> None:
    for cookies in (Cookie.Cookie.parse(header),
                    SignedCookie.parse(header, "s"),
                    MarshalCookie.parse(header, "s")):
        for name, cookie in cookies.items():
            assert cookie.name == name
            str(cookie)


def test_attributes() -> None:
    cookie = Cookie.Cookie(
        "n", "v", path="/", domain="x.org", version=1, max_age=10,
        expires=0, secure=True, httponly=1, samesite="Lax", comment="c",
        commentURL="u", discard=True, port="80", partitioned=True)
    assert str(cookie) == (
        "n=v; version=1; path=/; domain=x.org; secure; comment=c; "
        "expires=Thu, 01-Jan-1970 00:00:00 GMT; max-age=10; samesite=Lax; "
        "commentURL=u; discard; port=80; httponly; partitioned")
    assert str(Cookie.Cookie("n", 5, secure=False, path="/a")) == (
        "n=5; path=/a")
    assert cookie.__data__ == {}
    cookie.__data__["x"] = 1
    cookie.value = "w"
    cookie.name = "m"
    assert str(cookie).startswith("m=w; ")
    with pytest.raises(AttributeError):
        cookie.pth = "/"
    with pytest.raises(AttributeError):
        Cookie.Cookie("n", "v", pth="/")


@pytest.mark.parametrize("bad", [
    "a\r\nX: y", "a\n", "a\0", "a;b", "a\x7f", "\t"])
def test_injection(bad: str) -> None:
    for make in (lambda: Cookie.Cookie(bad, "v"),
                 lambda: Cookie.Cookie("n", bad),
                 lambda: Cookie.Cookie("n", "v", path=bad),
                 lambda: Cookie.Cookie("n", "v", comment=bad),
                 lambda: Cookie.Cookie("n", "v", expires=bad),
                 lambda: SignedCookie("n", bad, "secret"),
                 lambda: SignedCookie(bad, "v", "secret")):
        with pytest.raises(ValueError, match="cookie|expires"):
            make()
    cookie = Cookie.Cookie("n", "v")
    cookie.__dict__["value"] = bad  # whoever goes around the check
    with pytest.raises(ValueError, match="cookie"):
        str(cookie)


@pytest.mark.parametrize("name", ["", "a=b", " a"])
def test_names(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Cookie.Cookie(name, "v")


def test_expires() -> None:
    cookie = Cookie.Cookie("n", "v", expires=1.5e9)
    assert cookie.expires == "Fri, 14-Jul-2017 02:40:00 GMT"
    cookie.expires = "Wed, 01-Jan-2031 00:00:00 GMT"
    for bad in ("tomorrow", "", None, "Wed, 1-Jan-2031 00:00:00 GMT",
                "Wed, 01-Jan-2031 00:00:00 GMT\n", 1e20, True):
        with pytest.raises(ValueError, match="expires"):
            cookie.expires = bad


@pytest.mark.parametrize(("header", "expected"), [
    ("", {}),
    ("a=1", {"a": "1"}),
    ("a=1; b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
    ("a=1; a=2", {"a": "2"}),
    ('$Version=1; a="x y"; $Path=/', {"a": '"x y"'}),
    ("a=b=c", {"a": "b=c"}),
    ("a; =b; ;c=", {"c": ""}),
    ("a=x,y", {"a": "x,y"}),
    ("a=1; b=\x01; c=\udcff", {"a": "1", "c": "\udcff"}),
])
def test_parse(header: str, expected: dict[str, str]) -> None:
    assert {n: c.value for n, c in Cookie.Cookie.parse(header).items()
            } == expected


@given(st.lists(st.sampled_from(
    ["a", "b", "$a", "=", ";", " ", "\t", "1", "\x01", ", ", '"'])).map("".join),
    st.sampled_from(["a", "b", "$a", "aa", "a b", "a=b"]))
def test_one_cookie_is_that_of_all(header: str, name: str) -> None:
    req = Request()
    req.headers_in.pairs.append(("Cookie", header))
    one, same = Cookie.get_cookie(req, name), Cookie.get_cookies(req).get(name)
    assert (one and one.__dict__) == (same and same.__dict__)
    signed = Cookie.get_cookie(req, name, Cookie.SignedCookie, secret="x")
    assert (signed and signed.value) == (one and one.value)


def test_signature() -> None:
    text = str(SignedCookie("n", "v", "secret", path="/"))
    signature, value = text[2:66], text[66:]
    assert value == "v; path=/"
    assert set(signature) <= set("0123456789abcdef")
    assert "secret" not in text


def test_mismatch() -> None:
    good = str(SignedCookie("a", "1", "s"))
    for bad in (good[:-1] + "2", good.replace("a=", "b="), "a=1", "a=",
                "a=" + "0" * 64 + "1", good.upper().replace("A=", "a=")):
        name = bad[0]
        found = SignedCookie.parse(bad, "s")[name]
        assert type(found) is Cookie.Cookie
        assert found.value == bad[2:]
        assert SignedCookie.parse(bad, "s", Cookie.IGNORE) == {}
        with pytest.raises(Cookie.CookieError):
            SignedCookie.parse(bad, "s", mismatch=Cookie.EXCEPTION)
    # what somebody else left beside it does not hide the good one
    assert SignedCookie.parse(good + "; a=evil", "s", Cookie.IGNORE)[
        "a"].value == "1"


def test_name_and_value_cannot_be_moved() -> None:
    text = str(SignedCookie("ab", "c", "s"))
    moved = "a=" + text[3:67] + "bc"
    assert SignedCookie.parse(moved, "s", Cookie.IGNORE) == {}


def test_text_of_a_signed_cookie_is_never_unmarshalled() -> None:
    evil = base64.b64encode(marshal.dumps({"admin": 1})).decode()
    text = str(SignedCookie("n", evil, "s"))
    found = MarshalCookie.parse(text, "s", Cookie.EXCEPTION)["n"]
    assert type(found) is Cookie.Cookie
    assert found.value == evil


def test_marshal_refuses_what_it_cannot_write() -> None:
    with pytest.raises(ValueError, match="marshal"):
        MarshalCookie("n", object(), "s")


@pytest.mark.parametrize(("secret", "error"), [
    ("", ValueError), (b"", ValueError), (None, TypeError), (5, TypeError)])
def test_secrets(secret: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        SignedCookie("n", "v", secret)
    with pytest.raises(error):
        SignedCookie.parse("n=v", secret)


def test_requests() -> None:
    req = Request()
    Cookie.add_cookie(req, "a", "1", path="/")
    Cookie.add_cookie(req, SignedCookie("b", "2", "s"))
    assert req.headers_out.getlist("Set-Cookie")[0] == "a=1; path=/"
    assert len(req.headers_out.getlist("Set-Cookie")) == 2
    assert req.headers_out.getlist("Cache-Control") == [
        'no-cache="set-cookie"']
    req.headers_in.add("Cookie", "a=1; c=3")
    req.headers_in.add("Cookie", str(SignedCookie("b", "2", "s")))
    assert set(Cookie.get_cookies(req)) == {"a", "b", "c"}
    assert Cookie.get_cookie(req, "c").value == "3"
    assert Cookie.get_cookie(req, "x") is None
    assert Cookie.get_cookie(req, "b", SignedCookie, secret="s").value == "2"
    assert Cookie.get_cookie(req, "a", SignedCookie, secret="s",
                             mismatch=Cookie.IGNORE) is None
    assert Cookie.get_cookies(Request()) == {}


def test_outside_httpd() -> None:
    subprocess.run([sys.executable, "-c",
                    "import mod_python.Cookie, mod_python.util"], check=True)
