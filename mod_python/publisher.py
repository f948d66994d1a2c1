# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonHandler mod_python.publisher: functions and values of a module as
pages.

The file of the request names the module, what follows in the URL the object
in it. Only names without a leading underscore are reached, and nothing is
looked up in modules, classes, functions and builtin values. What a module
imports from the standard library or from mod_python is no page. Names of this
module are looked up when they are used, so that a replaced one counts.
"""

from __future__ import annotations
import __future__

import base64
import binascii
import functools
import hmac
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
    TracebackType,
    WrapperDescriptorType,
)
from typing import Any

from mod_python import _options, apache, util
from mod_python._guards import ACCESS, AUTH, REALM, UnclearGuardError, guards_of

METHODS = ("GET", "POST", "HEAD")

# Neither published nor looked into.
NEVER = (
    ModuleType,
    type,
    BuiltinFunctionType,
    MethodWrapperType,
    WrapperDescriptorType,
    MethodDescriptorType,
    CellType,
    CodeType,
    FrameType,
    TracebackType,
    type(__future__.annotations),  # what is left of such an import
)

# Modules of the library whose objects are values that one may show.
_VALUES = {"collections", "datetime", "decimal", "fractions", "uuid"}

# Where the standard library is, and mod_python.
_LIBRARY = os.path.dirname(os.__file__) + "/"
_OURS = os.path.dirname(__file__) + "/"
_NOT_THE_USERS = (_LIBRARY, _OURS, "<frozen ")

_HTML = "text/html; charset=UTF-8"
_TEXT = "text/plain; charset=UTF-8"
_HTML_END = "</html>"
_LOOK_AT = 100  # characters at the end that tell HTML


def handler(req: Any) -> int:
    """The content handler."""
    if req.method not in METHODS:
        req.allow_methods(list(METHODS))
        raise apache.SERVER_RETURN(apache.HTTP_METHOD_NOT_ALLOWED)
    filename, names = find_module(req)
    req.filename = filename
    module = apache.import_module(filename)
    realm, user, password = process_auth(req, module)
    target = resolve_object(
        req, module, ".".join(names) or "index", realm, user, password
    )
    published = publish_object(req, target)
    if not published and req._debug and not req._bytes_queued:
        req.log_error(
            "mod_python.publisher: nothing to publish", apache.APLOG_NOTICE
        )
    return int(apache.OK)


def find_module(req: Any) -> tuple[str, list[str]]:
    """The file of the module and the names to look up in it.

    A file that is not there is a name in the index module of its directory.
    Raises SERVER_RETURN(404) when there is neither.
    """
    path_info = (req.path_info or "").strip("/")
    names = [path_info] if path_info else []
    directory, _, name = req.filename.rpartition("/")
    if "." in name:
        name = _without_extension(req, name)
    if name:
        filename = f"{directory}/{name}.py"
        if _is_file(filename):
            if name.startswith("_"):
                raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
            return filename, names
        names.insert(0, name)
    filename = f"{directory}/index.py"
    if not _is_file(filename):
        raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)
    return filename, names


def _is_file(filename: str) -> bool:
    # two for each request: os.stat() costs many times as much
    try:
        found = apache.stat(filename, apache.APR_FINFO_TYPE)
    except OSError:  # e.g. a name that is too long
        return False
    return bool(found.filetype == apache.APR_REG)


def _without_extension(req: Any, name: str) -> str:
    """name without .py, an extension of AddHandler or of the handler list."""
    if name.endswith(".py"):
        return name[:-3]
    extensions = req.get_addhandler_exts().split()
    if req.extension:
        extensions.append(req.extension)
    for extension in extensions:
        suffix = "." + extension.lstrip(".")
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


# ---- looking up ----


def resolve_object(
    req: Any,
    obj: Any,
    object_str: str,
    realm: str | None = None,
    user: str | None = None,
    passwd: str | None = None,
) -> Any:
    """The object that object_str (names with ``.`` or ``/`` between) leads to
    from obj, after the guards on the way agreed.

    Raises SERVER_RETURN: 403 for what is not public, 404 for what is not
    there.
    """
    names = object_str.replace("/", ".").split(".")
    for number, name in enumerate(names):
        if name.startswith("_"):
            raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
        if number and not is_traversable(obj):
            raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
        try:
            obj = getattr(obj, name)
        except (AttributeError, UnicodeError) as error:
            if isinstance(error, AttributeError) and not _is_about(
                error, obj, name
            ):
                raise  # from inside a property
            raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND) from None
        realm, user, passwd = process_auth(req, obj, realm, user, passwd)
    if not is_publishable(obj) or not (callable(obj) or _is_value(obj)):
        raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    return obj


def _is_about(error: AttributeError, obj: Any, name: str) -> bool:
    """Is obj without this attribute, rather than something inside it?"""
    return error.obj is obj or not hasattr(type(obj), name)


def is_publishable(obj: Any) -> bool:
    """May this be sent or called? Not modules, classes, builtin functions, nor
    what can be called of the standard library or of mod_python: it would be a
    page wherever it is imported."""
    kind = type(obj)
    if kind is str or kind is bytes:
        return True
    function = obj.__func__ if kind is MethodType else obj
    if type(function) is FunctionType and not function.__dict__:
        return not _is_file_of_library(function.__code__.co_filename)
    if _is_any_of(obj, NEVER):
        return False
    return not (callable(obj) and _is_of_library(obj))


def is_traversable(obj: Any) -> bool:
    """May names be looked up in this? Only in instances of classes that are
    neither builtin nor of the standard library or of mod_python (save
    types.SimpleNamespace, which is made for it)."""
    if _is_any_of(obj, NEVER) or isinstance(obj, (FunctionType, MethodType)):
        return False
    kind = type(obj)
    # functions of extension modules: callable, and methods when in a class
    if callable(obj) and hasattr(kind, "__get__") and hasattr(obj, "__name__"):
        return False
    if kind.__module__ == "builtins":
        return False
    return kind is SimpleNamespace or not _is_class_of_library(kind)


def _is_any_of(obj: Any, kinds: tuple[type, ...]) -> bool:
    """isinstance(), which asks an object once for each kind what it claims to
    be; most claim nothing."""
    kind = type(obj)
    if issubclass(kind, kinds):
        return True
    return getattr(obj, "__class__", kind) is not kind and isinstance(obj, kinds)


def _is_value(obj: Any) -> bool:
    """Is the text of this for everybody? Not that of an object without a text
    of its own, nor that of imported ones (os.environ, a logger)."""
    kind: Any = type(obj)
    if kind.__repr__ is object.__repr__ and kind.__str__ is object.__str__:
        return isinstance(obj, Iterator)
    if kind.__module__ == "builtins" or kind.__module__ in _VALUES:
        return True
    return not _is_class_of_library(kind)


def _is_of_library(obj: Any) -> bool:
    """Does calling this run code of the library, and none of the user's?"""
    seen: list[Any] = []
    while not any(obj is one for one in seen):
        seen.append(obj)
        if isinstance(obj, FunctionType):
            obj = obj.__dict__.get("__wrapped__", obj)
        elif isinstance(obj, MethodType):
            obj = obj.__func__
        elif isinstance(obj, functools.partial):
            obj = obj.func
        else:
            obj = inspect.getattr_static(obj, "__wrapped__", obj)
    if isinstance(obj, FunctionType):
        return _is_file_of_library(obj.__code__.co_filename)
    return isinstance(obj, NEVER) or _is_class_of_library(type(obj))


