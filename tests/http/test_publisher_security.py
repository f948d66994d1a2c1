# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hostile URLs at mod_python.publisher: none answers anything but 403, 404 or
400, none shows what is private, none runs what it must not.

The server logs no error for any of them: the log is looked at after each
test, and a 500 is one.
"""
from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.conf import ONE
from harness.env import HANDLER_SOURCES, Env
from harness.httpd import Httpd
from harness.log import ErrorLog
from harness.packages import add_packages
from harness.raw import Connection, RawResponse
from harness.tools import wait_until

WORKERS = ONE

CONFIG = """\
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler mod_python.publisher
    PythonDebug Off
</Directory>
"""

REFUSED = (400, 403, 404)


def configure(env: Env) -> None:
    add_packages(env, "multipart")
    # it may write beside its modules, so that a test sees what it did
    env.directory("htdocs", writable=True)
    env.write("index.py", (
        HANDLER_SOURCES / "test_publisher_security.py").read_bytes())
    env.write("_private.py", "def index(): return 'S3CRET'\nx = 'S3CRET'\n")
    env.write("__init__.py", "x = 'S3CRET'\n")
    env.write("guarded.py", "__auth__ = {'joe': 'S3CRET'}\nx = 'S3CRET'\n")
    env.write("empty/data.txt", "S3CRET")
    env.write("empty/.htpasswd", "S3CRET")
    env.write("__pycache__/index.cpython-311.pyc", b"S3CRET")
    env.write(str(env.root / "outside.py"), "x = 'S3CRET'\n")


def contents(directory: Path) -> dict[str, str]:
    """What is in a directory, to see that it stays so."""
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(directory.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def before(env: Env) -> dict[str, str]:
    return contents(env.docroot)


def ask(httpd: Httpd, target: bytes, **options: Any) -> RawResponse:
    with Connection(httpd.port()) as connection:
        return connection.request(target, **options)


def shows_nothing(response: RawResponse) -> bool:
    shown = response.body + repr(response.headers).encode()
    return not any(secret in shown for secret in (
        b"S3CRET", b"import ", b"Traceback", b" at 0x", b"<module", b"<class",
        b"<function", b"/htdocs", b"def "))


HOSTILE = [
    # private names, in all notations
    b"/_password", b"/__secret", b"/__all__", b"/__builtins__", b"/__doc__",
    b"/__file__", b"/__name__", b"/__spec__", b"/__loader__", b"/__dict__",
    b"/__cached__", b"/__annotations__", b"/_private", b"/%5fpassword",
    b"/%5F%5Fsecret", b"/index.py/_password", b"/index/_password",
    b"/index.py/__dict__", b"/index.py/index._x", b"/index.py//_password",
    b"/./_password", b"/x/../_password", b"/index.py/x/../_password",
    b"/index.py/._password", b"/index.py/_password/", b"/_password.py",
    b"/_private.py", b"/_private.py/x", b"/__init__", b"/__init__.py/x",
    b"/\xef\xbc\xbfpassword", b"/_\xcc\x84password", b"/\xff_password",
    b"/guarded.py/_x/../../index.py/_password",
    # inside functions and methods
    b"/page/__globals__", b"/page.__code__.co_consts", b"/page/__doc__",
    b"/page/func_globals", b"/page/__closure__", b"/page/__defaults__",
    b"/counter/__closure__", b"/counter.cell_contents", b"/page.name",
    b"/lambda_page/__code__", b"/store/public/__self__",
    b"/store/public/__func__/__globals__", b"/store.public.im_func",
    b"/page/__call__", b"/page/__get__", b"/forbidden/__code__",
    b"/forbidden", b"/_private/__call__",
    # inside instances
    b"/store/_password", b"/store/_table", b"/store/__dict__",
    b"/store/__class__", b"/store/__class__/__init__/__globals__",
    b"/store/__init__", b"/store/__doc__", b"/store/__module__",
    b"/store/_Store__mangled", b"/store/__mangled", b"/store/_hidden",
    b"/store/__delete__", b"/store/__reduce__", b"/store/__reduce_ex__",
    b"/store/__getattribute__", b"/store/__setattr__", b"/store/__sizeof__",
    b"/store/__str__", b"/store/__subclasshook__", b"/store/prop/_password",
    b"/store/prop/prop/prop/__dict__", b"/store/parent/x",
    b"/store/method/__self__", b"/store.os", b"/store/os/environ",
    b"/store/kind", b"/store/kind/_table", b"/store/kind/title",
    b"/store/table/keys", b"/store/table/get", b"/store/table/S3CRET",
    b"/store/items/0", b"/store/items/pop", b"/store/title/upper",
    b"/store/log/name", b"/store/log/manager/loggerDict",
    b"/store/root/parent", b"/store/root/unlink", b"/store/lock/acquire",
    b"/locked/touch", b"/locked/title", b"/locked/_password",
    # values of builtin types
    b"/text/upper", b"/text/format", b"/text/__class__", b"/number/real",
    b"/number/__class__/__mro__", b"/data/keys", b"/data/items",
    b"/data/S3CRET", b"/nothing/__class__", b"/pair/_fields",
    b"/pair/_asdict", b"/generator/gi_frame", b"/generator/gi_code",
    b"/frame/f_globals", b"/frame.f_back.f_globals", b"/frame/f_code",
    b"/code/co_consts", b"/code/co_filename", b"/reference/__callback__",
    b"/proxy/_password", b"/proxy/__class__",
    # modules, classes, builtin functions
    b"/os", b"/os/environ", b"/os.path", b"/os/system?command=true",
    b"/sys", b"/sys/modules", b"/sys.path", b"/subprocess/run?args=true",
    b"/apache", b"/apache/log_error", b"/apache.main_server", b"/publisher",
    b"/publisher/handler", b"/util/redirect", b"/_apache", b"/sessions",
    b"/module", b"/module/secret", b"/space/os", b"/space/os/environ",
    b"/space/_y", b"/space/run?args=true", b"/functools/partial",
    b"/Store", b"/Store/title", b"/Store/_table", b"/Path", b"/Path/cwd",
    b"/Pair", b"/SimpleNamespace", b"/FieldStorage", b"/Worker",
    b"/getcwd", b"/system?command=true", b"/print_it", b"/open_it",
    b"/open_it?file=/etc/passwd", b"/evaluate?source=1",
    b"/annotations", b"/annotations/compiler_flag",
    # what was imported: of the standard library, of mod_python
    b"/join?a=/etc&p=passwd", b"/copyfile?src=/etc/passwd&dst=mark",
    b"/rmtree?path=.", b"/check_output?args=id", b"/run?args=id",
    b"/run?args=id&shell=1&check=1", b"/redirect?location=//evil.test/",
    b"/publish_object?object=x", b"/apply_fs_data?object=x&fs=y",
    b"/Session?sid=x", b"/Any", b"/Dict", b"/List", b"/Optional",
    b"/Optional/_name", b"/List/copy_with",
    # instances of the standard library
    b"/log/name", b"/log/info?msg=x", b"/log/setLevel?level=0",
    b"/log/root/handlers", b"/log/manager", b"/info?msg=x",
    b"/base/parent", b"/base/unlink", b"/base/rmdir", b"/base/iterdir",
    b"/base/read_text", b"/base.parent.parent", b"/base/cwd",
    b"/lock/acquire", b"/lock/release", b"/event/set", b"/event/wait",
    b"/here/x", b"/database/close", b"/database/execute?sql=select+1",
    b"/database/cursor", b"/database/total_changes",
    b"/runner", b"/runner/func", b"/runner/args", b"/runner?shell=1",
    b"/cached_run?args=id", b"/cached_run/cache_clear",
    b"/cached_run/cache_info", b"/touching", b"/getter", b"/getter?obj=x",
    b"/caller", b"/counted/__next__", b"/worker/start", b"/worker/name/x",
    b"/worker/_target", b"/worker/join", b"/stream/write?s=x",
    b"/stream/close", b"/environ/PATH", b"/environ/copy",
    b"/environ/setdefault?key=a&value=b", b"/server/server_hostname",
    b"/server/get_options",
    # objects that have no text for everybody
    b"/store", b"/locked", b"/log", b"/base", b"/lock", b"/event",
    b"/here", b"/database", b"/space", b"/frame", b"/code", b"/stream",
    b"/environ", b"/server", b"/reference", b"/counted", b"/store/prop",
    b"/store/root", b"/store/log",
    # files and directories
    b"/none", b"/none.py", b"/none/index.py", b"/empty/", b"/empty/data.txt",
    b"/empty/data", b"/empty/x/y/z", b"/empty/.htpasswd", b"/.htaccess",
    b"/__pycache__/index.cpython-311.pyc", b"/__pycache__/", b"/index.pyc",
    b"/index.py~", b"/index.py.bak", b"/index.py%20", b"/index.py.",
    b"/INDEX.PY/", b"/index.py/.py", b"/index.py%2f_password",
    b"/index.py%00", b"/%00", b"/index.py/%00", b"/index.py/page%00",
    b"/../outside.py/x", b"/..%2foutside/x", b"/%2e%2e/outside/x",
    b"/%2e%2e%2foutside.py/x", b"/..%5coutside/x", b"/....//outside/x",
    b"/empty/../../outside/x", b"/index.py/../../outside/x",
    b"/" + b"../" * 20 + b"etc/passwd", b"//etc/passwd", b"/etc/passwd",
    b"/index.py/" + b"a" * 5000, b"/" + b"a" * 5000, b"/" + b"a." * 2000,
    b"/" + b"store/prop/" * 300 + b"_password", b"/" + b"prop." * 1000,
    b"/...", b"/;", b"/:", b"/*",
    b"/$", b"/%", b"/%zz", b"/%u0041", b"/~", b"/`id`", b"/$(id)", b"/{}",
    b"/\xff\xfe", b"/\xc0\xae\xc0\xae/", b"/%0d%0aX-Evil:%201",
    b"/%0a", b"/%09", b"/text%0a", b"/text%20", b"/text%00.py", b"/page%3fx",
    b"/\xe2\x80\xae", b"/index.py/page;x", b"/<script>alert(1)</script>",
]

def test_there_are_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("target", HOSTILE, ids=lambda one: repr(one[:40]))
def test_hostile(httpd: Httpd, env: Env, before: dict[str, str],
                 log: ErrorLog, target: bytes) -> None:
    log.allow("AH10244|AH00127|AH00026|AH00036|AH00127|AH01630")
    log.allow("MP0620")
    response = ask(httpd, target)
    assert response.status in REFUSED, response.body[:300]
    assert shows_nothing(response), response
    # with a form too
    response = ask(httpd, target, method="POST", body=b"x=1",
                   headers=[("Content-Type",
                             "application/x-www-form-urlencoded")])
    assert response.status in REFUSED, response.body[:300]
    assert contents(env.docroot) == before


@pytest.mark.parametrize(("path", "expected"), [
    (b"/", b"index"), (b"/.", b"index"), (b"/index.py/..", b"index"),
    (b"/x/../page", b"page nobody"), (b"/page?name=x", b"page x"),
    (b"/%70age", b"page nobody"), (b"/store/title", b"title"),
    (b"/store/public", b"public"), (b"/store/prop/title", b"title"),
    (b"/space/x", b"x"), (b"/pair/a", b"1"), (b"/text", b"text"),
    (b"/lambda_page", b"lambda"), (b"/counter", b"6"), (b"/number", b"5"),
    (b"/nothing", b""),
])
def test_what_is_public(httpd: Httpd, path: bytes, expected: bytes) -> None:
    """The list above is not refused because everything is."""
    response = ask(httpd, path)
    assert (response.status, response.body) == (200, expected)


@pytest.mark.parametrize("name", [
    "req", "self", "cls", "args", "kw", "__class__", "req.filename", "", "=",
    "\0", "name[]", "name.__class__", "%s", "\udcff"])
def test_names_of_fields(httpd: Httpd, name: str) -> None:
    """What a field is called changes no other argument."""
    encoded = "".join(f"%{byte:02x}" for byte in
                      name.encode("utf-8", "surrogateescape")).encode()
    for path in (b"/page", b"/store/public"):
        response = ask(httpd, path + b"?" + encoded + b"=x&name=n")
        assert response.status == 200
        assert response.body in (b"page n", b"public")


@pytest.mark.parametrize(("kind", "body"), [
    ("application/json", b'{"name": "x"}'), ("text/xml", b"<name>x</name>"),
    ("multipart/form-data; boundary=b", b"--b\r\nno part"),
    ("multipart/form-data", b"x"), ("text/plain", b"name=x"),
    ("application/x-python-code", b"import os"), ("\xff", b"x")])
def test_bodies(httpd: Httpd, log: ErrorLog, kind: str, body: bytes) -> None:
    log.allow("MP060[567]")
    response = ask(httpd, b"/page", method="POST", body=body,
                   headers=[("Content-Type", kind)])
    assert response.status in (400, 415)
    assert shows_nothing(response)


@pytest.mark.parametrize("user", [
    "joe:wrong", "joe:", ":S3CRE", "joe", "", "joe:S3CRET\0", "joe\0:S3CRET",
    "JOE:S3CRET", " joe:S3CRET", "joe:s3cret", "\xff:\xff", "joe:S3CRET\n",
    "None:None", "joe:['S3CRET']"])
def test_passwords(httpd: Httpd, user: str) -> None:
    token = base64.b64encode(user.encode("latin-1"))
    for path in (b"/guarded.py/x", b"/guarded/x", b"/guarded.py/none",
                 b"/guarded", b"/guarded.py/_x"):
        response = ask(httpd, path, headers=[
            ("Authorization", b"Basic " + token)])
        assert response.status in (400, 401)
        assert shows_nothing(response)


def test_guarded_is_reached_with_the_password(client: Client) -> None:
    assert client.text("/guarded/x", auth=("joe", "S3CRET")) == "S3CRET"


@pytest.mark.parametrize("path", [
    "/index.py/store/title", "/index/store.title", "/store/title/"])
def test_other_methods(client: Client, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "MOVE"):
        assert client.request(method, path).status_code == 405


def test_no_source_while_a_module_is_broken(
        env: Env, client: Client, log: ErrorLog) -> None:
    env.write("sub/index.py", "password = 'S3CRET'\n1 / 0\n")
    response = client.get("/sub/password")
    assert response.status_code == 500
    assert "S3CRET" not in response.text
    log.expect("ZeroDivisionError")
    env.write("sub/index.py", "password = 'fine'\n")
    wait_until(lambda: client.get("/sub/password").status_code == 200)
