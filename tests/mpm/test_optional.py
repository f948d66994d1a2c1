# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Another httpd module, in C, runs Python through the exported functions."""
from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.build import SOURCE, Build, python_to_embed
from harness.client import Client
from harness.env import Env
from harness.tools import concurrently

INCLUDE = ("import sysconfig; print(sysconfig.get_path('include'), "
           "sysconfig.get_python_version())")


def query(apxs: str, name: str) -> list[str]:
    return shlex.split(subprocess.check_output([apxs, "-q", name], text=True))


def compile_module(env: Env, build: Build) -> Path:
    """mod_mptest.so, for the Python that the module under test embeds."""
    python = os.environ.get("MP_PYTHON") or python_to_embed()
    include, version = subprocess.check_output(
        [python, "-c", INCLUDE], text=True).split()
    if version != build.python_version():
        pytest.skip(f"no headers of Python {build.python_version()} known")
    apxs = os.environ.get("APXS", "apxs")
    apr = query(apxs, "APR_CONFIG")[0]
    target = env.root / "mod_mptest.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-o", str(target),
         str(SOURCE / "tests" / "c" / "mod_mptest.c"), f"-I{SOURCE / 'src'}",
         f"-I{include}", f"-I{query(apxs, 'INCLUDEDIR')[0]}",
         *shlex.split(subprocess.check_output(
             [apr, "--includes", "--cppflags"], text=True))], check=True)
    return target


def configure(env: Env) -> str:
    assert env.build is not None
    return f"""
LoadModule mptest_module "{compile_module(env, env.build)}"
<Location /mptest>
    SetHandler mptest
</Location>
"""


def test_optional_functions(client: Client) -> None:
    assert client.text("/mptest").splitlines() == [
        "outer", "/mptest", "localhost", "True", "main_interpreter", "outer",
        "outer"]


def test_concurrently(client: Client) -> None:
    def ask(number: int) -> str:
        with Client(client.port) as own:
            return own.text("/mptest")

    assert len(set(concurrently(ask, 50))) == 1