def _is_class_of_library(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is None or (file is not None and not _is_file_of_library(file)):
        return False
    # a module of the user's may have the name of one of the library
    return getattr(module, kind.__name__, None) is kind or any(
        one is kind for one in vars(module).values()
    )


def _is_file_of_library(file: str) -> bool:
    if not file.startswith(_NOT_THE_USERS):
        return False
    return file.startswith(_OURS) or not re.search("/(site|dist)-packages/", file)


# ---- guards ----


def process_auth(
    req: Any,
    object: Any,
    realm: str | None = "unknown",
    user: str | None = None,
    passwd: str | None = None,
) -> tuple[str | None, str | None, str | None]:
    """Asks the guards of an object: ``__auth__``, then ``__access__``.

    Returns realm, user and password for the next object on the way. Raises
    SERVER_RETURN: 401 with a challenge, 403, or 400 for malformed
    credentials.
    """
    try:
        guards = guards_of(object)
    except UnclearGuardError as error:
        _options.fail(
            req, apache.HTTP_FORBIDDEN, f"MP0620: not published: {error}"
        )
    for guard in guards:
        realm = guard.get(REALM, realm)
        if (AUTH in guard or ACCESS in guard) and user is None:
            user, passwd = _credentials(req)
        if AUTH in guard and not _is_authentic(req, guard[AUTH], user, passwd):
            _challenge(req, realm)
        # only a user that somebody has authenticated, not whoever it says
        if ACCESS in guard and not _has_access(req, guard[ACCESS], req.user):
            raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    return realm, user, passwd


def _credentials(req: Any) -> tuple[str | None, str | None]:
    """User and password of a Basic Authorization header; of another scheme
    the user that httpd found."""
    header = req.headers_in.get("Authorization")
    if header is None:
        return req.user, None
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return req.user, None
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST) from None
    user, colon, password = raw.partition(b":")
    if not colon:
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST)
    try:
        return user.decode("utf-8"), password.decode("utf-8")
    except UnicodeDecodeError:
        return user.decode("latin-1"), password.decode("latin-1")


