# SPDX-License-Identifier: Apache-2.0
"""Options, the report header, and the checks after every test."""
from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

from harness.build import Build, python_to_embed
from harness.install import MPMS, Installation, SetupError
from harness.servers import Servers

pytest_plugins = ["fix_httpd", "fix_client"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("httpd")
    group.addoption("--mpm", default="all", metavar="NAMES",
                    help="prefork, worker, event, a list of them, or all")
    group.addoption("--httpd", metavar="PATH", help="the httpd to test with")
    group.addoption("--keep", action="store_true",
                    help="keep the server roots")
    group.addoption("--repeat", type=int, default=1, metavar="N",
                    help="run each test N times")


def pytest_configure(config: pytest.Config) -> None:
    # What a script runs in its background starts with SIGINT ignored; the
    # commands that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("filterwarnings", "error")
    config.addinivalue_line(
        "markers", "mpm(name, ...): the test runs with these MPMs only")


def chosen_mpms(config: pytest.Config) -> list[str]:
    """The MPMs of --mpm that this httpd has."""
    text = str(config.getoption("--mpm"))
    wanted = list(MPMS) if text == "all" else text.split(",")
    for name in wanted:
        if name not in MPMS:
            raise pytest.UsageError(f"--mpm: there is no MPM {name!r}")
    available = Installation.find(config.getoption("--httpd")).mpms()
    return [name for name in wanted if name in available]


def pytest_report_header(config: pytest.Config) -> list[str]:
    try:
        httpd = Installation.find(config.getoption("--httpd"))
        mpms = chosen_mpms(config)
        build = Build.find()
    except SetupError as error:
        return [f"httpd: {error}"]
    module = (f"{build.module}, Python {build.python_version()}" if build
              else f"built for this session with {python_to_embed()}")
    return [f"httpd: {httpd.httpd} {httpd.version}, MPM {' '.join(mpms)}",
            f"mod_python: {module}"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mpm" in metafunc.fixturenames:
        metafunc.parametrize("mpm", chosen_mpms(metafunc.config),
                             indirect=True, scope="session")
    count = metafunc.config.getoption("--repeat")
    if count > 1:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(count))


def pytest_collection_modifyitems(config: pytest.Config,
                                  items: list[pytest.Item]) -> None:
    """Leaves out what a test's mark mpm(...) excludes."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("mpm")
        spec = getattr(item, "callspec", None)
        mpm = spec.params.get("mpm") if spec else None
        wanted = mark is None or mpm is None or mpm in mark.args
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def problems_of(item: pytest.Item) -> list[str]:
    """What the servers this test could reach complain about."""
    servers = (item.funcargs.get("servers")
               if isinstance(item, pytest.Function) else None)
    return servers.problems() if isinstance(servers, Servers) else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test fails when a server has something to complain about."""
    try:
        result = yield
    except BaseException:
        item.add_report_section("call", "httpd", "\n".join(problems_of(item)))
        raise
    problems = problems_of(item)
    if problems:
        pytest.fail("after the test:\n" + "\n".join(problems),
                    pytrace=False)
    return result
