# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Cookies: plain ones, signed ones, and signed ones with any value.

Works anywhere; add_cookie(), get_cookies() and get_cookie() take a request.
Signatures are HMAC-SHA256 over name and value and are compared in constant
time. A MarshalCookie is signed in another way than a SignedCookie, so that
the text of one never becomes the marshalled data of the other.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import marshal
import re
import time
from typing import Any

DOWNGRADE = 0  # a cookie with a bad signature comes back as a plain Cookie
IGNORE = 1  # it is left out
EXCEPTION = 3  # CookieError is raised

# In the order in which they are sent.
ATTRIBUTES = (
    "version",
    "path",
    "domain",
    "secure",
    "comment",
    "expires",
    "max_age",
    "samesite",
    "commentURL",
    "discard",
    "port",
    "httponly",
    "partitioned",
)
FLAGS = frozenset(["secure", "discard", "httponly", "partitioned"])

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f;]")
_FORBIDDEN_INSIDE = re.compile(r"[\x00-\x1f\x7f]")  # of what was cut at ";"
# httpd makes one header of several: "a=1" and "b=2" come as "a=1, b=2".
_MERGED = re.compile(r", (?=[^\s=;,\"]+=)")
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
# strftime() would write names in the language of the locale
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DATE_PATTERN = re.compile(
    rf"({'|'.join(_DAYS)}), (\d\d)-({'|'.join(_MONTHS)})-(\d{{4}}) "
    r"(\d\d):(\d\d):(\d\d) GMT",
    re.ASCII,
)


class CookieError(Exception):
    """A cookie cannot be read: its signature is wrong."""


def _checked(what: str, value: Any) -> str:
    text = str(value)
    if _FORBIDDEN.search(text):
        raise ValueError(f"control character or ';' in the {what} of a cookie")
    return text


def _checked_name(name: Any) -> str:
    text = _checked("name", name)
    if not text or "=" in text or text != text.strip(" "):
        raise ValueError(f"{text!r} cannot be the name of a cookie")
    return text


