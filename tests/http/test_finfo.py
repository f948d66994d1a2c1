# Licensed under the Apache License, Version 2.0; see LICENSE.
"""apache.stat() and its results."""
from __future__ import annotations

import os
import stat

import pytest

from harness.client import Client
from harness.conf import EVAL
from harness.env import Env
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = EXECUTE + EVAL


def configure(env: Env) -> None:
    env.write("plain.txt", "12345")
    env.write("ä/\udcff.txt", "x")


def test_members(client: Client, env: Env) -> None:
    path = env.root / "htdocs" / "plain.txt"
    os.utime(path, (1000000000.25, 1100000000.75))
    got = run(client, f"""
        f = apache.stat({str(path)!r}, apache.APR_FINFO_NORM)
        result = [f.fname, f.filetype, f.size, f.inode, f.nlink, f.user,
                  f.group, f.atime, f.mtime, f.valid, f.protection, f.name,
                  repr(type(f)), f.device, type(f.ctime).__name__]
    """)
    status = path.stat()
    assert got[:9] == [str(path), 1, 5, status.st_ino, 1, status.st_uid,
                       status.st_gid, 1000000000.25, 1100000000.75]
    assert got[9] & 0x73b170 == 0x73b170
    mode = stat.S_IMODE(status.st_mode)
    assert got[10] == int("%o" % mode, 16)  # APR writes 0644 as 0x644
    assert got[11:] == [None, "<class 'mp_finfo'>", status.st_dev, "float"]


def test_indexes(client: Client) -> None:
    got = run(client, """
        f = apache.stat(req.document_root() + "/plain.txt",
                        apache.APR_FINFO_NORM)
        names = ["protection", "inode", "device", "nlink", "user", "group",
                 "size", "atime", "mtime", "ctime", "fname", "name",
                 "filetype"]
        constants = ["MODE", "INO", "DEV", "NLINK", "UID", "GID", "SIZE",
                     "ATIME", "MTIME", "CTIME", "FNAME", "NAME", "FILETYPE"]
        result = [[f[getattr(apache, "FINFO_" + c)] == getattr(f, n)
                   for c, n in zip(constants, names)],
                  len(f), len(list(f)), raised(f.__getitem__, 13),
                  raised(f.__getitem__, 99).partition(":")[0],
                  set(names) <= set(dir(f)), "valid" in dir(f)]
    """)
    assert got == [[True] * 13, 13, 13, "IndexError: finfo index out of range",
                   "IndexError", True, True]


def test_missing_file(client: Client) -> None:
    assert run(client, """
        def look(name):
            f = apache.stat(name, apache.APR_FINFO_NORM)
            return [f.filetype == apache.APR_NOFILE, f.fname, f.size, f.mtime,
                    f.valid, f[apache.FINFO_INO]]
        result = [look("/nothing/here"), look("/etc/passwd/below")]
    """) == [[True, "/nothing/here", None, None, 0, None],
             [True, "/etc/passwd/below", None, None, 0, None]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's files are locked")
def test_other_failures(client: Client, env: Env) -> None:
    locked = env.root / "locked"
    locked.mkdir(mode=0o700, exist_ok=True)
    assert run(client, f"""
        result = raised(apache.stat, {str(locked / "x")!r}, 0)
    """).startswith("PermissionError: [Errno 13] ")


def test_arguments(client: Client) -> None:
    assert run(client, """
        import pathlib, os
        root = req.document_root()
        kind = lambda *args: raised(apache.stat, *args).partition(":")[0]
        result = [apache.stat(pathlib.Path(root), 0).filetype
                  == apache.APR_DIR,
                  apache.stat(root.encode(), 0).fname == root,
                  apache.stat(root + "/ä/\\udcff.txt",
                              apache.APR_FINFO_SIZE).size,
                  ascii(apache.stat(os.fsencode(root) + b"/\\xff",
                                    0).fname)[-8:],
                  kind("a\\0b", 0), kind(5, 0), kind("x", "y"), kind("x"),
                  kind("x", True), kind("x", 2 ** 40)]
    """.replace("\\\\", "\\")) == [
        True, True, 1, "/\\udcff'", "ValueError", "TypeError", "TypeError",
        "TypeError", "TypeError", "OverflowError"]


def test_read_only(client: Client) -> None:
    assert run(client, """
        f = apache.stat("/", 0)
        result = [raised(setattr, f, "size", 1), raised(delattr, f, "size"),
                  raised(setattr, f, "other", 1).partition(":")[0],
                  raised(type(f)).partition(":")[0],
                  repr(f).startswith("{'protection': "),
                  sorted(eval(repr(f))) == sorted(
                      n for n in dir(f) if n[0] != "_")]
    """) == ["AttributeError: attribute 'size' of 'mp_finfo' objects is not "
             "writable", "TypeError: attribute 'size' cannot be deleted",
             "AttributeError", "TypeError", True, True]


def test_of_a_request(client: Client) -> None:
    assert run(client, """
        f = apache.stat(req.document_root() + "/plain.txt",
                        apache.APR_FINFO_NORM)
        req.finfo = f
        kept["finfo"] = req.finfo
        result = [req.finfo.size, req.finfo.fname == f.fname,
                  raised(setattr, req, "finfo", 5).partition(":")[0]]
    """) == [5, True, "TypeError"]


def test_outlives_its_request(client: Client) -> None:
    for _ in range(50):
        got = run(client, """
            f = kept.pop("finfo", None)
            result = None if f is None else [f.size, f.fname[-10:]]
        """)
        if got is not None:
            break
        run(client, """
            req.finfo = apache.stat(req.document_root() + "/plain.txt",
                                    apache.APR_FINFO_NORM)
            kept["finfo"] = req.finfo
        """)
    assert got == [5, "/plain.txt"]
