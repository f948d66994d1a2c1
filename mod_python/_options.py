# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonOption values of the library: old names, types, defaults.

Keys are given without their prefix ``mod_python.``. An invalid value is the
administrator's error: 500, and a log line that names the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

Made = TypeVar("Made")

PREFIX = "mod_python."

# key -> name it had before there was a prefix
OLD_NAMES = {
    "psp.cache_database_filename": "PSPDbmCache",
    "session.session_type": "session",
    "session.cookie_name": "session_cookie_name",
    "session.application_path": "ApplicationPath",
    "session.database_directory": "session_directory",
    "dbm_session.database_filename": "session_dbm",
    "file_session.enable_fast_cleanup": "session_fast_cleanup",
    "file_session.verify_session_timeout": "session_verify_cleanup",
    "file_session.cleanup_grace_period": "session_grace_period",
    "file_session.cleanup_time_limit": "session_cleanup_time_limit",
}

FLAGS = {
    "on": True,
    "yes": True,
    "true": True,
    "1": True,
    "off": False,
    "no": False,
    "false": False,
    "0": False,
}


def fail(req: Any, status: int, message: str, level: int | None = None) -> NoReturn:
    """Logs message (it begins with its code) and ends the request."""
    from mod_python import apache

    req.log_error(message, apache.APLOG_ERR if level is None else level)
    raise apache.SERVER_RETURN(status)


def refuse(req: Any, status: int, message: str) -> NoReturn:
    """The same for what the client did wrong: a warning."""
    from mod_python import apache

    fail(req, status, message, apache.APLOG_WARNING)


def invalid(req: Any, key: str, value: str, expected: str) -> NoReturn:
    """Ends the request because of a wrong option value."""
    fail(
        req,
        500,
        f"MP0600: PythonOption {PREFIX}{key}: invalid value {value!r}, "
        f"expected {expected}",
    )


def text(req: Any, key: str, default: str | None = None) -> str | None:
    """The value in effect, also under its old name; default when not set."""
    options = req.get_options()
    value = options.get(PREFIX + key)
    if value is None and key in OLD_NAMES:
        value = options.get(OLD_NAMES[key])
    return default if value is None or value == "" else str(value)


def flag(req: Any, key: str, default: bool) -> bool:
    """On or Off (or 1/0, yes/no, true/false)."""
    value = text(req, key)
    if value is None:
        return default
    found = FLAGS.get(value.strip().lower())
    if found is None:
        invalid(req, key, value, "On or Off")
    return found


def choice(req: Any, key: str, words: list[str], default: str) -> str:
    """One of these words, in any case; as written in the list."""
    value = text(req, key)
    if value is None:
        return default
    for word in words:
        if value.strip().lower() == word.lower():
            return word
    invalid(req, key, value, "one of " + ", ".join(words))


class Numbers(Generic[Made]):
    """Several keys whose values are whole numbers, zero or more, their
    defaults, and what is made of them all."""

    def __init__(
        self, defaults: Mapping[str, int], make: Callable[..., Made]
    ) -> None:
        self._defaults = dict(defaults)
        self._names = [PREFIX + key for key in defaults]
        self._make = make
        self._usual = make(*defaults.values())

    def of(self, req: Any) -> Made:
        """What is made of the values in effect."""
        options = req.get_options()
        for name in self._names:
            if name in options:
                return self._make(
                    *[number(req, key, one) for key, one in self._defaults.items()]
                )
        return self._usual


def number(req: Any, key: str, default: int) -> int:
    """A whole number, zero or more."""
    value = text(req, key)
    if value is None:
        return default
    stripped = value.strip()
    if not (stripped.isascii() and stripped.isdigit()):
        invalid(req, key, value, "a number, zero or more")
    return int(stripped)