def _date(value: Any) -> str:
    """The value of expires: a date as cookies write it, or seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            t = time.gmtime(value)
        except (OverflowError, OSError) as error:
            raise ValueError(f"expires is out of range: {value!r}") from error
        return (
            f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d}-{_MONTHS[t.tm_mon - 1]}-"
            f"{t.tm_year:04d} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
        )
    if not isinstance(value, str) or not _DATE_PATTERN.fullmatch(value):
        raise ValueError(
            "expires is a number of seconds or 'Wdy, DD-Mon-YYYY HH:MM:SS GMT', "
            f"not {value!r}"
        )
    return value


class Cookie:
    """A cookie to send, or one that came.

    name and value: as str() gives them. attrs: version, path, domain,
    secure, comment, expires (seconds, or such a date as str() writes),
    max_age, samesite, commentURL, discard, port, httponly, partitioned.
    secure, discard, httponly and partitioned are flags. Other attributes
    raise AttributeError, control characters and ``;`` ValueError.
    """

    name: str
    value: Any
    __data__: dict[str, Any]

    def __init__(self, name: str, value: Any, **attrs: Any) -> None:
        object.__setattr__(self, "__data__", {})
        self.name = name
        self.value = value
        for key, item in attrs.items():
            setattr(self, key, item)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "name":
            value = _checked_name(value)
        elif name == "value":
            self._check_value(value)
        elif name == "expires":
            value = _date(value)
        elif name in ATTRIBUTES:
            _checked(name, value)
        elif name != "__data__":
            raise AttributeError(f"a cookie has no attribute {name!r}")
        object.__setattr__(self, name, value)

    @staticmethod
    def _check_value(value: Any) -> None:
        _checked("value", value)

    @classmethod
    def parse(cls, string: str, **attrs: Any) -> dict[str, Any]:
        """The cookies in the text of a Cookie header, by name.

        The last of a name wins, names that begin with ``$`` are left out,
        quotes are kept. Nothing a client sends raises.
        """
        found = {name: _received(name, value) for name, value in _pairs(string)}
        for cookie in found.values() if attrs else ():
            for attribute, value in attrs.items():
                setattr(cookie, attribute, value)
        return found

    def __str__(self) -> str:
        parts = [f"{self.name}={_checked('value', self._text())}"]
        for name in ATTRIBUTES:
            if name not in self.__dict__:
                continue
            value = self.__dict__[name]
            if name in FLAGS:
                if value:
                    parts.append(name)
            else:
                # the only attribute whose name has a hyphen
                shown = "max-age" if name == "max_age" else name
                parts.append(f"{shown}={_checked(name, value)}")
        return "; ".join(parts)

    def _text(self) -> str:
        """The value as it is sent."""
        return str(self.value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class SignedCookie(Cookie):
    """A cookie with a signature in front of its value when it is sent.

    secret: str or bytes, not empty; it is not sent. Whoever does not know it
    cannot change name or value. The value itself can be read by everybody.
    """

    _secret: bytes

    def __init__(
        self, name: str, value: Any, secret: str | bytes, **attrs: Any
    ) -> None:
        object.__setattr__(self, "_secret", _key(secret))
        super().__init__(name, value, **attrs)

    @classmethod
    def parse(  # type: ignore[override]
        cls,
        string: str,
        secret: str | bytes,
        mismatch: int = DOWNGRADE,
        **attrs: Any,
    ) -> dict[str, Any]:
        """The cookies in the text of a Cookie header, by name.

        mismatch tells what becomes of a cookie with a wrong signature or
        none: DOWNGRADE gives a plain Cookie, IGNORE leaves it out, EXCEPTION
        raises CookieError.
        """
        key = _key(secret)
        result: dict[str, Any] = {}
        for name, text in _pairs(string):
            cookie = cls._verified(name, text, key)
            if cookie is None:
                if mismatch == EXCEPTION:
                    raise CookieError(f"wrong signature of cookie {name!r}")
                if mismatch == IGNORE:
                    continue
                cookie = _received(name, text)
            for attribute, value in attrs.items():
                setattr(cookie, attribute, value)
            result[name] = cookie
        return result

    @classmethod
    def _verified(cls, name: str, text: str, key: bytes) -> Cookie | None:
        """The cookie with this text, None when the signature is wrong."""
        value = _signed_by("=", name, text, key)
        return None if value is None else SignedCookie(name, value, key)

    def _text(self) -> str:
        return _sign("=", self.name, str(self.value), self._secret)


class MarshalCookie(SignedCookie):
    """A signed cookie whose value is anything the module marshal can write.

    The value is read back only after its signature was checked.
    """

    @staticmethod
    def _check_value(value: Any) -> None:
        marshal.dumps(value)  # ValueError when it cannot be written

    @classmethod
    def _verified(cls, name: str, text: str, key: bytes) -> Cookie | None:
        encoded = _signed_by(";marshal=", name, text, key)
        if encoded is None:
            value = _signed_by("=", name, text, key)
            return None if value is None else Cookie(name, value)
        try:
            value = marshal.loads(base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError, EOFError, TypeError):
            return None  # of another version of marshal
        return MarshalCookie(name, value, key)

    def _text(self) -> str:
        encoded = base64.b64encode(marshal.dumps(self.value)).decode("ascii")
        return _sign(";marshal=", self.name, encoded, self._secret)


def _key(secret: str | bytes) -> bytes:
    if isinstance(secret, str):
        secret = secret.encode("utf-8", "surrogateescape")
    elif not isinstance(secret, bytes):
        raise TypeError(f"secret is str or bytes, not {type(secret).__name__}")
    if not secret:
        raise ValueError("the secret of a cookie is empty")
    return secret


def _signature(between: str, name: str, value: str, key: bytes) -> str:
    # Neither "=" nor ";" can be in a name, so no two pairs of name and value
    # give the same message.
    message = (name + between + value).encode("utf-8", "surrogatepass")
    return hmac.new(key, message, "sha256").hexdigest()


def _sign(between: str, name: str, value: str, key: bytes) -> str:
    return _signature(between, name, value, key) + value


def _signed_by(between: str, name: str, text: str, key: bytes) -> str | None:
    """The value behind the signature, None when that is wrong."""
    signature, value = text[:64], text[64:]
    if not _SIGNATURE.fullmatch(signature):
        return None
    expected = _signature(between, name, value, key)
    return value if hmac.compare_digest(signature, expected) else None


def _pairs(string: str) -> list[tuple[str, str]]:
    """(name, value) of the cookies in a header, those that could be sent."""
    pairs = []
    clean = _FORBIDDEN_INSIDE.search(string) is None  # as a rule
    for part in string.split(";"):
        name, found, value = part.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if (
            found
            and name
            and name[0] != "$"
            and (clean or not _FORBIDDEN_INSIDE.search(f"{name}={value}"))
        ):
            pairs.append((name, value))
    return pairs


def _received(name: str, value: str) -> Cookie:
    """The cookie of a pair that _pairs() has found good."""
    cookie = Cookie.__new__(Cookie)
    cookie.__dict__.update(__data__={}, name=name, value=value)
    return cookie


def add_cookie(req: Any, cookie: Cookie | str, value: Any = "", **attrs: Any) -> None:
    """Sends a cookie with the response, and tells caches to keep it back.

    cookie: a cookie, or the name of one to be made of value and attrs.
    """
    if not isinstance(cookie, Cookie):
        cookie = Cookie(cookie, value, **attrs)
    text = str(cookie)
    if "Set-Cookie" not in req.headers_out:
        req.headers_out.add("Cache-Control", 'no-cache="set-cookie"')
    req.headers_out.add("Set-Cookie", text)


# The parameter is called so in every mod_python.
def get_cookies(req: Any, Class: type[Cookie] = Cookie, **kw: Any) -> dict[str, Any]:
    """The cookies of a request, by name; kw goes to Class.parse()."""
    return Class.parse(_header(req.headers_in.getlist("Cookie")), **kw)


def _header(values: list[str]) -> str:
    """All Cookie headers of a request as one.

    What comes after a comma is put in front, where it does not hide another
    cookie: it may be the value of somebody who wants that.
    """
    if len(values) == 1 and ", " not in values[0]:  # as a rule
        return values[0]
    first, merged = [], []
    for value in values:
        for part in value.split(";"):
            cookie, *others = _MERGED.split(part)
            first.append(cookie)
            merged += others
    return ";".join(merged + first)


def get_cookie(req: Any, name: str, Class: type[Cookie] = Cookie, **kw: Any) -> Any:
    """The cookie of that name, or None; kw goes to Class.parse().

    The other cookies are not looked at: their signatures do not matter.
    """
    header = _header(req.headers_in.getlist("Cookie"))
    values = _values_of(name).findall(header)
    if not values:
        return None
    if Class is Cookie and not kw and name[0] != "$":
        for value in reversed(values):
            value = value.strip(" \t")
            if not _FORBIDDEN_INSIDE.search(value):
                return _received(name, value)
        return None
    own = ";".join([f"{name}={value}" for value in values])
    return Class.parse(own, **kw).get(name)


@functools.lru_cache
def _values_of(name: str) -> re.Pattern[str]:
    """Finds the values of a cookie in a header."""
    return re.compile(rf"(?:^|;)[ \t]*{re.escape(name)}[ \t]*=([^;]*)")