def _is_authentic(
    req: Any, auth: Any, user: str | None, password: str | None
) -> bool:
    if callable(auth):
        good = bool(auth(req, user, password))
    elif isinstance(auth, Mapping):
        good = (
            user is not None
            and password is not None
            and user in auth
            and _same(auth[user], password)
        )
    elif isinstance(auth, (list, tuple, set, frozenset)):
        _options.fail(
            req,
            apache.HTTP_INTERNAL_SERVER_ERROR,
            "MP0621: __auth__ is a function, a dict of passwords or a constant, "
            f"not a {type(auth).__name__}",
        )
    else:
        return bool(auth)  # nobody's password was looked at
    if good and user is not None:
        req.user = user
    return good


def _same(expected: Any, password: str) -> bool:
    if not isinstance(expected, str):
        return False
    return hmac.compare_digest(
        expected.encode("utf-8", "surrogatepass"),
        password.encode("utf-8", "surrogatepass"),
    )


def _has_access(req: Any, access: Any, user: str | None) -> bool:
    if callable(access):
        return bool(access(req, user))
    if isinstance(access, (list, tuple, set, frozenset, Mapping)):
        return user is not None and user in access
    return bool(access)


def _challenge(req: Any, realm: object) -> None:
    text = re.sub(r'(["\\])', r"\\\1", str("unknown" if realm is None else realm))
    req.err_headers_out["WWW-Authenticate"] = f'Basic realm="{text}"'
    raise apache.SERVER_RETURN(apache.HTTP_UNAUTHORIZED)


# ---- publishing ----


def publish_object(req: Any, object: Any) -> bool:
    """Sends an object; of a callable what it returns, called with the fields
    of the form as arguments. Returns whether there was something to send.

    Raises SERVER_RETURN: 400 when a required argument is missing, 403 for a
    module, a class or a builtin function.
    """
    if not is_publishable(object):
        raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    if callable(object):
        if not hasattr(req, "form"):
            req.form = util.FieldStorage(req, keep_blank_values=1)
        try:
            result = util.apply_fs_data(object, req.form, req=req)
        except util.MissingArgumentError as error:
            req.log_error(
                f"mod_python.publisher: {req.uri}: {error}", apache.APLOG_INFO
            )
            raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST) from error
        if callable(result):
            process_auth(req, result)
        return publish_object(req, result)
    if object is None:
        return False
    if not isinstance(object, (str, bytes)) and isinstance(object, Iterator):
        _publish_items(req, object)
    else:
        data = _data(object)
        if not req._content_type_set:
            req.content_type = _content_type(data)
        req.write(data, 0)
    return True


def _publish_items(req: Any, items: Iterator[Any]) -> None:
    """Sends the items one after the other. The type is guessed from the
    first, and from the last while the headers are not out."""
    guessed = not req._content_type_set
    tail: str | bytes = ""
    began = False
    try:
        for item in items:
            data = _data(item)
            if guessed and not began:
                req.content_type = _content_type(data)
            began = True
            tail = data[-_LOOK_AT:] or tail
            req.write(data, 0)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
    if guessed and not req.sent_bodyct:
        req.content_type = _content_type(tail)


def _data(value: Any) -> str | bytes:
    """What is sent of a value."""
    if isinstance(value, (str, bytes)):
        return value
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else str(value)


def _content_type(data: str | bytes) -> str:
    end = data[-_LOOK_AT:]
    text = end if isinstance(end, str) else end.decode("latin-1")
    return _HTML if _HTML_END in text.lower() else _TEXT
