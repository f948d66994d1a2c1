# SPDX-License-Identifier: Apache-2.0
"""Fixtures that give a running httpd."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.build import Build
from harness.conf import BY_PATH, EVAL, Workers
from harness.env import Env
from harness.httpd import Httpd
from harness.install import Installation, SetupError
from harness.log import ErrorLog
from harness.servers import Servers


@pytest.fixture(scope="session")
def mpm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config) -> Installation:
    return Installation.find(pytestconfig.getoption("--httpd"))


@pytest.fixture(scope="session")
def servers(installation: Installation,
            pytestconfig: pytest.Config) -> Iterator[Servers]:
    os.umask(0o022)  # the children read what tests write
    builds: list[Build | SetupError] = []

    def build() -> Build:
        """Made when the first test needs it, and tried once."""
        if not builds:
            try:
                builds.append(Build.find() or Build.make())
            except SetupError as error:
                builds.append(error)
        if isinstance(builds[0], SetupError):
            raise builds[0]
        return builds[0]

    made = Servers(installation, build, pytestconfig.getoption("--keep"))
    yield made
    problems = made.finish_all()
    for one in builds:
        if isinstance(one, Build):
            one.remove()
    assert not problems, "\n".join(problems)


@pytest.fixture(autouse=True)
def begin_test(request: pytest.FixtureRequest) -> None:
    """What is in the logs before a test is not the test's doing."""
    if "servers" in request.fixturenames:
        request.getfixturevalue("servers").begin_test(request.node.name)


def configure(server: Httpd, module: Any) -> str:
    """What a test module says about its server, turned into text."""
    name = module.__name__.rpartition(".")[2]
    env = server.env
    env.modules += getattr(module, "MODULES", [])
    env.workers = getattr(module, "WORKERS", env.workers)
    for handlers in (name, *getattr(module, "HANDLERS", [])):
        env.copy_handlers(handlers)
    text = getattr(module, "CONFIG", None)
    hook: Callable[[Env], str | None] | None = getattr(
        module, "configure", None)
    added = hook(env) if hook else None
    if text is None and added is None:
        return BY_PATH.format(name=name) + EVAL
    return (text or "") + (added or "")


@pytest.fixture(scope="module")
def httpd(mpm: str, servers: Servers,
          request: pytest.FixtureRequest) -> Iterator[Httpd]:
    """The running server of this test module."""
    module = request.module
    server = servers.make(mpm, module.__name__,
                          python=getattr(module, "PYTHON", True))
    for pattern in getattr(module, "START_LOG", []):
        server.log.allow(pattern)
    try:
        server.start(configure(server, module))
        problems = server.problems()
        assert not problems, "\n".join(["httpd started, but:", *problems])
    except BaseException:
        servers.finish(server)
        raise
    server.remember_descriptors()
    yield server
    problems = servers.finish(server)
    assert not problems, "\n".join(["httpd of this module:", *problems])


@pytest.fixture(scope="module")
def env(httpd: Httpd) -> Env:
    """Files and ports of the module's server."""
    return httpd.env


@pytest.fixture
def log(httpd: Httpd) -> ErrorLog:
    """The error log of the module's server."""
    return httpd.log


StartHttpd = Callable[..., Httpd]


@pytest.fixture
def make_httpd(mpm: str, servers: Servers,
               request: pytest.FixtureRequest) -> Iterator[StartHttpd]:
    """make_httpd(python=True, modules=[], workers=None): a server root of
    the test's own, not started, ended with the test."""
    made: list[Httpd] = []

    def make(python: bool = True, modules: list[str] | None = None,
             workers: Workers | None = None) -> Httpd:
        server = servers.make(mpm, request.node.name, python=python,
                              modules=modules, workers=workers)
        name = request.module.__name__.rpartition(".")[2]
        server.env.copy_handlers(name)
        made.append(server)
        return server

    yield make
    problems = [problem for server in made
                for problem in servers.finish(server)]
    assert not problems, "\n".join(["httpd of this test:", *problems])


@pytest.fixture
def start_httpd(make_httpd: StartHttpd) -> StartHttpd:
    """start_httpd(config, ...) -> a running server for this test alone."""
    def start(config: str = "", *, python: bool = True,
              modules: list[str] | None = None,
              workers: Workers | None = None, **options: Any) -> Httpd:
        server = make_httpd(python=python, modules=modules, workers=workers)
        server.start(config, **options)
        server.remember_descriptors()
        return server

    return start
